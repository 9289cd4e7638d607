//! The log as it goes on: `/v1/events/stream`, server-sent events for administrators' pages. It may not
//! know what events mean.

use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use http::HeaderMap;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::RestState;
use super::events::EventBody;
use super::extract::{AdminCredential, Query, resolved};
use super::problem::Problem;
use super::stream::{Message, Open, Tail, events, resumed_at};
use crate::domain::id::{Seq, UserId};
use crate::domain::user::UserRef;
use crate::node::Pulse;
use crate::service::EventQuery;
use crate::transport::underlay::Underlay;

/// Events of one read.
const PAGE: u32 = 200;

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
    #[param(value_type = Option<String>)]
    user_id: Option<UserRef>,
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
    AdminCredential(credential): AdminCredential,
    Query(query): Query<StreamQuery>,
    headers: HeaderMap,
    underlay: Option<Extension<Underlay>>,
) -> Result<Response, Problem> {
    let after = resumed_at(&headers, query.after)?;
    let tail = Events {
        after: after.unwrap_or_else(|| rest.node.head()),
        kind: query.kind,
        user_id: resolved(&rest, query.user_id).await?,
    };
    let place = rest.event_streams.take()?;
    let open = Open::new(rest, place, credential, tail);
    Ok(events(open, underlay))
}

/// A reader on its way through the log.
struct Events {
    kind: Option<String>,
    user_id: Option<UserId>,
    after: Seq,
}

impl Tail for Events {
    fn position(&self) -> Seq {
        self.after
    }

    fn look<'a>(
        &'a mut self,
        rest: &'a RestState,
        beat: bool,
    ) -> BoxFuture<'a, Result<Vec<Message>, Problem>> {
        async move {
            let mut messages = self.read_on(rest).await?;
            if beat {
                messages.push(Message::new("node", &PulseBody::from(rest.node.pulse()))?);
            }
            Ok(messages)
        }
        .boxed()
    }
}

impl Events {
    async fn read_on(&mut self, rest: &RestState) -> Result<Vec<Message>, Problem> {
        let head = rest.node.head();
        let query = EventQuery {
            after: self.after,
            kind: self.kind.clone(),
            user_id: self.user_id,
            limit: PAGE,
        };
        let (found, more) = rest.core.list_events(query).await?;
        // Where the filter left nothing to send, everything up to the head has been looked at.
        let last = found.last().map(|event| event.entry.seq);
        self.after = more.unwrap_or(self.after.max(head).max(last.unwrap_or(head)));
        let mut messages = Vec::with_capacity(found.len() + 1);
        for event in found {
            let seq = event.entry.seq;
            messages.push(Message::nameless(&EventBody::of(event)?)?.at(seq));
        }
        Ok(messages)
    }
}
