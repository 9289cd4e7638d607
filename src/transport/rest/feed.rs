//! The feed for services: `/v1/feed`, as `docs/feed.md` writes it down, over server-sent events or a
//! WebSocket. It may not know what services do with it.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::response::Response;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use http::{HeaderMap, header};
use serde::{Deserialize, Serialize};
use sessionwire_guard::{Change, ChangeKind, Note};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::RestState;
use super::extract::{FeedCredential, Query};
use super::feed_socket;
use super::problem::Problem;
use super::stream::{BEAT, Message, Open, Tail, events, resumed_at};
use crate::domain::clock::Timestamp;
use crate::domain::id::Seq;
use crate::node::{Covered, FeedReader, Happened, IndexSnapshot};
use crate::transport::underlay::Underlay;

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
    now_ms: i64,
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
    /// When this is sent, by the server's clock: a reader tells from it what was under way for long.
    now_ms: i64,
    changes: Vec<NoteBody<'a>>,
}

/// A change. Times are seconds since the Unix epoch, as in the tokens that they are compared with.
#[derive(Serialize)]
struct NoteBody<'a> {
    seq: Seq,
    keep_until: i64,
    /// How long ago it happened; nobody's clock but the server's is asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    age_ms: Option<u64>,
    #[serde(flatten)]
    change: &'a Change,
}

impl<'a> NoteBody<'a> {
    fn of(note: &'a Note) -> Self {
        Self {
            seq: note.seq,
            // Rounded up: what is kept a little longer harms nobody.
            keep_until: note.keep_until.div_euclid(1000).saturating_add(1),
            age_ms: None,
            change: &note.change,
        }
    }

    fn aged(happened: &'a Happened, now: Timestamp) -> Self {
        let age = now.since(happened.at).as_millis();
        Self {
            age_ms: Some(u64::try_from(age).unwrap_or(u64::MAX)),
            ..Self::of(&happened.note)
        }
    }
}

/// Where to begin, and with what.
#[derive(Clone, Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct FeedQuery {
    /// After this position; with a snapshot where it is left out. `Last-Event-ID` goes before it.
    after: Option<u64>,
    /// Changes of these kinds only, with commas between: `session_ended,user_ended`. Positions go on all
    /// the same.
    kinds: Option<String>,
}

/// Which changes a service wants.
enum Wanted {
    All,
    Only(Vec<ChangeKind>),
}

impl Wanted {
    fn read(kinds: Option<&str>) -> Result<Self, Problem> {
        let Some(kinds) = kinds else {
            return Ok(Self::All);
        };
        let named = |name: &str| ChangeKind::ALL.iter().find(|kind| kind.as_str() == name);
        let kinds: Option<Vec<_>> = kinds.split(',').map(|name| named(name).copied()).collect();
        kinds.map(Self::Only).ok_or_else(|| {
            let known: Vec<_> = ChangeKind::ALL.iter().map(|kind| kind.as_str()).collect();
            Problem::invalid(format!("`kinds` knows {}", known.join(", ")))
        })
    }

    fn holds(&self, change: &Change) -> bool {
        match self {
            Self::All => true,
            Self::Only(kinds) => kinds.contains(&change.kind()),
        }
    }
}

pub(super) fn routes() -> OpenApiRouter<RestState> {
    OpenApiRouter::new().routes(routes!(follow_feed))
}

/// Follow what revokes tokens
///
/// Server-sent events, or with `Upgrade: websocket` frames: `hello`, `snapshot` (in pieces) unless it goes on
/// after a position, then `changes`, at least once a second; `reset` before a snapshot where it could not go
/// on. Written down in `docs/feed.md`.
#[utoipa::path(get, path = "/v1/feed", params(FeedQuery),
    responses((status = 200, description = "The feed from there on", body = String, content_type = "text/event-stream")))]
async fn follow_feed(
    State(rest): State<RestState>,
    FeedCredential(credential): FeedCredential,
    Query(query): Query<FeedQuery>,
    headers: HeaderMap,
    underlay: Option<Extension<Underlay>>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    let after = resumed_at(&headers, query.after)?;
    let wanted = Wanted::read(query.kinds.as_deref())?;
    let place = rest.feeds.take()?;
    let reader = rest.node.follow_feed();
    let reader_id = reader.id();
    let feed = Feed::begin(&rest, reader, after, wanted).await?;
    let open = Open::new(rest.clone(), place, credential, feed);
    match upgrade {
        Ok(upgrade) => Ok(feed_socket::answer(
            upgrade,
            rest.node.clone(),
            reader_id,
            open,
        )),
        Err(rejection) if headers.contains_key(header::UPGRADE) => {
            Err(Problem::invalid(rejection.body_text()))
        }
        Err(_) => Ok(events(open, underlay)),
    }
}

/// A service on its way through the feed.
struct Feed {
    /// Counts as a follower for as long as the feed is open.
    _reader: FeedReader,
    wanted: Wanted,
    after: Seq,
    /// A snapshot that has yet to be sent, from this entry on.
    snapshot: Option<(Arc<IndexSnapshot>, usize)>,
    greeting: Vec<Message>,
}

impl Feed {
    async fn begin(
        rest: &RestState,
        reader: FeedReader,
        after: Option<Seq>,
        wanted: Wanted,
    ) -> Result<Self, Problem> {
        let head = rest.node.head();
        let hello = Hello {
            reader: reader.id(),
            head,
            heartbeat_ms: u64::try_from(BEAT.as_millis()).unwrap_or(u64::MAX),
            now_ms: rest.clock.now().as_millis(),
        };
        let mut greeting = vec![Message::new("hello", &hello)?];
        let goes_on = after.filter(|after| *after <= head && head.0 - after.0 <= BEHIND_MAX);
        if let Some(after) = goes_on
            && rest.node.remembers_after(after).await?
        {
            return Ok(Self {
                _reader: reader,
                wanted,
                after,
                snapshot: None,
                greeting,
            });
        }
        if after.is_some() {
            greeting.push(Message::new("reset", &serde_json::json!({}))?);
        }
        let snapshot = rest.node.feed_snapshot();
        Ok(Self {
            _reader: reader,
            wanted,
            after: snapshot.position,
            snapshot: Some((snapshot, 0)),
            greeting,
        })
    }

    /// The next piece of the snapshot, if there is any left.
    fn next_piece(&mut self) -> Result<Option<Message>, Problem> {
        let Some((snapshot, first)) = self.snapshot.take() else {
            return Ok(None);
        };
        let last = snapshot.notes.len().min(first + PIECE);
        let piece = snapshot.notes.get(first..last).unwrap_or_default();
        let wanted = piece.iter().filter(|note| self.wanted.holds(&note.change));
        let more = last < snapshot.notes.len();
        let body = Snapshot {
            seq: self.after,
            changes: wanted.map(NoteBody::of).collect(),
            more,
        };
        let message = Message::new("snapshot", &body)?;
        if more {
            self.snapshot = Some((snapshot, last));
            return Ok(Some(message));
        }
        // Who has the last piece has the position.
        Ok(Some(message.at(self.after)))
    }

    fn changes(&self, covered: &Covered, rest: &RestState) -> Result<Message, Problem> {
        let now = rest.clock.now();
        let wanted = covered.changes.iter();
        let wanted = wanted.filter(|it| self.wanted.holds(&it.note.change));
        let body = Stretch {
            after: covered.after,
            seq: covered.upto,
            head: rest.node.head().max(covered.upto),
            now_ms: now.as_millis(),
            changes: wanted.map(|it| NoteBody::aged(it, now)).collect(),
        };
        Ok(Message::new("changes", &body)?.at(covered.upto))
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
                messages.push(self.changes(&covered, rest)?);
                self.after = covered.upto;
            }
            Ok(messages)
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_those_of_the_changes() {
        let all: Vec<_> = ChangeKind::ALL.iter().map(|kind| kind.as_str()).collect();
        assert!(matches!(
            Wanted::read(Some(&all.join(","))),
            Ok(Wanted::Only(kinds)) if kinds == ChangeKind::ALL
        ));
        assert!(matches!(Wanted::read(None), Ok(Wanted::All)));
        for wrong in ["", "session_ended,", "weather", "session_ended, user_ended"] {
            assert!(Wanted::read(Some(wrong)).is_err(), "{wrong}");
        }
    }
}
