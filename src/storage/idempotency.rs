//! Table `idempotency_keys`: the first answer to a request that may be repeated.

use super::Result;
use super::tx::{Done, Tx, on_either};
use crate::domain::clock::Timestamp;

/// The first request with a key.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct IdempotencyRow {
    /// SHA-256 of its body.
    pub body_hash: Vec<u8>,
    /// Its answer's status; none while it is running.
    pub status: Option<i64>,
    /// Its answer's body.
    pub answer: Option<String>,
}

impl Tx {
    /// Claims a key for a request. Answers whether it was free.
    pub async fn insert_idempotency_key(
        &mut self,
        (caller, path, key): (&str, &str, &str),
        body_hash: &[u8],
        now: Timestamp,
    ) -> Result<bool> {
        const SQL: &str = "INSERT INTO idempotency_keys (caller, path, idem_key, body_hash, \
             created_at) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING";
        let done = on_either!(self, |c| {
            sqlx::query(SQL)
                .bind(caller)
                .bind(path)
                .bind(key)
                .bind(body_hash)
                .bind(now.as_millis())
                .execute(c)
                .await
                .map(Done::from)
        })?;
        Ok(done.rows_affected() == 1)
    }

    /// The first request with this key.
    pub async fn find_idempotency_key(
        &mut self,
        (caller, path, key): (&str, &str, &str),
    ) -> Result<Option<IdempotencyRow>> {
        const SQL: &str = "SELECT body_hash, status, answer FROM idempotency_keys \
             WHERE caller = $1 AND path = $2 AND idem_key = $3";
        Ok(on_either!(self, |c| {
            sqlx::query_as(SQL)
                .bind(caller)
                .bind(path)
                .bind(key)
                .fetch_optional(c)
                .await
        })?)
    }

    /// Keeps the first answer.
    pub async fn update_idempotency_key(
        &mut self,
        (caller, path, key): (&str, &str, &str),
        status: u16,
        answer: &str,
    ) -> Result<()> {
        const SQL: &str = "UPDATE idempotency_keys SET status = $4, answer = $5 \
             WHERE caller = $1 AND path = $2 AND idem_key = $3";
        on_either!(self, |c| {
            sqlx::query(SQL)
                .bind(caller)
                .bind(path)
                .bind(key)
                .bind(i64::from(status))
                .bind(answer)
                .execute(c)
                .await
                .map(Done::from)
        })?;
        Ok(())
    }

    /// Gives a key back.
    pub async fn remove_idempotency_key(
        &mut self,
        (caller, path, key): (&str, &str, &str),
    ) -> Result<()> {
        const SQL: &str =
            "DELETE FROM idempotency_keys WHERE caller = $1 AND path = $2 AND idem_key = $3";
        on_either!(self, |c| sqlx::query(SQL)
            .bind(caller)
            .bind(path)
            .bind(key)
            .execute(c)
            .await
            .map(Done::from))?;
        Ok(())
    }

    /// Forgets a key whose request has been running since before this.
    pub async fn forget_lost_idempotency_key(
        &mut self,
        (caller, path, key): (&str, &str, &str),
        before: Timestamp,
    ) -> Result<()> {
        const SQL: &str = "DELETE FROM idempotency_keys WHERE caller = $1 AND path = $2 \
             AND idem_key = $3 AND status IS NULL AND created_at < $4";
        on_either!(self, |c| {
            sqlx::query(SQL)
                .bind(caller)
                .bind(path)
                .bind(key)
                .bind(before.as_millis())
                .execute(c)
                .await
                .map(Done::from)
        })?;
        Ok(())
    }

    /// Forgets keys that are older than this.
    pub async fn forget_idempotency_keys(&mut self, before: Timestamp) -> Result<()> {
        const SQL: &str = "DELETE FROM idempotency_keys WHERE created_at < $1";
        on_either!(self, |c| sqlx::query(SQL)
            .bind(before.as_millis())
            .execute(c)
            .await
            .map(Done::from))?;
        Ok(())
    }
}
