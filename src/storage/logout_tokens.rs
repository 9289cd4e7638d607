//! Table `logout_tokens`, and the sessions that they name in `foreign_sessions`.

use uuid::Uuid;

use super::Result;
use super::tx::{Done, Tx, on_either};
use crate::domain::clock::Timestamp;
use crate::domain::id::SessionId;
use crate::domain::issuer::{LoggedOut, SessionKey};

impl Tx {
    /// Takes a logout token. Answers whether it was not taken before.
    pub async fn insert_logout_token(
        &mut self,
        issuer: &str,
        jti: &str,
        keep_until: Timestamp,
    ) -> Result<bool> {
        const SQL: &str = "INSERT INTO logout_tokens (issuer, jti, keep_until) \
             VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
        let done = on_either!(self, |c| {
            sqlx::query(SQL)
                .bind(issuer)
                .bind(jti)
                .bind(keep_until.as_millis())
                .execute(c)
                .await
                .map(Done::from)
        })?;
        Ok(done.rows_affected() == 1)
    }

    /// Forgets logout tokens that could not be sent again.
    pub async fn forget_logout_tokens(&mut self, now: Timestamp) -> Result<u64> {
        const SQL: &str = "DELETE FROM logout_tokens WHERE keep_until < $1";
        let done = on_either!(self, |c| {
            sqlx::query(SQL)
                .bind(now.as_millis())
                .execute(c)
                .await
                .map(Done::from)
        })?;
        Ok(done.rows_affected())
    }

    /// Sessions that may be those of whom an issuer names, with person and key, in order of id: all of the
    /// person that have not been ended, or, where only a session is named, all of that.
    pub async fn list_foreign_sessions(
        &mut self,
        issuer: &str,
        whom: &LoggedOut,
    ) -> Result<Vec<(SessionId, String, SessionKey)>> {
        const OF_PERSON: &str = "SELECT f.session_id, f.subject, f.session_key \
             FROM foreign_sessions f JOIN sessions s ON s.id = f.session_id \
             WHERE f.issuer = $1 AND f.subject = $2 AND s.ended_at IS NULL ORDER BY f.session_id";
        const OF_KEY: &str = "SELECT f.session_id, f.subject, f.session_key \
             FROM foreign_sessions f JOIN sessions s ON s.id = f.session_id \
             WHERE f.issuer = $1 AND f.session_key = $2 AND s.ended_at IS NULL ORDER BY f.session_id";
        let (sql, named) = match whom {
            LoggedOut::Everywhere { subject }
            | LoggedOut::Session {
                subject: Some(subject),
                ..
            } => (OF_PERSON, subject.as_str()),
            LoggedOut::Session { subject: None, key } => (OF_KEY, key.as_str()),
        };
        let rows: Vec<(Uuid, String, String)> = on_either!(self, |c| {
            sqlx::query_as(sql)
                .bind(issuer)
                .bind(named)
                .fetch_all(c)
                .await
        })?;
        let read = |(id, subject, key)| (SessionId(id), subject, SessionKey::kept(key));
        Ok(rows.into_iter().map(read).collect())
    }
}
