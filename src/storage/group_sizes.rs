//! Table `group_sizes`, which the database keeps by itself: how many members each group has, as the sum of its rows.

use std::collections::BTreeMap;

use sqlx::QueryBuilder;
use uuid::Uuid;

use super::Result;
use super::row::count;
use super::tx::{Done, Tx, on_either};
use crate::domain::id::GroupId;

/// The most groups whose rows are folded at once.
const GROUPS: i64 = 500;

impl Tx {
    /// How many members a group has.
    pub async fn count_members(&mut self, id: GroupId) -> Result<u64> {
        const SQL: &str = "SELECT CAST(COALESCE(SUM(members), 0) AS BIGINT) FROM group_sizes \
             WHERE group_id = $1";
        let members: i64 = on_either!(self, |c| sqlx::query_scalar(SQL)
            .bind(id.0)
            .fetch_one(c)
            .await)?;
        Ok(count(members))
    }

    /// Makes one row of several of a group, and none of those of a group that is empty or gone.
    pub async fn fold_group_sizes(&mut self) -> Result<()> {
        const TAKE: &str = "DELETE FROM group_sizes WHERE group_id IN (SELECT group_id FROM group_sizes \
             GROUP BY group_id HAVING COUNT(*) > 1 OR SUM(members) = 0 LIMIT $1) \
             RETURNING group_id, members";
        let rows: Vec<(Uuid, i64)> = on_either!(self, |c| {
            sqlx::query_as(TAKE).bind(GROUPS).fetch_all(c).await
        })?;
        let mut sums: BTreeMap<Uuid, i64> = BTreeMap::new();
        for (group, members) in rows {
            *sums.entry(group).or_default() += members;
        }
        sums.retain(|_, sum| *sum != 0);
        if sums.is_empty() {
            return Ok(());
        }
        on_either!(self, |c| {
            let mut query = QueryBuilder::new("INSERT INTO group_sizes (group_id, members) ");
            query.push_values(sums, |mut row, (group, sum)| {
                row.push_bind(group).push_bind(sum);
            });
            query.build().execute(c).await.map(Done::from)
        })?;
        Ok(())
    }
}
