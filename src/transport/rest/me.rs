//! What signed-in users do about themselves: who am I, password, sessions, devices, tickets.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use sessionwire_guard::Claims;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::RestState;
use super::delivery::Leaving;
use super::extract::{
    Created, Id, Json, NoBody, NoQuery, OptionalJson, Query, SignedInUser, SignedInUserStale,
};
use super::page::{ListBody, PageQuery, page};
use super::problem::Problem;
use super::receipt::{ChangeQuery, Changing, Outcome, OwnReceipt};
use super::schema;
use super::sessions::{SessionBody, SessionState};
use super::sign_in::DeviceBody;
use super::users::UserBody;
use crate::domain::clock::Timestamp;
use crate::domain::id::{DeviceId, SessionId};
use crate::domain::secret::Password;
use crate::domain::text::{check_new_password, check_password_size};
use crate::service::{DeviceView, SessionFilter};

/// The old password and the new one.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PasswordChange)]
struct PasswordBody {
    current_password: String,
    /// 8 characters to 1024 bytes.
    new_password: String,
}

/// Whether the session that asks goes on.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(as = SignOutEverywhere)]
struct SignOutEverywhereBody {
    except_current: bool,
}

/// A device and what is known of its use.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OwnDevice)]
struct OwnDeviceBody {
    #[serde(flatten)]
    device: DeviceBody,
    #[schema(schema_with = schema::timestamp)]
    first_seen_at: Timestamp,
    #[schema(schema_with = schema::timestamp)]
    last_seen_at: Timestamp,
    /// The live session on it.
    #[schema(value_type = Option<Uuid>, required)]
    session_id: Option<SessionId>,
    /// Whether it is the one that asks.
    current: bool,
}

impl OwnDeviceBody {
    fn of(view: DeviceView, asking: DeviceId) -> Self {
        Self {
            current: view.device.id == asking,
            device: view.device.into(),
            first_seen_at: view.first_seen_at,
            last_seen_at: view.last_seen_at,
            session_id: view.session_id,
        }
    }
}

/// Stands for the access token that asked for it, once, in a socket's address.
#[derive(Serialize, ToSchema)]
#[schema(as = SocketTicket)]
pub(super) struct TicketBody {
    ticket: String,
    #[schema(schema_with = schema::timestamp)]
    expires_at: Timestamp,
}

impl TicketBody {
    /// A new one.
    pub(super) async fn issue(rest: &RestState, claims: &Claims) -> Result<Self, Problem> {
        let (ticket, expires_at) = rest.core.issue_ticket(claims).await?;
        Ok(Self {
            ticket: ticket.expose().to_owned(),
            expires_at,
        })
    }
}

/// Which of one's own sessions.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct OwnSessionsQuery {
    /// In this state; live ones unless given.
    #[param(inline)]
    state: Option<SessionState>,
    /// How many items at most.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
    /// Where the last page ended: its `next_cursor`.
    cursor: Option<String>,
}

pub(super) fn routes() -> OpenApiRouter<RestState> {
    OpenApiRouter::new()
        .routes(routes!(find_me))
        .routes(routes!(change_own_password))
        .routes(routes!(sign_out))
        .routes(routes!(sign_out_everywhere))
        .routes(routes!(list_own_sessions))
        .routes(routes!(end_own_session))
        .routes(routes!(list_own_devices))
        .routes(routes!(revoke_own_device))
        .routes(routes!(issue_ticket))
}

/// Look at oneself
#[utoipa::path(get, path = "/v1/me",
    responses((status = 200, description = "The user", body = UserBody)))]
async fn find_me(
    State(rest): State<RestState>,
    user: SignedInUser,
    _: NoQuery,
) -> Result<Json<UserBody>, Problem> {
    let me = rest.core.find_user(user.claims.sub).await?;
    Ok(Json(me.into()))
}

/// Change one's password
///
/// Every other session ends with `password_changed`.
#[utoipa::path(put, path = "/v1/me/password", params(ChangeQuery), request_body = PasswordBody,
    responses((status = 200, description = "What it reached", body = Outcome<OwnReceipt>)))]
async fn change_own_password(
    State(rest): State<RestState>,
    asked: Changing<SignedInUser>,
    Json(body): Json<PasswordBody>,
) -> Result<Json<Outcome<OwnReceipt>>, Problem> {
    check_password_size("current_password", &body.current_password)?;
    check_new_password("new_password", &body.new_password)?;
    let current = Password::new(body.current_password);
    let new = Password::new(body.new_password);
    let (user, keep) = (asked.who.claims.sub, asked.who.claims.sid);
    let done = rest
        .core
        .change_password(&asked.call, user, keep, current, new)
        .await?;
    Ok(Json(asked.settling.own(&rest, done.effect).await))
}

/// Sign out
///
/// Takes a stale token too.
#[utoipa::path(post, path = "/v1/sign-out", params(ChangeQuery),
    responses((status = 200, description = "What it reached", body = Outcome<OwnReceipt>)))]
async fn sign_out(
    State(rest): State<RestState>,
    asked: Changing<SignedInUserStale>,
    _: NoBody,
) -> Result<Response, Problem> {
    let session = asked.who.claims().sid;
    let done = rest.core.sign_out(&asked.call, session).await?;
    Ok(goodbye(asked.settling.own(&rest, done.effect).await))
}

/// The answer to somebody whose own session is over, unless it was only asked what would be.
fn goodbye(outcome: Outcome<OwnReceipt>) -> Response {
    match outcome {
        Outcome::Done(_) => Leaving(Json(outcome)).into_response(),
        Outcome::Preview(_) => Json(outcome).into_response(),
    }
}

/// Sign out on every device
#[utoipa::path(post, path = "/v1/sign-out-everywhere", params(ChangeQuery),
    request_body = Option<SignOutEverywhereBody>,
    responses((status = 200, description = "What it reached", body = Outcome<OwnReceipt>)))]
async fn sign_out_everywhere(
    State(rest): State<RestState>,
    asked: Changing<SignedInUser>,
    OptionalJson(body): OptionalJson<SignOutEverywhereBody>,
) -> Result<Response, Problem> {
    let claims = &asked.who.claims;
    let except = body.except_current.then_some(claims.sid);
    let done = rest
        .core
        .sign_out_everywhere(&asked.call, claims.sub, except)
        .await?;
    let outcome = asked.settling.own(&rest, done.effect).await;
    Ok(match except {
        Some(_) => Json(outcome).into_response(),
        None => goodbye(outcome),
    })
}

/// List one's own sessions
#[utoipa::path(get, path = "/v1/me/sessions", params(OwnSessionsQuery),
    responses((status = 200, description = "A page of sessions", body = ListBody<SessionBody>)))]
async fn list_own_sessions(
    State(rest): State<RestState>,
    user: SignedInUser,
    Query(query): Query<OwnSessionsQuery>,
) -> Result<Json<ListBody<SessionBody>>, Problem> {
    let page = page(query.limit, query.cursor.as_deref())?;
    let filter = SessionFilter {
        user_id: Some(user.claims.sub),
        device_id: None,
        live: Some(query.state.is_none_or(SessionState::is_live)),
    };
    let sessions = rest.core.list_sessions(filter, page).await?;
    let page = SessionBody::page(sessions, &rest).await?;
    Ok(Json(page.map(|session| session.told_to(user.claims.sid))))
}

/// End one of one's own sessions
#[utoipa::path(delete, path = "/v1/me/sessions/{id}", params(("id" = Uuid, Path), ChangeQuery),
    responses((status = 200, description = "What it reached", body = Outcome<OwnReceipt>)))]
async fn end_own_session(
    State(rest): State<RestState>,
    asked: Changing<SignedInUser>,
    Id(id): Id<SessionId>,
) -> Result<Json<Outcome<OwnReceipt>>, Problem> {
    let user = asked.who.claims.sub;
    let done = rest.core.end_own_session(&asked.call, user, id).await?;
    Ok(Json(asked.settling.own(&rest, done.effect).await))
}

/// List one's own devices
#[utoipa::path(get, path = "/v1/me/devices", params(PageQuery),
    responses((status = 200, description = "A page of devices, the newest first", body = ListBody<OwnDeviceBody>)))]
async fn list_own_devices(
    State(rest): State<RestState>,
    user: SignedInUser,
    Query(query): Query<PageQuery>,
) -> Result<Json<ListBody<OwnDeviceBody>>, Problem> {
    let devices = rest.core.list_devices(user.claims.sub).await?;
    let asking = user.claims.device_id;
    ListBody::part(devices, &query, |view| OwnDeviceBody::of(view, asking)).map(Json)
}

/// Remove one of one's own devices
///
/// Its session ends with `device_revoked`.
#[utoipa::path(delete, path = "/v1/me/devices/{id}", params(("id" = Uuid, Path), ChangeQuery),
    responses((status = 200, description = "What it reached", body = Outcome<OwnReceipt>)))]
async fn revoke_own_device(
    State(rest): State<RestState>,
    asked: Changing<SignedInUser>,
    Id(id): Id<DeviceId>,
) -> Result<Json<Outcome<OwnReceipt>>, Problem> {
    let user = asked.who.claims.sub;
    let done = rest.core.revoke_device(&asked.call, user, id).await?;
    Ok(Json(asked.settling.own(&rest, done.effect).await))
}

/// Get a ticket for a socket
///
/// For clients that can't set headers: `/v1/socket?ticket=`. Spent by the first attempt.
#[utoipa::path(post, path = "/v1/socket-tickets",
    responses((status = 201, description = "The ticket", body = TicketBody)))]
async fn issue_ticket(
    State(rest): State<RestState>,
    user: SignedInUser,
    _: NoQuery,
    _: NoBody,
) -> Result<Created<TicketBody>, Problem> {
    TicketBody::issue(&rest, &user.claims).await.map(Created)
}
