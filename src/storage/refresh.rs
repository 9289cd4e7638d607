//! Table `sessions`, as far as refresh tokens go: where a session stands in their chain, and what they are bound
//! to.

use super::Result;
use super::tx::{Done, Tx, on_either};
use crate::domain::binding::Binding;
use crate::domain::clock::Timestamp;
use crate::domain::id::SessionId;
use crate::domain::session::Session;

/// Where a session stands in the chain of its refresh tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefreshState {
    /// The number of the current refresh token, from 1.
    pub generation: u32,
    /// When it was handed out first.
    pub rotated_at: Timestamp,
    /// Whether it, or an access token issued with it, has come back.
    pub presented: bool,
    /// What its tokens are good only beside.
    pub binding: Option<Binding>,
}

impl Tx {
    /// Writes that a session was used, until when it lives for that, and which refresh token is the current one.
    pub async fn update_use(&mut self, session: &Session, state: RefreshState) -> Result<()> {
        const SQL: &str = "UPDATE sessions SET last_active_at = $2, expires_at = $3, \
             generation = $4, rotated_at = $5, presented = $6 WHERE id = $1 AND ended_at IS NULL";
        on_either!(self, |c| {
            sqlx::query(SQL)
                .bind(session.id.0)
                .bind(session.last_active_at.as_millis())
                .bind(session.expires_at.as_millis())
                .bind(i64::from(state.generation))
                .bind(state.rotated_at.as_millis())
                .bind(state.presented)
                .execute(c)
                .await
                .map(Done::from)
        })?;
        Ok(())
    }

    /// Binds a session that was bound to nothing. What it is bound to already stands.
    pub async fn bind_session(&mut self, id: SessionId, binding: Binding) -> Result<()> {
        const SQL: &str = "UPDATE sessions SET binding = $2 WHERE id = $1 AND binding IS NULL";
        on_either!(self, |c| {
            sqlx::query(SQL)
                .bind(id.0)
                .bind(binding.to_string())
                .execute(c)
                .await
                .map(Done::from)
        })?;
        Ok(())
    }

    /// Notes that an access token issued with this refresh token has come back.
    pub async fn mark_presented(&mut self, id: SessionId, generation: u32) -> Result<()> {
        const SQL: &str = "UPDATE sessions SET presented = $3 WHERE id = $1 AND generation = $2";
        on_either!(self, |c| {
            sqlx::query(SQL)
                .bind(id.0)
                .bind(i64::from(generation))
                .bind(true)
                .execute(c)
                .await
                .map(Done::from)
        })?;
        Ok(())
    }
}
