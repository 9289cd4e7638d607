//! Table `tickets`: one-time stand-ins for an access token.

use super::Result;
use super::row::corrupt;
use super::tx::{Tx, on_either};
use crate::domain::clock::Timestamp;
use crate::domain::secret::BearerHash;
use sessionwire_guard::Claims;

impl Tx {
    /// Adds a ticket.
    pub async fn insert_ticket(
        &mut self,
        hash: BearerHash,
        claims: &Claims,
        expires_at: Timestamp,
    ) -> Result<()> {
        const SQL: &str =
            "INSERT INTO tickets (token_hash, claims, expires_at) VALUES ($1, $2, $3)";
        let claims = serde_json::to_string(claims).map_err(|_| corrupt("tickets"))?;
        on_either!(self, |c| {
            sqlx::query(SQL)
                .bind(hash.0.as_slice())
                .bind(claims)
                .bind(expires_at.as_millis())
                .execute(c)
                .await
        })?;
        Ok(())
    }

    /// Takes a ticket away and answers what it stood for: it is spent by the first attempt.
    pub async fn take_ticket(&mut self, hash: BearerHash) -> Result<Option<(Claims, Timestamp)>> {
        const SQL: &str = "DELETE FROM tickets WHERE token_hash = $1 RETURNING claims, expires_at";
        let row: Option<(String, i64)> = on_either!(self, |c| {
            sqlx::query_as(SQL)
                .bind(hash.0.as_slice())
                .fetch_optional(c)
                .await
        })?;
        row.map(|(claims, expires_at)| {
            let claims = serde_json::from_str(&claims).map_err(|_| corrupt("tickets"))?;
            Ok((claims, Timestamp::from_millis(expires_at)))
        })
        .transpose()
    }

    /// Forgets tickets that nobody used.
    pub async fn forget_tickets(&mut self, now: Timestamp) -> Result<()> {
        const SQL: &str = "DELETE FROM tickets WHERE expires_at < $1";
        on_either!(self, |c| sqlx::query(SQL)
            .bind(now.as_millis())
            .execute(c)
            .await)?;
        Ok(())
    }
}
