//! Sessions of everybody: `/v1/sessions`, and those of one user.

use std::collections::HashMap;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::RestState;
use super::context::Context;
use super::delivery::Delivery;
use super::extract::{Created, Id, Json, NoQuery, Query, Scoped, User, Who, object, resolved};
use super::me::TicketBody;
use super::page::{ListBody, page};
use super::problem::Problem;
use super::receipt::{ChangeQuery, Changing, Outcome, ReceiptBody};
use super::schema;
use super::sign_in::{DeviceBody, PendingBody, SignedInBody, answer};
use crate::domain::Reason;
use crate::domain::clock::Timestamp;
use crate::domain::id::{DeviceId, SessionId, UserId};
use crate::domain::session::Session;
use crate::domain::user::UserRef;
use crate::service::{Mode, SessionFilter, SignInAnswer, Slice};

/// Whether a session lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum SessionState {
    Live,
    Ended,
}

impl SessionState {
    pub(super) fn is_live(self) -> bool {
        self == Self::Live
    }
}

/// A session.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Session)]
pub(super) struct SessionBody {
    #[schema(value_type = Uuid)]
    id: SessionId,
    #[schema(value_type = Uuid)]
    user_id: UserId,
    device: DeviceBody,
    state: SessionState,
    #[schema(schema_with = schema::timestamp)]
    created_at: Timestamp,
    /// When the person last used it.
    #[schema(schema_with = schema::timestamp)]
    last_active_at: Timestamp,
    /// When it ends by itself.
    #[schema(schema_with = schema::timestamp)]
    expires_at: Timestamp,
    /// The address that signed in.
    #[schema(required)]
    ip: Option<String>,
    /// The program that signed in.
    #[schema(required)]
    user_agent: Option<String>,
    /// Open sockets of it.
    connections: u32,
    /// Whether it is the one that asks; in one's own sessions only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    current: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = schema::timestamp)]
    ended_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = schema::reason)]
    reason: Option<Reason>,
}

impl SessionBody {
    /// A page of them.
    pub(super) async fn page(
        slice: Slice<Session>,
        rest: &RestState,
    ) -> Result<ListBody<Self>, Problem> {
        let others = rest.node.others();
        let connections = rest.core.connections_at(&others, &slice.items).await?;
        Ok(ListBody::of(slice, |session| {
            Self::of(session, &connections, rest)
        }))
    }

    /// As it is now: past its expiry a session counts as ended, swept or not.
    fn of(session: Session, at_other_nodes: &HashMap<SessionId, u32>, rest: &RestState) -> Self {
        let (ended_at, reason) = ending(&session, rest.clock.now()).unzip();
        let state = if ended_at.is_some() {
            SessionState::Ended
        } else {
            SessionState::Live
        };
        Self {
            id: session.id,
            user_id: session.user_id,
            state,
            created_at: session.created_at,
            last_active_at: session.last_active_at,
            expires_at: session.expires_at,
            connections: at_other_nodes.get(&session.id).copied().unwrap_or_default()
                + rest
                    .node
                    .connections_of_session(session.id, session.user_id),
            current: None,
            ended_at,
            reason,
            ip: session.address,
            user_agent: session.user_agent,
            device: session.device.into(),
        }
    }

    /// The same, to its own user.
    pub(super) fn told_to(mut self, asking: SessionId) -> Self {
        self.current = Some(self.id == asking);
        self
    }
}

/// When and why a session ended, if it did.
fn ending(session: &Session, now: Timestamp) -> Option<(Timestamp, Reason)> {
    match &session.end {
        Some(end) => Some((end.at, end.reason)),
        None if session.is_live(now) => None,
        None => Some((session.expires_at, session.expiry_reason())),
    }
}

/// Which sessions.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct SessionsQuery {
    /// Of this user.
    #[param(value_type = Option<String>)]
    user_id: Option<UserRef>,
    /// On this device.
    #[param(value_type = Option<Uuid>)]
    device_id: Option<DeviceId>,
    /// In this state; in either unless given.
    #[param(inline)]
    state: Option<SessionState>,
    /// How many items at most.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
    /// Where the last page ended: its `next_cursor`.
    cursor: Option<String>,
}

/// On which device a user is signed in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewSession)]
struct NewSessionBody {
    #[serde(deserialize_with = "object")]
    device: DeviceBody,
    /// For the longer pair of lifetimes in the policy.
    #[serde(default)]
    remember_me: bool,
    #[serde(default)]
    answer: Handed,
}

/// What a back end gets of a session that it began for its user.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = HandedOver)]
enum Handed {
    /// The access token and the refresh token.
    #[default]
    Tokens,
    /// Nothing but a ticket for one socket.
    Ticket,
}

/// A session of which only a ticket was handed over.
#[derive(Serialize, ToSchema)]
#[schema(as = SignedInByTicket)]
struct SignedInByTicketBody {
    #[schema(value_type = Uuid)]
    session_id: SessionId,
    #[serde(flatten)]
    ticket: TicketBody,
}

/// One of the two answers.
#[derive(ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "it describes the answers")]
enum NewSessionAnswer {
    Tokens(Box<SignedInBody>),
    Ticket(SignedInByTicketBody),
}

pub(super) fn routes() -> OpenApiRouter<RestState> {
    OpenApiRouter::new()
        .routes(routes!(list_sessions))
        .routes(routes!(end_session))
        .routes(routes!(start_session, end_user_sessions))
}

/// List sessions
#[utoipa::path(get, path = "/v1/sessions", params(SessionsQuery),
    responses((status = 200, description = "A page of sessions", body = ListBody<SessionBody>)))]
async fn list_sessions(
    State(rest): State<RestState>,
    _: Scoped,
    Query(query): Query<SessionsQuery>,
) -> Result<Json<ListBody<SessionBody>>, Problem> {
    let page = page(query.limit, query.cursor.as_deref())?;
    let filter = SessionFilter {
        user_id: resolved(&rest, query.user_id).await?,
        device_id: query.device_id,
        live: query.state.map(SessionState::is_live),
    };
    let sessions = rest.core.list_sessions(filter, page).await?;
    Ok(Json(SessionBody::page(sessions, &rest).await?))
}

/// End a session
///
/// With the reason `revoked_by_admin`.
#[utoipa::path(delete, path = "/v1/sessions/{id}", params(("id" = Uuid, Path), ChangeQuery),
    responses((status = 200, description = "What it reached", body = Outcome<ReceiptBody>)))]
async fn end_session(
    State(rest): State<RestState>,
    Changing { call, settling, .. }: Changing<Scoped>,
    Id(id): Id<SessionId>,
) -> Result<Json<Outcome<ReceiptBody>>, Problem> {
    let done = rest.core.end_session(&call, id).await?;
    Ok(Json(settling.receipt(&rest, done.effect).await))
}

/// End every session of a user
#[utoipa::path(delete, path = "/v1/users/{id}/sessions", params(("id" = String, Path, description = "The id, or `ext:` and the external id"), ChangeQuery),
    responses((status = 200, description = "What it reached", body = Outcome<ReceiptBody>)))]
async fn end_user_sessions(
    State(rest): State<RestState>,
    Changing { call, settling, .. }: Changing<Scoped>,
    User(id): User,
) -> Result<Json<Outcome<ReceiptBody>>, Problem> {
    let done = rest.core.end_user_sessions(&call, id).await?;
    Ok(Json(settling.receipt(&rest, done.effect).await))
}

/// Sign a user in
///
/// For a back end that has proved who its user is. With `answer: "ticket"` no token leaves the server: the
/// answer has a `ticket` for one socket, and the session is of use as long as that socket's token would be.
/// While devices are being asked (202) and where a seat is taken over, the tokens come all the same.
#[utoipa::path(post, path = "/v1/users/{id}/sessions", params(("id" = String, Path, description = "The id, or `ext:` and the external id")),
    request_body = NewSessionBody, responses(
    (status = 201, description = "Signed in; with `answer: \"ticket\"` a ticket alone", body = inline(NewSessionAnswer)),
    (status = 202, description = "The devices in the way are being asked", body = PendingBody)))]
async fn start_session(
    State(rest): State<RestState>,
    caller: Scoped,
    context: Context,
    User(id): User,
    _: NoQuery,
    Json(body): Json<NewSessionBody>,
) -> Result<Response, Problem> {
    let (call, device) = (caller.call(Mode::Commit), body.device.read()?);
    let origin = context.origin();
    let signed_in = rest
        .core
        .start_session(&call, id, device, body.remember_me, &origin)
        .await?;
    if let (Handed::Ticket, SignInAnswer::SignedIn(signed_in)) = (body.answer, &signed_in) {
        let by_ticket = SignedInByTicketBody {
            session_id: signed_in.session.id,
            ticket: TicketBody::issue(&rest, &signed_in.claims).await?,
        };
        return Ok(Created(by_ticket).into_response());
    }
    answer(&rest, signed_in, StatusCode::CREATED, Delivery::Body).await
}
