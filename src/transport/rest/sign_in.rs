//! Coming in: signing in, taking over a seat, asking for one, refreshing. For anyone.

use std::time::Duration;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::RestState;
use super::context::Context;
use super::delivery::{Delivery, DeliveryQuery, Leaving};
use super::extract::{Json, NoQuery, given, object};
use super::problem::{Problem, ProblemBody};
use super::schema;
use super::users::UserBody;
use crate::domain::clock::Timestamp;
use crate::domain::device::{Device, Platform};
use crate::domain::error::{Error, ErrorCode};
use crate::domain::id::{DeviceId, SessionId, TakeoverRequestId};
use crate::domain::secret::{Bearer, Password};
use crate::domain::text::{NAME_CHARS_MAX, check_line, check_password_size};
use crate::service::{SignIn, SignInAnswer, SignedIn};
use crate::transport::cookies::{self, Sent};
use crate::transport::status::http_status;

/// A device as its user names it.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Device)]
pub(super) struct DeviceBody {
    /// Any UUID; the client makes it once and keeps it.
    #[schema(value_type = Uuid)]
    pub(super) id: DeviceId,
    /// A name that a person recognises.
    #[schema(example = "Maryo's iPad")]
    pub(super) name: String,
    #[schema(schema_with = schema::platform)]
    pub(super) platform: Platform,
}

impl From<Device> for DeviceBody {
    fn from(device: Device) -> Self {
        Self {
            id: device.id,
            name: device.name,
            platform: device.platform,
        }
    }
}

impl DeviceBody {
    pub(super) fn read(self) -> Result<Device, Error> {
        let device = Device {
            id: self.id,
            name: self.name,
            platform: self.platform,
        };
        device.check().map(|()| device)
    }
}

/// Who signs in, on which device.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SignIn)]
struct SignInBody {
    #[schema(example = "maryo")]
    username: String,
    password: String,
    #[serde(deserialize_with = "object")]
    device: DeviceBody,
    /// For the longer pair of lifetimes in the policy.
    #[serde(default)]
    remember_me: bool,
}

impl SignInBody {
    /// Sizes are looked at before anybody is looked up.
    fn read(self) -> Result<SignIn, Error> {
        check_line("username", &self.username, NAME_CHARS_MAX)?;
        check_password_size("password", &self.password)?;
        Ok(SignIn {
            username: self.username,
            password: Password::new(self.password),
            device: self.device.read()?,
            remember_me: self.remember_me,
        })
    }
}

/// The token of a refusal that can be taken over.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Takeover)]
struct TakeoverBody {
    takeover_token: String,
}

/// The token of an open question.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SignInRequest)]
struct RequestBody {
    request_token: String,
}

/// The newest refresh token of a session.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Refresh)]
struct RefreshBody {
    /// Left out where the session is in cookies.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    refresh_token: Option<String>,
}

/// A session and its tokens.
#[derive(Serialize, ToSchema)]
#[schema(as = SignedIn)]
pub(super) struct SignedInBody {
    #[schema(value_type = Uuid)]
    session_id: SessionId,
    /// Goes into `Authorization`, under the name of its type.
    access_token: String,
    /// `Bearer`; `DPoP` where the sign-in brought a proof (RFC 9449).
    #[schema(example = "Bearer")]
    token_type: &'static str,
    /// Seconds until the access token runs out.
    #[schema(example = 300)]
    expires_in: u64,
    /// Good for one refresh.
    refresh_token: String,
    user: UserBody,
    device: DeviceBody,
}

impl From<SignedIn> for SignedInBody {
    fn from(signed_in: SignedIn) -> Self {
        let token_type = signed_in.token_type();
        Self {
            session_id: signed_in.session.id,
            access_token: signed_in.access_token,
            token_type,
            expires_in: signed_in.expires_in_s,
            refresh_token: signed_in.refresh_token.expose().to_owned(),
            user: signed_in.user.into(),
            device: signed_in.session.device.into(),
        }
    }
}

/// The devices in the way are being asked.
#[derive(Serialize, ToSchema)]
#[schema(as = SignInPending)]
pub(super) struct PendingBody {
    /// What those devices see of it.
    #[schema(value_type = Uuid)]
    request_id: TakeoverRequestId,
    /// To ask for the answer with.
    request_token: String,
    #[schema(schema_with = schema::timestamp)]
    expires_at: Timestamp,
    /// How long to wait before asking.
    poll_after_ms: u64,
}

impl PendingBody {
    /// What an answer says that is none yet.
    pub(super) fn of(answer: SignInAnswer) -> Result<Self, Box<SignedIn>> {
        match answer {
            SignInAnswer::SignedIn(signed_in) => Err(signed_in),
            SignInAnswer::Pending {
                request_id,
                request_token,
                expires_at,
                poll_after_ms,
            } => Ok(Self {
                request_id,
                request_token: request_token.expose().to_owned(),
                expires_at,
                poll_after_ms,
            }),
        }
    }
}

/// The answer to a sign-in: tokens with this status, or 202 while devices are being asked.
pub(super) async fn answer(
    rest: &RestState,
    answer: SignInAnswer,
    status: StatusCode,
    delivery: Delivery,
) -> Result<Response, Problem> {
    match PendingBody::of(answer) {
        Ok(pending) => Ok((StatusCode::ACCEPTED, Json(pending)).into_response()),
        Err(signed_in) => delivery.hand_over(rest, *signed_in, status).await,
    }
}

pub(super) fn routes() -> OpenApiRouter<RestState> {
    OpenApiRouter::new()
        .routes(routes!(sign_in))
        .routes(routes!(take_over))
        .routes(routes!(poll_request))
        .routes(routes!(refresh_token))
}

/// Sign in
///
/// The same device of the same user signing in again replaces that device's session. With a proof in the header `DPoP` (RFC
/// 9449) the session is bound to the proof's key.
#[utoipa::path(post, path = "/v1/sign-in", params(DeliveryQuery), request_body = SignInBody, responses(
    (status = 200, description = "Signed in", body = SignedInBody),
    (status = 202, description = "The devices in the way are being asked", body = PendingBody),
    (status = 401, description = "Wrong name or password", body = ProblemBody, content_type = "application/problem+json"),
    (status = 409, description = "No seat is free; with a `takeover_token` where one may be taken", body = ProblemBody, content_type = "application/problem+json"),
    (status = 429, description = "Too many failures; see `Retry-After`", body = ProblemBody, content_type = "application/problem+json")))]
async fn sign_in(
    State(rest): State<RestState>,
    context: Context,
    delivery: Delivery,
    Json(body): Json<SignInBody>,
) -> Result<Response, Problem> {
    let (origin, _) = rest.tokens.with_key(context.origin())?;
    let signed_in = rest.core.sign_in(body.read()?, &origin).await?;
    let signed_in = settled(&rest, signed_in).await;
    answer(&rest, signed_in, StatusCode::OK, delivery).await
}

/// Whoever lost the seat is refused by the time the newcomer has it.
pub(super) async fn settled(rest: &RestState, answer: SignInAnswer) -> SignInAnswer {
    if let SignInAnswer::SignedIn(signed_in) = &answer {
        rest.node
            .settle(signed_in.session.fence, Duration::ZERO)
            .await;
    }
    answer
}

/// Take over the oldest seat
///
/// With the `takeover_token` of a refusal: single use, two minutes.
#[utoipa::path(post, path = "/v1/sign-in/takeover", params(DeliveryQuery), request_body = TakeoverBody,
    responses((status = 200, description = "Signed in", body = SignedInBody)))]
async fn take_over(
    State(rest): State<RestState>,
    context: Context,
    delivery: Delivery,
    Json(body): Json<TakeoverBody>,
) -> Result<Response, Problem> {
    let token = Bearer::new(body.takeover_token);
    let signed_in = rest.core.take_over(&token, &context.origin()).await?;
    let signed_in = settled(&rest, signed_in).await;
    answer(&rest, signed_in, StatusCode::OK, delivery).await
}

/// Ask whether the devices in the way have answered
#[utoipa::path(post, path = "/v1/sign-in/requests", params(DeliveryQuery), request_body = RequestBody, responses(
    (status = 200, description = "Allowed: signed in", body = SignedInBody),
    (status = 202, description = "Nobody has answered yet", body = PendingBody),
    (status = 403, description = "Denied", body = ProblemBody, content_type = "application/problem+json"),
    (status = 410, description = "Nobody answered in time; with a `takeover_token`", body = ProblemBody, content_type = "application/problem+json")))]
async fn poll_request(
    State(rest): State<RestState>,
    delivery: Delivery,
    Json(body): Json<RequestBody>,
) -> Result<Response, Problem> {
    let token = Bearer::new(body.request_token);
    let signed_in = rest.core.poll_request(&token).await?;
    let signed_in = settled(&rest, signed_in).await;
    answer(&rest, signed_in, StatusCode::OK, delivery).await
}

/// Refresh the tokens of a session
///
/// A refresh token is good once; use the new one from then on. Where it comes in a cookie, the new one goes
/// there too. One that is bound to a key needs a proof in the header `DPoP`.
#[utoipa::path(post, path = "/v1/token/refresh", request_body = RefreshBody, responses(
    (status = 200, description = "New tokens", body = SignedInBody),
    (status = 401, description = "The session has ended, or the token is not valid", body = ProblemBody, content_type = "application/problem+json")))]
async fn refresh_token(
    State(rest): State<RestState>,
    context: Context,
    _: NoQuery,
    headers: HeaderMap,
    Json(body): Json<RefreshBody>,
) -> Result<Response, Problem> {
    let in_cookie = cookies::refresh_token(&headers, &rest.settings.allowed_origins);
    let (token, delivery) = match (body.refresh_token, in_cookie) {
        (Some(token), _) => (token, Delivery::Body),
        (None, Sent::Proven(token)) => (token.to_owned(), Delivery::Cookie),
        (None, Sent::Submitted(token, repeated)) => {
            let session = rest
                .core
                .session_of_refresh_token(&Bearer::new(token.to_owned()));
            if !session.is_some_and(|it| rest.core.is_csrf_token(it, repeated)) {
                return Err(Error::TokenMissing.into());
            }
            (token.to_owned(), Delivery::Cookie)
        }
        (None, Sent::Stray) => return Err(Error::TokenMissing.into()),
        (None, Sent::Nothing) => return Err(Problem::invalid("`refresh_token` is missing")),
    };
    let token = Bearer::new(token);
    let (origin, proof) = rest.tokens.with_key(context.origin())?;
    let refreshed = rest.core.refresh(&token, &origin).await;
    let refreshed = refreshed.and_then(|it| rest.tokens.refreshed(it, proof.as_ref()));
    match refreshed.map_err(Problem::from) {
        Ok(signed_in) => Ok(delivery.hand_over_again(&rest, signed_in)),
        Err(problem) if delivery == Delivery::Cookie && is_over(&problem) => {
            Ok(Leaving(problem).into_response())
        }
        Err(problem) => Err(problem),
    }
}

/// Whether the session will never be refreshed again.
fn is_over(problem: &Problem) -> bool {
    let is_of_proof = problem.code() == ErrorCode::InvalidDpopProof;
    http_status(problem.code()) == StatusCode::UNAUTHORIZED && !is_of_proof
}
