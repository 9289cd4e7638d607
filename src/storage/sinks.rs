//! Table `sinks`: how far each reader that writes elsewhere has come.

use super::row::{position, seq};
use super::tx::{Done, Tx, on_either};
use super::{Result, Store};
use crate::domain::clock::Timestamp;
use crate::domain::id::Seq;

/// How far a sink has come, and how it fares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SinkRow {
    /// Everything up to this position has been written.
    pub seq: Seq,
    /// Since when no write has succeeded.
    pub failing_since: Option<Timestamp>,
    /// Since when it is no longer tried.
    pub disabled_at: Option<Timestamp>,
}

impl Tx {
    /// How far a sink has come.
    pub async fn find_sink(&mut self, name: &str) -> Result<Option<SinkRow>> {
        const SQL: &str = "SELECT seq, failing_since, disabled_at FROM sinks WHERE name = $1";
        let row: Option<(i64, Option<i64>, Option<i64>)> = on_either!(self, |c| {
            sqlx::query_as(SQL).bind(name).fetch_optional(c).await
        })?;
        Ok(row.map(|(at, failing_since, disabled_at)| SinkRow {
            seq: seq(at),
            failing_since: failing_since.map(Timestamp::from_millis),
            disabled_at: disabled_at.map(Timestamp::from_millis),
        }))
    }

    /// A sink is no longer tried, or is tried again as if it had never failed. Answers whether that
    /// changed anything.
    pub async fn set_sink_disabled(&mut self, name: &str, at: Option<Timestamp>) -> Result<bool> {
        const DISABLE: &str =
            "UPDATE sinks SET disabled_at = $2 WHERE name = $1 AND disabled_at IS NULL";
        const ENABLE: &str = "UPDATE sinks SET disabled_at = NULL, failing_since = NULL \
             WHERE name = $1 AND disabled_at IS NOT NULL";
        let done = on_either!(self, |c| match at {
            Some(at) => {
                let query = sqlx::query(DISABLE).bind(name).bind(at.as_millis());
                query.execute(c).await.map(Done::from)
            }
            None => sqlx::query(ENABLE)
                .bind(name)
                .execute(c)
                .await
                .map(Done::from),
        })?;
        Ok(done.rows_affected() == 1)
    }
}

impl Store {
    /// A sink begins after this position, unless it has begun before.
    pub async fn begin_sink(&self, name: &str, after: Seq) -> Result<()> {
        const SQL: &str = "INSERT INTO sinks (name, seq) VALUES ($1, $2) ON CONFLICT DO NOTHING";
        let mut tx = self.begin().await?;
        on_either!(tx, |c| {
            let query = sqlx::query(SQL).bind(name).bind(position(after));
            query.execute(c).await.map(Done::from)
        })?;
        tx.finish().await
    }

    /// A sink says how far it has come, never less far than before. It changes nothing that anybody else goes by.
    pub async fn save_sink(
        &self,
        name: &str,
        at: Seq,
        failing_since: Option<Timestamp>,
    ) -> Result<()> {
        const SQL: &str =
            "UPDATE sinks SET seq = $2, failing_since = $3 WHERE name = $1 AND seq <= $2";
        let mut tx = self.begin().await?;
        on_either!(tx, |c| {
            sqlx::query(SQL)
                .bind(name)
                .bind(position(at))
                .bind(failing_since.map(Timestamp::as_millis))
                .execute(c)
                .await
                .map(Done::from)
        })?;
        tx.finish().await
    }
}
