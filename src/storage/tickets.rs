//! Table `tickets`: one-time stand-ins for an access token.

use serde::{Deserialize, Serialize};

use super::Result;
use super::row::corrupt;
use super::tx::{Done, Tx, on_either};
use crate::domain::clock::Timestamp;
use crate::domain::secret::BearerHash;
use sessionwire_guard::Claims;

/// What a ticket stands for: the claims, and the key that vouched for them.
#[derive(Serialize, Deserialize)]
struct Stored {
    #[serde(flatten)]
    claims: Claims,
    #[serde(default)]
    kid: Option<String>,
}

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
        let stored = Stored {
            kid: claims.kid.as_deref().map(str::to_owned),
            claims: claims.clone(),
        };
        let claims = serde_json::to_string(&stored).map_err(|_| corrupt("tickets"))?;
        on_either!(self, |c| {
            sqlx::query(SQL)
                .bind(hash.0.as_slice())
                .bind(claims)
                .bind(expires_at.as_millis())
                .execute(c)
                .await
                .map(Done::from)
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
            let stored: Stored = serde_json::from_str(&claims).map_err(|_| corrupt("tickets"))?;
            let claims = Claims {
                kid: stored.kid.map(Into::into),
                ..stored.claims
            };
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
            .await
            .map(Done::from))?;
        Ok(())
    }
}
