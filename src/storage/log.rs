//! The log: one ordered, gap-free list of events. The row of the head orders the commits.

use sqlx::QueryBuilder;
use uuid::Uuid;

use super::row::{corrupt, position, seq};
use super::tx::{Done, Recorded, Tx, on_either};
use super::{Error, Result, Store};
use crate::domain::access::InitiatingEntity;
use crate::domain::audit::AuditEntry;
use crate::domain::clock::Timestamp;
use crate::domain::event::{Event, LogEntry};
use crate::domain::id::{Seq, UserId};

/// Rows per statement; ten values each stay below every driver's limit.
const ROWS_PER_INSERT: usize = 500;

#[derive(sqlx::FromRow)]
struct EventRow {
    seq: i64,
    at: i64,
    actor_type: String,
    actor_id: Option<Uuid>,
    initiating_entity: String,
    request_id: Option<String>,
    address: Option<String>,
    body: String,
}

/// Which entries of the log are wanted.
#[derive(Clone, Debug, Default)]
pub struct EventFilter {
    /// Those after this position.
    pub after: Seq,
    /// Those of this kind.
    pub kind: Option<String>,
    /// Those that concern this user.
    pub user_id: Option<UserId>,
}

impl TryFrom<EventRow> for AuditEntry {
    type Error = Error;

    fn try_from(row: EventRow) -> Result<Self> {
        let event: Event = serde_json::from_str(&row.body).map_err(|_| corrupt("events"))?;
        let initiating_entity: InitiatingEntity =
            serde_json::from_value(row.initiating_entity.into()).map_err(|_| corrupt("events"))?;
        Ok(Self {
            entry: LogEntry {
                seq: seq(row.seq),
                at: Timestamp::from_millis(row.at),
                initiating_entity,
                event,
            },
            actor_type: row.actor_type,
            actor_id: row.actor_id,
            request_id: row.request_id,
            address: row.address,
        })
    }
}

impl Store {
    /// Appends the transaction's events to the log and commits. Answers the entries, none where
    /// nothing was recorded.
    pub async fn commit(&self, mut tx: Tx, at: Timestamp) -> Result<Vec<LogEntry>> {
        let recorded = tx.take_recorded();
        if recorded.is_empty() {
            tx.finish().await?;
            return Ok(Vec::new());
        }
        // In the model: `Append`.
        let first = tx.advance_head(recorded.len()).await?;
        let entries: Vec<LogEntry> = recorded
            .iter()
            .zip(first.0..)
            .map(|(recorded, seq)| LogEntry {
                seq: Seq(seq),
                at,
                initiating_entity: recorded.cause.initiating_entity,
                event: recorded.event.clone(),
            })
            .collect();
        tx.insert_events(&recorded, &entries).await?;
        tx.place_sessions(&entries).await?;
        // In the model: `Commit`.
        tx.finish().await?;
        Ok(entries)
    }
}

impl Tx {
    /// The last position given.
    pub async fn find_head(&mut self) -> Result<Seq> {
        const SQL: &str = "SELECT seq FROM log_head WHERE id = 1";
        let head: i64 = on_either!(self, |c| sqlx::query_scalar(SQL).fetch_one(c).await)?;
        Ok(seq(head))
    }

    /// Leaves out so many positions; answers the last one before them.
    pub async fn skip_positions(&mut self, count: i64) -> Result<Seq> {
        const SQL: &str = "UPDATE log_head SET seq = seq + $1 WHERE id = 1 RETURNING seq";
        let skipped: i64 = on_either!(self, |c| {
            sqlx::query_scalar(SQL).bind(count).fetch_one(c).await
        })?;
        Ok(seq(skipped - count))
    }

    /// The entries after a position, ascending.
    pub async fn list_entries(&mut self, after: Seq, limit: u32) -> Result<Vec<LogEntry>> {
        let filter = EventFilter {
            after,
            ..EventFilter::default()
        };
        let rows = self.list_audit(&filter, limit).await?;
        Ok(rows.into_iter().map(|row| row.entry).collect())
    }

    /// The position before the first entry that is not older than this.
    pub async fn find_position_before(&mut self, at: Timestamp) -> Result<Seq> {
        const FIRST: &str = "SELECT seq, at FROM events ORDER BY seq LIMIT 1";
        // The sum keeps it from walking the log from its beginning, past all that are older.
        const SQL: &str = "SELECT MIN(seq + 0) FROM events WHERE at >= $1";
        let at = at.as_millis();
        let oldest: Option<(i64, i64)> =
            on_either!(self, |c| sqlx::query_as(FIRST).fetch_optional(c).await)?;
        if let Some((first, _)) = oldest.filter(|(_, oldest)| *oldest >= at) {
            return Ok(seq(first - 1));
        }
        let first: Option<i64> = on_either!(self, |c| {
            sqlx::query_scalar(SQL).bind(at).fetch_one(c).await
        })?;
        match first {
            Some(first) => Ok(seq(first - 1)),
            None => self.find_head().await,
        }
    }

    /// Forgets the first events, at most `limit`: up to one that is not older than `before`, or lies after
    /// `upto`. What is left has no gap. Answers how many were forgotten.
    pub async fn forget_events(&mut self, before: Timestamp, upto: Seq, limit: u32) -> Result<u64> {
        const FIRST: &str = "SELECT seq, at FROM events ORDER BY seq LIMIT $1";
        const FORGET: &str = "DELETE FROM events WHERE seq <= $1";
        let first: Vec<(i64, i64)> = on_either!(self, |c| {
            let query = sqlx::query_as(FIRST).bind(i64::from(limit));
            query.fetch_all(c).await
        })?;
        let goes = |(at_seq, at): &&(i64, i64)| *at < before.as_millis() && seq(*at_seq) <= upto;
        let Some((last, _)) = first.iter().take_while(goes).last() else {
            return Ok(0);
        };
        let done = on_either!(self, |c| {
            let query = sqlx::query(FORGET).bind(*last);
            query.execute(c).await.map(Done::from)
        })?;
        Ok(done.rows_affected())
    }

    /// The log as the audit trail, ascending.
    pub async fn list_audit(
        &mut self,
        filter: &EventFilter,
        limit: u32,
    ) -> Result<Vec<AuditEntry>> {
        let rows: Vec<EventRow> = on_either!(self, |c| {
            let mut query = QueryBuilder::new(
                "SELECT seq, at, actor_type, actor_id, initiating_entity, request_id, address, body \
                 FROM events WHERE seq > ",
            );
            query.push_bind(position(filter.after));
            if let Some(kind) = &filter.kind {
                query.push(" AND kind = ").push_bind(kind);
            }
            if let Some(user) = filter.user_id {
                query.push(" AND user_id = ").push_bind(user.0);
            }
            query
                .push(" ORDER BY seq LIMIT ")
                .push_bind(i64::from(limit));
            query.build_query_as().fetch_all(c).await
        })?;
        rows.into_iter().map(AuditEntry::try_from).collect()
    }

    async fn advance_head(&mut self, count: usize) -> Result<Seq> {
        const SQL: &str = "UPDATE log_head SET seq = seq + $1 WHERE id = 1 RETURNING seq";
        let count = i64::try_from(count).map_err(|_| corrupt("log_head"))?;
        let last: i64 = on_either!(self, |c| sqlx::query_scalar(SQL)
            .bind(count)
            .fetch_one(c)
            .await)?;
        Ok(seq(last - count + 1))
    }

    async fn insert_events(&mut self, recorded: &[Recorded], entries: &[LogEntry]) -> Result<()> {
        for (recorded, entries) in recorded
            .chunks(ROWS_PER_INSERT)
            .zip(entries.chunks(ROWS_PER_INSERT))
        {
            let mut rows = Vec::with_capacity(entries.len());
            for (recorded, entry) in recorded.iter().zip(entries) {
                let body = serde_json::to_string(&entry.event).map_err(|_| corrupt("events"))?;
                rows.push((entry.event.kind(), body, recorded, entry));
            }
            on_either!(self, |c| {
                let mut query = QueryBuilder::new(
                    "INSERT INTO events (seq, kind, at, actor_type, actor_id, user_id, \
                     initiating_entity, request_id, address, body) ",
                );
                query.push_values(rows, |mut row, (kind, body, recorded, entry)| {
                    row.push_bind(position(entry.seq))
                        .push_bind(kind)
                        .push_bind(entry.at.as_millis())
                        .push_bind(recorded.cause.actor.kind())
                        .push_bind(recorded.cause.actor.id())
                        .push_bind(entry.event.user_id().map(|id| id.0))
                        .push_bind(entry.initiating_entity.as_str())
                        .push_bind(recorded.cause.request_id.as_deref())
                        .push_bind(recorded.cause.address.as_deref())
                        .push_bind(body);
                });
                query.build().execute(c).await.map(Done::from)
            })?;
        }
        Ok(())
    }

    /// A session's fence is the position of its start, and its end names the position of its end.
    async fn place_sessions(&mut self, entries: &[LogEntry]) -> Result<()> {
        const START: &str = "UPDATE sessions SET fence = $2 WHERE id = $1";
        const END: &str = "UPDATE sessions SET ended_seq = $2 WHERE id = $1";
        for entry in entries {
            let (sql, id) = match &entry.event {
                Event::SessionStarted { session_id, .. } => (START, session_id),
                Event::SessionEnded(ended) => (END, &ended.session_id),
                _ => continue,
            };
            on_either!(self, |c| {
                sqlx::query(sql)
                    .bind(id.0)
                    .bind(position(entry.seq))
                    .execute(c)
                    .await
                    .map(Done::from)
            })?;
        }
        Ok(())
    }
}
