//! Table `memberships`.

use sqlx::QueryBuilder;
use uuid::Uuid;

use super::Result;
use super::tx::{CHUNK, Tx, on_either, push_is_in};
use crate::domain::id::{GroupId, UserId};

impl Tx {
    /// Adds users to a group. Answers those that were not in it.
    pub async fn insert_memberships(
        &mut self,
        group: GroupId,
        users: &[UserId],
    ) -> Result<Vec<UserId>> {
        let mut added = Vec::with_capacity(users.len());
        for chunk in users.chunks(CHUNK) {
            let ids: Vec<Uuid> = on_either!(self, |c| {
                let mut query = QueryBuilder::new("INSERT INTO memberships (user_id, group_id) ");
                query.push_values(chunk, |mut row, user| {
                    row.push_bind(user.0).push_bind(group.0);
                });
                query.push(" ON CONFLICT DO NOTHING RETURNING user_id");
                query.build_query_scalar().fetch_all(c).await
            })?;
            added.extend(ids.into_iter().map(UserId));
        }
        Ok(added)
    }

    /// Takes users out of a group. Answers those that were in it.
    pub async fn remove_memberships(
        &mut self,
        group: GroupId,
        users: &[UserId],
    ) -> Result<Vec<UserId>> {
        let mut removed = Vec::with_capacity(users.len());
        for chunk in users.chunks(CHUNK) {
            let ids: Vec<Uuid> = on_either!(self, |c| {
                let mut query = QueryBuilder::new("DELETE FROM memberships WHERE group_id = ");
                query.push_bind(group.0).push(" AND ");
                push_is_in(&mut query, "user_id", chunk.iter().map(|user| user.0));
                query.push(" RETURNING user_id");
                query.build_query_scalar().fetch_all(c).await
            })?;
            removed.extend(ids.into_iter().map(UserId));
        }
        Ok(removed)
    }

    /// Members of a group in order of id.
    pub async fn list_members(
        &mut self,
        group: GroupId,
        after: Option<Uuid>,
        limit: u32,
    ) -> Result<Vec<UserId>> {
        const SQL: &str = "SELECT user_id FROM memberships WHERE group_id = $1 AND user_id > $2 \
             ORDER BY user_id LIMIT $3";
        let ids: Vec<Uuid> = on_either!(self, |c| {
            sqlx::query_scalar(SQL)
                .bind(group.0)
                .bind(after.unwrap_or_default())
                .bind(i64::from(limit))
                .fetch_all(c)
                .await
        })?;
        Ok(ids.into_iter().map(UserId).collect())
    }

    /// Members of a group who hold a live session, in order of id.
    pub async fn list_members_with_sessions(&mut self, group: GroupId) -> Result<Vec<UserId>> {
        const SQL: &str = "SELECT DISTINCT m.user_id FROM memberships m \
             JOIN sessions s ON s.user_id = m.user_id AND s.ended_at IS NULL \
             WHERE m.group_id = $1 ORDER BY m.user_id";
        let ids: Vec<Uuid> = on_either!(self, |c| sqlx::query_scalar(SQL)
            .bind(group.0)
            .fetch_all(c)
            .await)?;
        Ok(ids.into_iter().map(UserId).collect())
    }

    /// The groups that a user is in: ids with names.
    pub async fn list_groups_of(&mut self, user: UserId) -> Result<Vec<(GroupId, String)>> {
        const SQL: &str = "SELECT g.id, g.name FROM memberships m \
             JOIN groups g ON g.id = m.group_id WHERE m.user_id = $1 ORDER BY g.name";
        let rows: Vec<(Uuid, String)> = on_either!(self, |c| sqlx::query_as(SQL)
            .bind(user.0)
            .fetch_all(c)
            .await)?;
        Ok(rows
            .into_iter()
            .map(|(id, name)| (GroupId(id), name))
            .collect())
    }
}
