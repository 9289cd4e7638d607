//! A stand-in for the writing half, with the calls that sockets need; to be replaced as a whole.

use std::net::IpAddr;

use sessionwire_guard::Claims;

use crate::domain::error::Error;
use crate::domain::id::{SessionId, TakeoverRequestId};
use crate::domain::secret::Bearer;

/// From where something is asked.
#[derive(Clone, Debug, Default)]
pub struct Origin {
    /// The client's address.
    pub address: Option<IpAddr>,
    /// The client's program.
    pub user_agent: Option<String>,
    /// The request.
    pub request_id: Option<String>,
}

/// The writing half.
#[derive(Clone, Debug, Default)]
pub struct Core;

#[expect(clippy::unused_async, reason = "the real ones wait for the database")]
impl Core {
    /// The claims that a ticket stands for.
    pub async fn redeem_ticket(&self, _: &Bearer) -> Result<Claims, Error> {
        Err(Error::TokenInvalid)
    }

    /// An access token was accepted.
    pub async fn note_presented(&self, _: &Claims) -> Result<(), Error> {
        Ok(())
    }

    /// The person is there.
    pub async fn record_activity(&self, _: SessionId) -> Result<(), Error> {
        Ok(())
    }

    /// The person answered.
    pub async fn answer_takeover(
        &self,
        _: TakeoverRequestId,
        _: SessionId,
        _: bool,
        _: &Origin,
    ) -> Result<(), Error> {
        Err(Error::NotFound("takeover request"))
    }
}
