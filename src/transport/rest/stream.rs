//! Answers that go on: server-sent events that look again when the node has moved, or after a beat. It
//! may not know what is sent.
//!
//! A stream asks for what it has not sent, so a slow reader holds up nobody and misses nothing; before
//! each look the credential is checked as if it were a new request.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::response::Sse;
use axum::response::sse::Event as Message;
use futures::future::BoxFuture;
use futures::stream::{Stream, unfold};
use http::HeaderMap;
use serde::Serialize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::RestState;
use super::extract::Credential;
use super::problem::Problem;
use crate::domain::error::Error;
use crate::domain::id::Seq;

/// Between two looks where nothing moved.
pub(super) const BEAT: Duration = Duration::from_secs(1);
/// When somebody who was refused for want of a place may ask again, in seconds.
const FULL_RETRY_AFTER_S: u64 = 5;

/// What a stream sends.
pub(super) trait Tail: Send + 'static {
    /// The position that it has come to.
    fn position(&self) -> Seq;

    /// What there is to send now. `beat`: a beat has passed since the last time.
    fn look<'a>(
        &'a mut self,
        rest: &'a RestState,
        beat: bool,
    ) -> BoxFuture<'a, Result<Vec<Message>, Problem>>;
}

/// How many streams of a kind may be open at once.
#[derive(Clone)]
pub struct Places(Arc<Semaphore>);

impl Places {
    /// So many.
    pub fn new(places: usize) -> Self {
        Self(Arc::new(Semaphore::new(places)))
    }

    /// One of them, unless all are taken.
    pub(super) fn take(&self) -> Result<Place, Problem> {
        let place = Arc::clone(&self.0).try_acquire_owned();
        place.map(Place).map_err(|_| {
            let retry_after_s = FULL_RETRY_AFTER_S;
            Error::RateLimited { retry_after_s }.into()
        })
    }
}

/// The place of one stream; given back when dropped.
pub(super) struct Place(#[expect(dead_code, reason = "it is held, not read")] OwnedSemaphorePermit);

/// Begins a stream.
pub(super) fn stream(
    rest: RestState,
    place: Place,
    credential: Credential,
    tail: impl Tail,
) -> Sse<impl Stream<Item = Result<Message, Infallible>>> {
    let open = Open {
        _place: place,
        rest,
        credential,
        tail,
        next_beat: Instant::now(),
        ready: VecDeque::new(),
        over: false,
    };
    Sse::new(unfold(open, async |mut open| {
        let message = open.next().await?;
        Some((Ok(message), open))
    }))
}

struct Open<T> {
    rest: RestState,
    credential: Credential,
    tail: T,
    next_beat: Instant,
    ready: VecDeque<Message>,
    over: bool,
    _place: Place,
}

impl<T: Tail> Open<T> {
    /// The next message; `None` at the end.
    async fn next(&mut self) -> Option<Message> {
        loop {
            if let Some(message) = self.ready.pop_front() {
                return Some(message);
            }
            if self.over {
                return None;
            }
            if let Err(problem) = self.look().await {
                self.over = true;
                let body = problem.body(self.credential.request_id());
                self.ready.extend(message("problem", &body));
            }
        }
    }

    /// Waits until there is something to send, and gets it ready.
    async fn look(&mut self) -> Result<(), Problem> {
        let moved = self.rest.node.until_past(self.tail.position());
        // Nothing to do on either: what there is to send is looked up below.
        let _ = tokio::time::timeout_at(self.next_beat, moved).await;
        self.credential.check(&self.rest).await?;
        if !self.rest.node.is_ready() {
            return Err(Error::CannotDecide.into());
        }
        let beat = Instant::now() >= self.next_beat;
        if beat {
            self.next_beat = Instant::now() + BEAT;
        }
        self.ready.extend(self.tail.look(&self.rest, beat).await?);
        Ok(())
    }
}

/// A message with a name. What can't be written as JSON is left out: these bodies can.
pub(super) fn message(name: &str, body: &impl Serialize) -> Option<Message> {
    Message::default().event(name).json_data(body).ok()
}

/// Where a reader was when it lost the stream: the header `Last-Event-ID`, else what the query says.
pub(super) fn resumed_at(headers: &HeaderMap, after: Option<u64>) -> Result<Option<Seq>, Problem> {
    let position = match headers.get("last-event-id") {
        None => after,
        Some(id) => {
            let id = id.to_str().ok().and_then(|id| id.parse().ok());
            let wrong = || Problem::invalid("`Last-Event-ID` is no position");
            Some(id.ok_or_else(wrong)?)
        }
    };
    match position {
        // A position is kept as a signed number.
        Some(position) if i64::try_from(position).is_err() => {
            Err(Problem::invalid("`after` is no position"))
        }
        position => Ok(position.map(Seq)),
    }
}
