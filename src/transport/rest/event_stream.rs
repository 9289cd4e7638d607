//! The log as it goes on: `/v1/events/stream`, server-sent events for administrators' pages. It may not
//! know what events mean.
//!
//! A stream asks the log for what it has not sent, so a slow reader holds up nobody and misses nothing;
//! before each look the credential is checked as if it were a new request.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::Sse;
use axum::response::sse::Event as Message;
use futures::stream::{Stream, unfold};
use http::HeaderMap;
use serde::{Deserialize, Serialize};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::RestState;
use super::events::EventBody;
use super::extract::{Credential, Query};
use super::problem::Problem;
use crate::domain::error::Error;
use crate::domain::id::{Seq, UserId};
use crate::node::Pulse;
use crate::service::EventQuery;

/// Streams that may be open at once.
const STREAMS_MAX: usize = 100;
/// Between two looks at how the node is.
const BEAT: Duration = Duration::from_secs(1);
/// Events of one read.
const PAGE: u32 = 200;
/// When somebody who was refused may ask again.
const FULL_RETRY_AFTER_S: u64 = 5;

/// How the node is: what `event: node` carries, once a second.
#[derive(Serialize, ToSchema)]
#[schema(as = NodePulse)]
struct PulseBody {
    /// The last position that the node has applied.
    #[schema(value_type = u64)]
    head: Seq,
    /// Open connections.
    connections: u64,
    /// People connected.
    users: u64,
    /// From an event to its frame's write, over the last minute.
    tell: TellBody,
}

/// How long telling took.
#[derive(Serialize, ToSchema)]
#[schema(as = TellTimes)]
struct TellBody {
    /// How many were told.
    count: u64,
    /// Half of them within so many milliseconds.
    #[schema(required)]
    p50_ms: Option<u64>,
    /// All but one in a hundred.
    #[schema(required)]
    p99_ms: Option<u64>,
}

impl From<Pulse> for PulseBody {
    fn from(pulse: Pulse) -> Self {
        Self {
            head: pulse.head,
            connections: pulse.connections,
            users: pulse.users,
            tell: TellBody {
                count: pulse.tell.count,
                p50_ms: pulse.tell.p50_ms,
                p99_ms: pulse.tell.p99_ms,
            },
        }
    }
}

/// Which events.
#[derive(Clone, Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct StreamQuery {
    /// After this position; from now on where it is left out. `Last-Event-ID` goes before it.
    after: Option<u64>,
    /// Of this type.
    #[serde(rename = "type")]
    kind: Option<String>,
    /// That concern this user.
    #[param(value_type = Option<Uuid>)]
    user_id: Option<UserId>,
}

pub(super) fn routes() -> OpenApiRouter<RestState> {
    OpenApiRouter::new().routes(routes!(stream_events))
}

/// Follow what happens
///
/// Server-sent events: each event of the log as the message `id: <seq>`, `data: <Event>`; once a second
/// `event: node` with how this node is; and, when the credential no longer holds, `event: problem` and
/// the end. Goes on after `Last-Event-ID` or `after`.
#[utoipa::path(get, path = "/v1/events/stream", params(StreamQuery),
    responses((status = 200, description = "The log from there on", body = PulseBody, content_type = "text/event-stream")))]
async fn stream_events(
    State(rest): State<RestState>,
    credential: Credential,
    Query(query): Query<StreamQuery>,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Message, Infallible>>>, Problem> {
    let after = last_event_id(&headers)?.or(query.after);
    let after = after.map_or_else(|| rest.node.head(), Seq);
    if i64::try_from(after.0).is_err() {
        return Err(Problem::invalid("`after` is no position"));
    }
    let permit = Arc::clone(&rest.streams).try_acquire_owned();
    let permit = permit.map_err(|_| Error::RateLimited {
        retry_after_s: FULL_RETRY_AFTER_S,
    })?;
    let following = Following {
        rest,
        credential,
        query,
        after,
        next_beat: tokio::time::Instant::now(),
        ready: VecDeque::new(),
        over: false,
        _permit: permit,
    };
    let messages = unfold(following, async |mut following: Following| {
        let message = following.next().await?;
        Some((Ok(message), following))
    });
    Ok(Sse::new(messages))
}

/// Where a browser, or a reader like one, was when it lost the stream.
fn last_event_id(headers: &HeaderMap) -> Result<Option<u64>, Problem> {
    let Some(id) = headers.get("last-event-id") else {
        return Ok(None);
    };
    let id = id.to_str().ok().and_then(|id| id.parse().ok());
    id.map(Some)
        .ok_or_else(|| Problem::invalid("`Last-Event-ID` is no position"))
}

/// Streams that may still be opened.
pub fn places() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(STREAMS_MAX))
}

/// A reader on its way through the log.
struct Following {
    rest: RestState,
    credential: Credential,
    query: StreamQuery,
    after: Seq,
    next_beat: tokio::time::Instant,
    ready: VecDeque<Message>,
    over: bool,
    _permit: OwnedSemaphorePermit,
}

impl Following {
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
                self.ready.extend(message(
                    "problem",
                    &problem.body(self.credential.request_id()),
                ));
            }
        }
    }

    /// Waits until there is something to send, and gets it ready.
    async fn look(&mut self) -> Result<(), Problem> {
        let moved = self.rest.node.until_past(self.after);
        // Nothing to do on either: what there is to send is looked up below.
        let _ = tokio::time::timeout_at(self.next_beat, moved).await;
        self.credential.check(&self.rest).await?;
        if !self.rest.node.is_ready() {
            return Err(Error::CannotDecide.into());
        }
        self.read_on().await?;
        if tokio::time::Instant::now() >= self.next_beat {
            self.next_beat = tokio::time::Instant::now() + BEAT;
            let pulse = PulseBody::from(self.rest.node.pulse());
            self.ready.extend(message("node", &pulse));
        }
        Ok(())
    }

    async fn read_on(&mut self) -> Result<(), Problem> {
        let head = self.rest.node.head();
        let query = EventQuery {
            after: self.after,
            kind: self.query.kind.clone(),
            user_id: self.query.user_id,
            limit: PAGE,
        };
        let (events, more) = self.rest.core.list_events(query).await?;
        // Where the filter left nothing to send, everything up to the head has been looked at.
        self.after = more.unwrap_or_else(|| {
            let last = events.last().map(|event| event.entry.seq);
            last.max(Some(head)).unwrap_or(head).max(self.after)
        });
        for event in events {
            let seq = event.entry.seq;
            let message = Message::default().id(seq.0.to_string());
            let body = EventBody::of(event)?;
            let message = message.json_data(body).map_err(Error::internal)?;
            self.ready.push_back(message);
        }
        Ok(())
    }
}

/// A message with a name. What can't be written as JSON is left out: these bodies can.
fn message(name: &str, body: &impl Serialize) -> Option<Message> {
    Message::default().event(name).json_data(body).ok()
}
