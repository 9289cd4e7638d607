//! The feed for services: `/v1/feed`, as `docs/feed.md` writes it down. It may not know what services
//! do with it.

use std::collections::VecDeque;
use std::convert::Infallible;

use axum::extract::State;
use axum::response::Sse;
use axum::response::sse::Event as Message;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use futures::stream::Stream;
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use sessionwire_guard::{Change, Note};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::RestState;
use super::extract::{FeedCredential, Json, NoQuery, Query};
use super::problem::Problem;
use super::stream::{BEAT, Tail, message, resumed_at, stream};
use crate::domain::error::Error;
use crate::domain::id::Seq;
use crate::node::{Covered, FeedReader};

/// Entries of one piece of a snapshot.
const PIECE: usize = 1000;
/// Who is further behind than this gets a snapshot: reading so many events takes longer.
const BEHIND_MAX: u64 = 100_000;

/// The first message.
#[derive(Serialize)]
struct Hello {
    reader: Uuid,
    head: Seq,
    heartbeat_ms: u64,
}

/// A piece of the index.
#[derive(Serialize)]
struct Snapshot<'a> {
    seq: Seq,
    changes: Vec<NoteBody<'a>>,
    more: bool,
}

/// Every change after a position, up to another. Where nothing happened it is a heartbeat.
#[derive(Serialize)]
struct Stretch<'a> {
    after: Seq,
    seq: Seq,
    head: Seq,
    changes: Vec<NoteBody<'a>>,
}

/// A change. Times are seconds since the Unix epoch, as in the tokens that they are compared with.
#[derive(Serialize)]
struct NoteBody<'a> {
    seq: Seq,
    keep_until: i64,
    #[serde(flatten)]
    change: &'a Change,
}

impl<'a> From<&'a Note> for NoteBody<'a> {
    fn from(note: &'a Note) -> Self {
        Self {
            seq: note.seq,
            // Rounded up: what is kept a little longer harms nobody.
            keep_until: note.keep_until.div_euclid(1000).saturating_add(1),
            change: &note.change,
        }
    }
}

/// Where to begin.
#[derive(Clone, Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct FeedQuery {
    /// After this position; with a snapshot where it is left out. `Last-Event-ID` goes before it.
    after: Option<u64>,
}

/// How far a service has come.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Acknowledgement {
    /// From the message `hello`.
    reader: Uuid,
    /// Everything up to this position has been applied.
    #[schema(value_type = u64)]
    seq: Seq,
}

pub(super) fn routes() -> OpenApiRouter<RestState> {
    OpenApiRouter::new()
        .routes(routes!(follow_feed))
        .routes(routes!(acknowledge))
}

/// Follow what revokes tokens
///
/// Server-sent events: `hello`, `snapshot` (in pieces) unless it goes on after a position, then `changes`,
/// at least once a second; `reset` before a snapshot where it could not go on. Written down in
/// `docs/feed.md`.
#[utoipa::path(get, path = "/v1/feed", params(FeedQuery),
    responses((status = 200, description = "The feed from there on", body = String, content_type = "text/event-stream")))]
async fn follow_feed(
    State(rest): State<RestState>,
    FeedCredential(credential): FeedCredential,
    Query(query): Query<FeedQuery>,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Message, Infallible>>>, Problem> {
    let after = resumed_at(&headers, query.after)?;
    let place = rest.feeds.take()?;
    let tail = Feed::begin(&rest, after);
    Ok(stream(rest, place, credential, tail))
}

/// Say how far the feed has been applied
///
/// Receipts then count this service among those that follow and have applied a change.
#[utoipa::path(post, path = "/v1/feed/acks", request_body = Acknowledgement,
    responses((status = 204, description = "Noted")))]
async fn acknowledge(
    State(rest): State<RestState>,
    _: FeedCredential,
    _: NoQuery,
    Json(ack): Json<Acknowledgement>,
) -> Result<StatusCode, Problem> {
    if ack.seq > rest.node.head() {
        return Err(Problem::invalid("`seq` lies ahead of the log"));
    }
    if rest.node.acknowledge(ack.reader, ack.seq) {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Error::NotFound("reader").into())
    }
}

/// A service on its way through the feed.
struct Feed {
    /// Counts as a follower for as long as the feed is open.
    _reader: FeedReader,
    after: Seq,
    /// What of a snapshot has yet to be sent.
    snapshot: Option<VecDeque<Note>>,
    greeting: Vec<Message>,
}

impl Feed {
    fn begin(rest: &RestState, after: Option<Seq>) -> Self {
        let (reader, head) = (rest.node.follow_feed(), rest.node.head());
        let hello = Hello {
            reader: reader.id(),
            head,
            heartbeat_ms: u64::try_from(BEAT.as_millis()).unwrap_or(u64::MAX),
        };
        let mut greeting = Vec::from_iter(message("hello", &hello));
        let goes_on = after.filter(|after| *after <= head && head.0 - after.0 <= BEHIND_MAX);
        if let Some(after) = goes_on {
            return Self {
                _reader: reader,
                after,
                snapshot: None,
                greeting,
            };
        }
        if after.is_some() {
            greeting.extend(message("reset", &serde_json::json!({})));
        }
        let (position, notes) = rest.node.feed_snapshot();
        Self {
            _reader: reader,
            after: position,
            snapshot: Some(notes.into()),
            greeting,
        }
    }

    /// The next piece of the snapshot, if there is any left.
    fn next_piece(&mut self) -> Result<Option<Message>, Problem> {
        let Some(notes) = &mut self.snapshot else {
            return Ok(None);
        };
        let piece: Vec<Note> = notes.drain(..notes.len().min(PIECE)).collect();
        let more = !notes.is_empty();
        let body = Snapshot {
            seq: self.after,
            changes: piece.iter().map(NoteBody::from).collect(),
            more,
        };
        let mut message = Message::default().event("snapshot");
        if !more {
            // Who has the last piece has the position.
            message = message.id(self.after.0.to_string());
            self.snapshot = None;
        }
        let message = message.json_data(body).map_err(Error::internal)?;
        Ok(Some(message))
    }
}

impl Tail for Feed {
    fn position(&self) -> Seq {
        match self.snapshot {
            // What is ready is not waited for.
            Some(_) => Seq(0),
            None => self.after,
        }
    }

    fn look<'a>(
        &'a mut self,
        rest: &'a RestState,
        beat: bool,
    ) -> BoxFuture<'a, Result<Vec<Message>, Problem>> {
        async move {
            let mut messages = std::mem::take(&mut self.greeting);
            if let Some(piece) = self.next_piece()? {
                messages.push(piece);
                return Ok(messages);
            }
            let covered = rest.node.changes_after(self.after).await?;
            if beat || covered.upto > covered.after {
                messages.push(changes(&covered, rest.node.head())?);
                self.after = covered.upto;
            }
            Ok(messages)
        }
        .boxed()
    }
}

fn changes(covered: &Covered, head: Seq) -> Result<Message, Problem> {
    let body = Stretch {
        after: covered.after,
        seq: covered.upto,
        head,
        changes: covered.notes.iter().map(NoteBody::from).collect(),
    };
    let message = Message::default().event("changes");
    let message = message.id(covered.upto.0.to_string()).json_data(body);
    Ok(message.map_err(Error::internal)?)
}
