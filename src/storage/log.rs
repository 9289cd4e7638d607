//! The log: one ordered, gap-free list of events. The row of the head orders the commits.

use sqlx::QueryBuilder;
use uuid::Uuid;

use super::row::{corrupt, position, seq};
use super::tx::{Done, Inner, Recorded, Tx, on_either};
use super::{Error, Result, Store};
use crate::domain::access::InitiatingEntity;
use crate::domain::audit::AuditEntry;
use crate::domain::clock::Timestamp;
use crate::domain::event::{Event, LogEntry};
use crate::domain::id::{Seq, SessionId, UserId};

/// Of one statement; some ten values each stay below every driver's limit.
const EVENTS_PER_APPEND: usize = 500;
/// Statements about so many are kept for the next time: there is another text for each number of them.
const KEPT_MAX: usize = 2;

/// What holds the parts of an append together.
struct Glue {
    before: &'static str,
    events: &'static str,
    sessions: &'static str,
    after: &'static str,
    /// The same where nothing comes after it.
    at_last: &'static str,
    /// Where the parts find the new head.
    head: &'static str,
}

/// For who takes several statements one way.
const IN_TURN: Glue = Glue {
    before: "",
    events: "; ",
    sessions: "; ",
    after: "",
    at_last: "; COMMIT",
    head: "log_head AS head",
};

/// For who takes several writes in one statement.
const AT_ONCE: Glue = Glue {
    before: "WITH head AS (",
    events: "), written AS (",
    sessions: "), placed AS (",
    after: ") SELECT seq FROM head",
    at_last: ") SELECT seq FROM head",
    head: "head",
};

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
            self.note_commit();
            return Ok(Vec::new());
        }
        // In the model: `Append`.
        let mut entries = Vec::with_capacity(recorded.len());
        let mut chunks = recorded.chunks(EVENTS_PER_APPEND).peekable();
        while let Some(chunk) = chunks.next() {
            let last = tx.append(chunk, at, chunks.peek().is_none()).await?;
            entries.extend(
                chunk
                    .iter()
                    .zip(backwards(chunk))
                    .map(|(recorded, back)| LogEntry {
                        seq: seq(last - back),
                        at,
                        initiating_entity: recorded.cause.initiating_entity,
                        event: recorded.event.clone(),
                    }),
            );
        }
        // In the model: `Commit`. Where it went with the last append, it is done.
        tx.finish().await?;
        self.note_commit();
        let last = entries.last().map(|entry| entry.seq.0);
        tracing::debug!(seq = last, "committed");
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

    /// Moves the head on, writes these events down before it, and where their sessions began and ended: a session's
    /// fence is the position of its start, and its end names the position of its end. One statement, or several
    /// that go one way, and `commits` with them where it can, since whoever else appends waits for the end of it.
    /// Answers the head.
    async fn append(&mut self, recorded: &[Recorded], at: Timestamp, commits: bool) -> Result<i64> {
        let count = i64::try_from(recorded.len()).map_err(|_| corrupt("log_head"))?;
        let mut rows = Vec::with_capacity(recorded.len());
        for (recorded, back) in recorded.iter().zip(backwards(recorded)) {
            let body = serde_json::to_string(&recorded.event).map_err(|_| corrupt("events"))?;
            rows.push((back, body, recorded));
        }
        let placed: Vec<_> = recorded
            .iter()
            .zip(backwards(recorded))
            .filter_map(|(recorded, back)| Some((session_of(&recorded.event)?, back)))
            .collect();
        let glue = match &self.inner {
            Inner::Sqlite(_) => &IN_TURN,
            Inner::Postgres(_) => &AT_ONCE,
        };
        let head: Vec<i64> = on_either!(self, |c| {
            let mut query = QueryBuilder::new(glue.before);
            query.push("UPDATE log_head SET seq = seq + ");
            query.push_bind(count).push(" WHERE id = 1 RETURNING seq");
            query.push(glue.events).push(
                "INSERT INTO events (seq, kind, at, actor_type, actor_id, user_id, \
                 initiating_entity, request_id, address, body) \
                 SELECT head.seq - v.column1, v.column2, v.column3, v.column4, v.column5, \
                 v.column6, v.column7, v.column8, v.column9, v.column10 FROM ",
            );
            query.push(glue.head).push(", (");
            query.push_values(rows, |mut row, (back, body, recorded)| {
                row.push_bind(back)
                    .push_bind(recorded.event.kind())
                    .push_bind(at.as_millis())
                    .push_bind(recorded.cause.actor.kind())
                    .push_bind(recorded.cause.actor.id())
                    .push_bind(recorded.event.user_id().map(|id| id.0))
                    .push_bind(recorded.cause.initiating_entity.as_str())
                    .push_bind(recorded.cause.request_id.as_deref())
                    .push_bind(recorded.cause.address.as_deref())
                    .push_bind(body);
            });
            query.push(") AS v");
            if !placed.is_empty() {
                query.push(glue.sessions).push(
                    "UPDATE sessions SET \
                     fence = CASE WHEN v.column3 THEN head.seq - v.column2 ELSE fence END, \
                     ended_seq = CASE WHEN v.column3 THEN ended_seq ELSE head.seq - v.column2 END FROM ",
                );
                query.push(glue.head).push(", (");
                query.push_values(placed, |mut row, ((id, begins), back)| {
                    row.push_bind(id.0).push_bind(back).push_bind(begins);
                });
                query.push(") AS v WHERE sessions.id = v.column1");
            }
            query.push(if commits { glue.at_last } else { glue.after });
            query
                .build_query_scalar()
                .persistent(recorded.len() <= KEPT_MAX)
                .fetch_all(c)
                .await
        })?;
        if let (Inner::Sqlite(lane), true) = (&mut self.inner, commits) {
            lane.has_committed();
        }
        head.first().copied().ok_or(corrupt("log_head"))
    }
}

/// How far each of these is behind the last one.
fn backwards(recorded: &[Recorded]) -> impl Iterator<Item = i64> {
    (0..recorded.len())
        .rev()
        .map(|back| i64::try_from(back).unwrap_or(i64::MAX))
}

/// The session that begins or ends with an event, and whether it begins.
fn session_of(event: &Event) -> Option<(SessionId, bool)> {
    match event {
        Event::SessionStarted { session_id, .. } => Some((*session_id, true)),
        Event::SessionEnded(ended) => Some((ended.session_id, false)),
        _ => None,
    }
}
