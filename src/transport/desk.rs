//! What sockets ask of the writing half. Object-safe, so that the sockets can be tested without a
//! database. It may not know which transport asks.

use futures::future::BoxFuture;
use sessionwire_guard::Claims;

use crate::domain::error::Error;
use crate::domain::id::{SessionId, TakeoverRequestId};
use crate::domain::issuer::Proof;
use crate::domain::secret::Bearer;
use crate::domain::session::Outlook;
use crate::service::{Core, Origin};

/// An answer that is on its way.
pub type Answer<'a, T> = BoxFuture<'a, Result<T, Error>>;

/// Where sockets turn with what only the writing half can do.
pub trait Desk: Send + Sync {
    /// The claims that a ticket stands for; spent by the first attempt.
    fn redeem_ticket<'a>(&'a self, ticket: &'a Bearer) -> Answer<'a, Claims>;

    /// The claims that a token of another issuer stands for.
    fn attach<'a>(&'a self, proof: Proof, origin: &'a Origin) -> Answer<'a, Claims>;

    /// How long the session can be used yet; none where it has ended. `presented`: the number of its access
    /// token that was accepted.
    fn look_ahead(&self, session: SessionId, presented: Option<u32>)
    -> Answer<'_, Option<Outlook>>;

    /// The person is there.
    fn record_activity(&self, session: SessionId) -> Answer<'_, ()>;

    /// The person answered whether another device may take the seat.
    fn answer_takeover<'a>(
        &'a self,
        request: TakeoverRequestId,
        session: SessionId,
        allow: bool,
        origin: &'a Origin,
    ) -> Answer<'a, ()>;
}

impl Desk for Core {
    fn redeem_ticket<'a>(&'a self, ticket: &'a Bearer) -> Answer<'a, Claims> {
        Box::pin(Self::redeem_ticket(self, ticket))
    }

    fn attach<'a>(&'a self, proof: Proof, origin: &'a Origin) -> Answer<'a, Claims> {
        Box::pin(Self::attach(self, proof, origin))
    }

    fn look_ahead(
        &self,
        session: SessionId,
        presented: Option<u32>,
    ) -> Answer<'_, Option<Outlook>> {
        Box::pin(Self::look_ahead(self, session, presented))
    }

    fn record_activity(&self, session: SessionId) -> Answer<'_, ()> {
        Box::pin(Self::record_activity(self, session))
    }

    fn answer_takeover<'a>(
        &'a self,
        request: TakeoverRequestId,
        session: SessionId,
        allow: bool,
        origin: &'a Origin,
    ) -> Answer<'a, ()> {
        Box::pin(Self::answer_takeover(self, request, session, allow, origin))
    }
}
