//! A desk that is none: it takes one ticket, and notes what it is asked.

use futures::future::ready;
use parking_lot::Mutex;
use sessionwire_guard::Claims;

use crate::domain::error::Error;
use crate::domain::id::{SessionId, TakeoverRequestId};
use crate::domain::issuer::Proof;
use crate::domain::secret::Bearer;
use crate::domain::session::Outlook;
use crate::service::Origin;
use crate::transport::desk::{Answer, Desk};

/// Takes one ticket, and notes what it is asked.
#[derive(Default)]
pub(super) struct FakeDesk {
    pub(super) ticket: Mutex<Option<Claims>>,
    pub(super) asked: Mutex<Vec<String>>,
}

impl FakeDesk {
    fn note<T: Send + 'static>(&self, what: &str, answer: Result<T, Error>) -> Answer<'_, T> {
        self.asked.lock().push(what.to_owned());
        Box::pin(ready(answer))
    }
}

impl Desk for FakeDesk {
    fn redeem_ticket<'a>(&'a self, ticket: &'a Bearer) -> Answer<'a, Claims> {
        let found = self.ticket.lock().take();
        let found = found.filter(|_| ticket.expose() == "t1");
        self.note("ticket", found.ok_or(Error::TokenInvalid))
    }

    fn attach<'a>(&'a self, _: Proof, _: &'a Origin) -> Answer<'a, Claims> {
        self.note("attach", Err(Error::TokenInvalid))
    }

    fn look_ahead(&self, _: SessionId, presented: Option<u32>) -> Answer<'_, Option<Outlook>> {
        match presented {
            Some(_) => self.note("presented", Ok(None)),
            None => Box::pin(ready(Ok(None))),
        }
    }

    fn record_activity(&self, _: SessionId) -> Answer<'_, ()> {
        self.note("activity", Ok(()))
    }

    fn answer_takeover<'a>(
        &'a self,
        _: TakeoverRequestId,
        _: SessionId,
        _: bool,
        _: &'a Origin,
    ) -> Answer<'a, ()> {
        self.note("answer", Err(Error::NotFound("request")))
    }
}
