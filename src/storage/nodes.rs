//! Tables `nodes` and `duty`: who shares this database, and who of them does what is to be done once.

use sqlx::QueryBuilder;
use uuid::Uuid;

use super::Result;
use super::row::{count, position, seq};
use super::tx::{Done, Tx, on_either};
use crate::domain::id::{NodeId, Seq};
use crate::domain::progress::NodeRecord;

#[derive(sqlx::FromRow)]
struct NodeRow {
    id: Uuid,
    name: String,
    beat: i64,
    applied: i64,
}

impl From<NodeRow> for NodeRecord {
    fn from(row: NodeRow) -> Self {
        Self {
            id: NodeId(row.id),
            name: row.name,
            beat: count(row.beat),
            applied: seq(row.applied),
        }
    }
}

impl Tx {
    /// A node lives, and has applied so much.
    pub async fn check_in_node(&mut self, id: NodeId, name: &str, applied: Seq) -> Result<()> {
        const SQL: &str = "INSERT INTO nodes (id, name, beat, applied) VALUES ($1, $2, 1, $3) \
             ON CONFLICT (id) DO UPDATE SET beat = nodes.beat + 1, applied = excluded.applied";
        on_either!(self, |c| {
            sqlx::query(SQL)
                .bind(id.0)
                .bind(name)
                .bind(position(applied))
                .execute(c)
                .await
                .map(Done::from)
        })?;
        Ok(())
    }

    /// Strikes a node out unless it has moved since this beat, or moves now.
    pub async fn delete_silent_node(&mut self, id: NodeId, beat: u64) -> Result<()> {
        let beat = i64::try_from(beat).unwrap_or(i64::MAX);
        let how = self.to_hold_if_free();
        on_either!(self, |c| {
            let mut query = QueryBuilder::new("DELETE FROM nodes WHERE id IN (");
            query.push("SELECT id FROM nodes AS held WHERE id = ");
            query.push_bind(id.0).push(" AND beat = ").push_bind(beat);
            query.push(how).push(")");
            query.build().execute(c).await.map(Done::from)
        })?;
        Ok(())
    }

    /// A node has gone, and does nothing for the others any more.
    pub async fn delete_node(&mut self, id: NodeId) -> Result<()> {
        const NODE: &str = "DELETE FROM nodes WHERE id = $1";
        const DUTY: &str = "UPDATE duty SET holder = NULL WHERE id = 1 AND holder = $1";
        for sql in [NODE, DUTY] {
            on_either!(self, |c| sqlx::query(sql)
                .bind(id.0)
                .execute(c)
                .await
                .map(Done::from))?;
        }
        Ok(())
    }

    /// Nobody is there.
    pub async fn clear_nodes(&mut self) -> Result<()> {
        const NODES: &str = "DELETE FROM nodes";
        const DUTY: &str = "UPDATE duty SET holder = NULL WHERE id = 1";
        for sql in [NODES, DUTY] {
            on_either!(self, |c| sqlx::query(sql).execute(c).await.map(Done::from))?;
        }
        Ok(())
    }

    /// The nodes, by id.
    pub async fn list_nodes(&mut self) -> Result<Vec<NodeRecord>> {
        const SQL: &str = "SELECT id, name, beat, applied FROM nodes ORDER BY id";
        let rows: Vec<NodeRow> = on_either!(self, |c| sqlx::query_as(SQL).fetch_all(c).await)?;
        Ok(rows.into_iter().map(NodeRecord::from).collect())
    }

    /// Who is on duty.
    pub async fn find_duty_holder(&mut self) -> Result<Option<NodeId>> {
        const SQL: &str = "SELECT holder FROM duty WHERE id = 1";
        let holder: Option<Uuid> =
            on_either!(self, |c| sqlx::query_scalar(SQL).fetch_one(c).await)?;
        Ok(holder.map(NodeId))
    }

    /// Takes the duty from whoever had it; says whether that still was so.
    pub async fn take_duty(&mut self, from: Option<NodeId>, to: NodeId) -> Result<bool> {
        let how = self.to_hold_if_free();
        let done = on_either!(self, |c| {
            let mut query = QueryBuilder::new("UPDATE duty SET holder = ");
            query.push_bind(to.0);
            query.push(" WHERE id IN (SELECT id FROM duty AS held WHERE id = 1 AND holder ");
            match from {
                Some(from) => query.push("= ").push_bind(from.0),
                None => query.push("IS NULL"),
            };
            query.push(how).push(")");
            query.build().execute(c).await.map(Done::from)
        })?;
        Ok(done.rows_affected() > 0)
    }
}
