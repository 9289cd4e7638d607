//! Table `sessions`, as far as the outlook of many sessions goes: in a storm everybody's is asked for.

use sqlx::QueryBuilder;
use uuid::Uuid;

use super::Result;
use super::row::seconds;
use super::tx::{CHUNK, Tx, is_kept, on_either};
use crate::domain::clock::Timestamp;
use crate::domain::id::SessionId;
use crate::domain::policy::Lifetimes;
use crate::domain::session::Life;

const COLUMNS: &str = "id, created_at, last_active_at, expires_at, idle_timeout_s, max_age_s, \
     sign_in_max_age_s, ended_at, (SELECT f.signed_in_at FROM foreign_sessions f \
     WHERE f.session_id = sessions.id) AS signed_in_elsewhere_at";

#[derive(sqlx::FromRow)]
struct LifeRow {
    id: Uuid,
    created_at: i64,
    last_active_at: i64,
    expires_at: i64,
    idle_timeout_s: Option<i64>,
    max_age_s: Option<i64>,
    sign_in_max_age_s: Option<i64>,
    ended_at: Option<i64>,
    signed_in_elsewhere_at: Option<i64>,
}

impl From<LifeRow> for Life {
    fn from(row: LifeRow) -> Self {
        let created_at = Timestamp::from_millis(row.created_at);
        let elsewhere = row.signed_in_elsewhere_at;
        Self {
            session: SessionId(row.id),
            created_at,
            signed_in_at: elsewhere.map_or(created_at, Timestamp::from_seconds),
            last_active_at: Timestamp::from_millis(row.last_active_at),
            expires_at: Timestamp::from_millis(row.expires_at),
            lifetimes: Lifetimes {
                idle_timeout_s: seconds(row.idle_timeout_s),
                max_age_s: seconds(row.max_age_s),
                sign_in_max_age_s: seconds(row.sign_in_max_age_s),
            },
            has_ended: row.ended_at.is_some(),
        }
    }
}

impl Tx {
    /// Notes that access tokens issued with these refresh tokens have come back, but for sessions that somebody
    /// holds; returns those that are noted.
    pub async fn mark_presented_if_free(
        &mut self,
        tokens: &[(SessionId, u32)],
    ) -> Result<Vec<Life>> {
        let how = self.to_hold_if_free();
        let mut marked = Vec::with_capacity(tokens.len());
        for chunk in tokens.chunks(CHUNK) {
            let lives: Vec<LifeRow> = on_either!(self, |c| {
                let mut query = QueryBuilder::new(
                    "UPDATE sessions SET presented = TRUE WHERE id IN (SELECT held.id FROM (",
                );
                query.push_values(chunk, |mut row, (id, generation)| {
                    row.push_bind(id.0).push_bind(i64::from(*generation));
                });
                // By these to their sessions: the other way round it would look at everybody's.
                query.push(
                    ") AS v JOIN sessions AS held \
                     ON held.id = v.column1 AND held.generation = v.column2",
                );
                query.push(how).push(") RETURNING ").push(COLUMNS);
                query
                    .build_query_as()
                    .persistent(is_kept(chunk))
                    .fetch_all(c)
                    .await
            })?;
            marked.extend(lives.into_iter().map(Life::from));
        }
        Ok(marked)
    }

    /// Those of these sessions that there are.
    pub async fn list_lives(&mut self, ids: &[SessionId]) -> Result<Vec<Life>> {
        let sql = format!("SELECT {COLUMNS} FROM sessions WHERE ");
        let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
        let lives: Vec<LifeRow> = self.select_in(&sql, "id", &ids).await?;
        Ok(lives.into_iter().map(Life::from).collect())
    }
}
