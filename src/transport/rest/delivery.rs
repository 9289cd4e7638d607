//! How a session's tokens reach a client: in the answer's body, or as cookies that no script can read. It
//! may not know how they were come by.

use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::request::Parts;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::RestState;
use super::extract::{Json, Query};
use super::problem::Problem;
use super::sign_in::{DeviceBody, SignedInBody};
use super::users::UserBody;
use crate::domain::binding::Binding;
use crate::domain::error::Error;
use crate::domain::id::{Seq, SessionId};
use crate::domain::session::Session;
use crate::service::SignedIn;
use crate::transport::cookies::{self, Tokens};

/// Where the tokens go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Delivery {
    /// Into the answer.
    #[default]
    Body,
    /// Into cookies.
    Cookie,
    /// Into the answer, and good only beside a cookie that comes with it.
    Bound,
}

/// The member of a query that says so.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(super) struct DeliveryQuery {
    /// `cookie`: the tokens come as cookies (`HttpOnly`, `Secure`, `SameSite=Strict`) and not in the answer.
    /// `bound`: they come in the answer, and are good only beside a cookie (`HttpOnly`) that comes with it. Both
    /// for pages of the server's own or an allowed origin.
    #[param(inline)]
    tokens: Delivery,
}

impl FromRequestParts<RestState> for Delivery {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, rest: &RestState) -> Result<Self, Problem> {
        let Query(query) = Query::<DeliveryQuery>::from_request_parts(parts, rest).await?;
        let origins = &rest.settings.allowed_origins;
        if query.tokens != Self::Body && !cookies::asked_by_own_page(&parts.headers, origins) {
            return Err(Error::Forbidden(
                "cookies are for pages of the server's own or an allowed origin",
            )
            .into());
        }
        Ok(query.tokens)
    }
}

/// A session whose tokens are in cookies.
#[derive(Serialize, ToSchema)]
#[schema(as = SignedInByCookie)]
pub(super) struct SignedInByCookieBody {
    #[schema(value_type = Uuid)]
    session_id: SessionId,
    #[schema(example = "cookie")]
    token_type: &'static str,
    /// Seconds until the access token runs out.
    #[schema(example = 300)]
    expires_in: u64,
    /// How much of the log the access token has seen.
    #[schema(value_type = u64)]
    as_of: Seq,
    user: UserBody,
    device: DeviceBody,
}

impl Delivery {
    /// The answer that hands a session over.
    pub(super) async fn hand_over(
        self,
        rest: &RestState,
        signed_in: SignedIn,
        status: StatusCode,
    ) -> Result<Response, Problem> {
        Ok(match self {
            Self::Body => (status, Json(SignedInBody::from(signed_in))).into_response(),
            Self::Cookie => by_cookie(rest, signed_in, status),
            Self::Bound => {
                let bound = rest
                    .core
                    .bind(signed_in.session.id, Binding::Cookie)
                    .await?;
                beside_cookie(rest, bound, status)
            }
        })
    }

    /// The answer to a refresh: a bound session's tokens stay so.
    pub(super) fn hand_over_again(self, rest: &RestState, signed_in: SignedIn) -> Response {
        match self {
            Self::Cookie => by_cookie(rest, signed_in, StatusCode::OK),
            Self::Body | Self::Bound if signed_in.claims.cnf.is_some() => {
                beside_cookie(rest, signed_in, StatusCode::OK)
            }
            Self::Body | Self::Bound => Json(SignedInBody::from(signed_in)).into_response(),
        }
    }
}

/// How long a browser keeps what comes with a session, in seconds. Who did not ask to be remembered is forgotten
/// with the browser's session.
fn keep_s(session: &Session) -> Option<u64> {
    let keep = session.expires_at.since(session.last_active_at).as_secs();
    session.remembered.then_some(keep)
}

fn beside_cookie(rest: &RestState, signed_in: SignedIn, status: StatusCode) -> Response {
    let keep_s = keep_s(&signed_in.session);
    let value = rest.core.binding_cookie(signed_in.session.id);
    let mut response = (status, Json(SignedInBody::from(signed_in))).into_response();
    cookies::set_binding(response.headers_mut(), &value, keep_s);
    response
}

fn by_cookie(rest: &RestState, signed_in: SignedIn, status: StatusCode) -> Response {
    let session = signed_in.session;
    let refresh = signed_in.refresh_token;
    let csrf = rest.core.csrf_token(session.id);
    let tokens = Tokens {
        access: &signed_in.access_token,
        refresh: refresh.expose(),
        csrf: csrf.expose(),
        keep_s: keep_s(&session),
    };
    let body = SignedInByCookieBody {
        session_id: session.id,
        token_type: "cookie",
        expires_in: signed_in.expires_in_s,
        as_of: signed_in.as_of,
        user: signed_in.user.into(),
        device: session.device.into(),
    };
    let mut response = (status, Json(body)).into_response();
    cookies::set(response.headers_mut(), &tokens);
    response
}

/// An answer after which a browser has no session here any more.
pub(super) struct Leaving<T>(pub(super) T);

impl<T: IntoResponse> IntoResponse for Leaving<T> {
    fn into_response(self) -> Response {
        let mut response = self.0.into_response();
        cookies::clear(response.headers_mut());
        response
    }
}
