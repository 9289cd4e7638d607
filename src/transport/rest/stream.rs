//! Answers that go on: they look again when the node has moved, or after a beat. It may not know what is
//! sent, nor over what.
//!
//! A stream asks for what it has not sent, so a slow reader holds up nobody and misses nothing; at each
//! beat the credential is checked as if it were a new request.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::response::{IntoResponse as _, Response, Sse, sse};
use futures::future::BoxFuture;
use futures::stream::unfold;
use http::header::CONNECTION;
use http::{HeaderMap, HeaderName};
use serde::Serialize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::RestState;
use super::extract::Credential;
use super::problem::Problem;
use crate::domain::error::Error;
use crate::domain::id::Seq;
use crate::transport::underlay::Underlay;

/// Between two looks where nothing moved.
pub(super) const BEAT: Duration = Duration::from_secs(1);
/// The position of the last message that a reader has had.
pub(super) const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// When somebody who was refused for want of a place may ask again, in seconds.
const FULL_RETRY_AFTER_S: u64 = 5;

/// A message of a stream.
#[derive(Debug, Clone)]
pub(super) struct Message {
    /// What it is; none where a stream has only one kind that matters.
    name: Option<&'static str>,
    /// The position that its reader has with it.
    id: Option<Seq>,
    /// JSON.
    data: String,
}

impl Message {
    /// A message of this name. What can't be written as JSON is the server's fault.
    pub(super) fn new(name: &'static str, body: &impl Serialize) -> Result<Self, Problem> {
        Ok(Self {
            name: Some(name),
            ..Self::nameless(body)?
        })
    }

    /// A message of the kind that the stream is about.
    pub(super) fn nameless(body: &impl Serialize) -> Result<Self, Problem> {
        let data = serde_json::to_string(body).map_err(Error::internal)?;
        let (name, id) = (None, None);
        Ok(Self { name, id, data })
    }

    /// The same, with which its reader has come to a position.
    pub(super) fn at(self, position: Seq) -> Self {
        Self {
            id: Some(position),
            ..self
        }
    }

    /// As a server-sent event.
    fn into_event(self) -> sse::Event {
        let mut event = sse::Event::default();
        if let Some(name) = self.name {
            event = event.event(name);
        }
        if let Some(id) = self.id {
            event = event.id(id.0.to_string());
        }
        event.data(self.data)
    }

    /// As the text of a frame: the same three members as one object.
    pub(super) fn into_text(self) -> String {
        let name = self.name.unwrap_or("message");
        let id = self.id.map(|id| format!(r#""id":{id},"#));
        let (id, data) = (id.unwrap_or_default(), self.data);
        format!(r#"{{"event":"{name}",{id}"data":{data}}}"#)
    }
}

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

/// A stream that is open.
pub(super) struct Open<T> {
    rest: RestState,
    credential: Credential,
    tail: T,
    next_beat: Instant,
    ready: VecDeque<Message>,
    over: bool,
    _place: Place,
}

/// Answers with server-sent events, over this connection.
pub(super) fn events<T: Tail>(open: Open<T>, underlay: Option<Extension<Underlay>>) -> Response {
    // It is counted by its place from now on. That is for good: after the stream the connection is closed.
    if let Some(Extension(underlay)) = underlay {
        underlay.give_place_back();
    }
    let messages = unfold(open, async |mut open| {
        let message = open.next().await?;
        Some((Ok::<_, Infallible>(message.into_event()), open))
    });
    ([(CONNECTION, "close")], Sse::new(messages)).into_response()
}

impl<T: Tail> Open<T> {
    /// Begins a stream.
    pub(super) fn new(rest: RestState, place: Place, credential: Credential, tail: T) -> Self {
        Self {
            _place: place,
            rest,
            credential,
            tail,
            next_beat: Instant::now(),
            ready: VecDeque::new(),
            over: false,
        }
    }

    /// The next message; `None` at the end.
    pub(super) async fn next(&mut self) -> Option<Message> {
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
                self.ready.extend(Message::new("problem", &body));
            }
        }
    }

    /// Waits until there is something to send, and gets it ready.
    async fn look(&mut self) -> Result<(), Problem> {
        let moved = self.rest.node.until_past(self.tail.position());
        // Nothing to do on either: what there is to send is looked up below.
        let _ = tokio::time::timeout_at(self.next_beat, moved).await;
        if !self.rest.node.is_ready() {
            return Err(Error::CannotDecide.into());
        }
        let beat = Instant::now() >= self.next_beat;
        if beat {
            self.credential.check(&self.rest).await?;
        }
        self.ready.extend(self.tail.look(&self.rest, beat).await?);
        if beat {
            self.next_beat = Instant::now() + BEAT;
        }
        Ok(())
    }
}

/// Where a reader was when it lost the stream: the header `Last-Event-ID`, else what the query says.
pub(in crate::transport) fn resumed_at(
    headers: &HeaderMap,
    after: Option<u64>,
) -> Result<Option<Seq>, Problem> {
    let position = match headers.get(LAST_EVENT_ID) {
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
