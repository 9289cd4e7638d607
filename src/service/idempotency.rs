//! `Idempotency-Key`: a repeated request gets the first answer again.

use std::time::Duration;

use super::vault::sha256;
use super::{Core, Result};
use crate::domain::error::Error;

/// A request that has been running for so long was lost in a crash.
const LOST_AFTER: Duration = Duration::from_mins(5);

/// Whether a request is new.
#[derive(Debug)]
pub enum Idempotent {
    /// It is: do it, and hand in the answer with this.
    Fresh(IdempotencyTicket),
    /// It was answered before.
    Replay {
        /// The first answer's status.
        status: u16,
        /// The first answer's body, without secrets.
        body: String,
    },
}

/// The place that a running request holds.
#[derive(Debug)]
pub struct IdempotencyTicket {
    caller: String,
    path: String,
    key: String,
}

impl IdempotencyTicket {
    fn names(&self) -> (&str, &str, &str) {
        (&self.caller, &self.path, &self.key)
    }
}

impl Core {
    /// Asks whether a request is new, and holds its place.
    pub async fn begin_idempotent(
        &self,
        caller: &str,
        path: &str,
        key: &str,
        body: &[u8],
    ) -> Result<Idempotent> {
        let now = self.clock.now();
        let ticket = IdempotencyTicket {
            caller: caller.into(),
            path: path.into(),
            key: key.into(),
        };
        let body_hash = sha256(body);
        let mut tx = self.begin().await?;
        tx.forget_lost_idempotency_key(ticket.names(), now.minus(LOST_AFTER))
            .await?;
        let fresh = tx
            .insert_idempotency_key(ticket.names(), &body_hash, now)
            .await?;
        let first = tx.find_idempotency_key(ticket.names()).await?;
        self.commit(tx).await?;
        if fresh {
            return Ok(Idempotent::Fresh(ticket));
        }
        // It was given back between the two statements: the next attempt is the first.
        let first = first.ok_or(Error::IdempotencyInProgress)?;
        if first.body_hash != body_hash {
            return Err(Error::IdempotencyKeyReused);
        }
        match (
            first.status.and_then(|status| u16::try_from(status).ok()),
            first.answer,
        ) {
            (Some(status), Some(body)) => Ok(Idempotent::Replay { status, body }),
            _ => Err(Error::IdempotencyInProgress),
        }
    }

    /// Keeps the first answer. A fault of the server is no answer: the key is given back.
    pub async fn finish_idempotent(
        &self,
        ticket: IdempotencyTicket,
        status: u16,
        body: &str,
    ) -> Result<()> {
        let mut tx = self.begin().await?;
        if status >= 500 {
            tx.remove_idempotency_key(ticket.names()).await?;
        } else {
            tx.update_idempotency_key(ticket.names(), status, body)
                .await?;
        }
        self.commit(tx).await?;
        Ok(())
    }
}
