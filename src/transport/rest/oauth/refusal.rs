//! How the token endpoint refuses: in OAuth's words (RFC 6749 section 5.2), with the code that other calls give
//! beside. It may not know which grant was asked for.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::{HeaderValue, WWW_AUTHENTICATE};
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::error::{Error, ErrorCode};
use crate::transport::rest::problem::{Problem, SeatBody, exposed};
use crate::transport::rest::sign_in::PendingBody;

/// Why there are no tokens.
pub(super) enum Refusal {
    /// By the words of OAuth.
    Refused(Box<RefusedBody>),
    /// The same, of a client that is not who it says; whether it said so in the header.
    Client(Box<RefusedBody>, bool),
    /// By something that is no matter of OAuth.
    Problem(Problem),
}

/// Why there are no tokens, and the code that other calls give.
#[derive(Serialize, ToSchema)]
#[schema(as = TokenError)]
pub(super) struct RefusedBody {
    #[schema(example = "invalid_grant")]
    error: &'static str,
    error_description: String,
    /// Stable; not with `authorization_pending`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    code: Option<&'static str>,
    /// With `session_limit_reached`: who has the seats.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    sessions: Option<Vec<SeatBody>>,
    /// With `session_limit_reached`: lets the caller take a seat.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    takeover_token: Option<String>,
    /// With `authorization_pending`: what to ask `POST /v1/sign-in/requests` with.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pending: Option<PendingBody>,
}

impl RefusedBody {
    fn new(error: &'static str, error_description: String, code: Option<ErrorCode>) -> Box<Self> {
        Box::new(Self {
            error,
            error_description,
            code: code.map(ErrorCode::as_str),
            sessions: None,
            takeover_token: None,
            pending: None,
        })
    }
}

impl Refusal {
    /// What was asked for is wrong in itself.
    pub(super) fn asked(error: &'static str, description: &str) -> Self {
        let code = Some(ErrorCode::ValidationFailed);
        Self::Refused(RefusedBody::new(error, description.to_owned(), code))
    }

    /// A parameter is wrong or missing.
    pub(super) fn request(description: &str) -> Self {
        Self::asked("invalid_request", description)
    }

    /// What was brought does not hold, in this word of OAuth.
    pub(super) fn of(error: &'static str, why: &Error) -> Self {
        Self::Refused(RefusedBody::new(error, why.to_string(), Some(why.code())))
    }

    /// The client is not who it says.
    pub(super) fn client(in_header: bool) -> Self {
        let description = "the client's id and secret are those of no API key".to_owned();
        let code = Some(ErrorCode::TokenInvalid);
        Self::Client(
            RefusedBody::new("invalid_client", description, code),
            in_header,
        )
    }

    /// No seat is free.
    pub(super) fn no_seat(why: &Error) -> Self {
        let mut body = RefusedBody::new("access_denied", why.to_string(), Some(why.code()));
        if let Error::SessionLimitReached {
            sessions,
            takeover_token,
        } = why
        {
            body.sessions = Some(sessions.iter().map(SeatBody::from).collect());
            body.takeover_token = exposed(takeover_token.as_ref());
        }
        Self::Refused(body)
    }

    /// The devices in the way are being asked (as RFC 8628 section 3.5 says it).
    pub(super) fn pending(pending: PendingBody) -> Self {
        let description = "the devices that are signed in are being asked".to_owned();
        let mut body = RefusedBody::new("authorization_pending", description, None);
        body.pending = Some(pending);
        Self::Refused(body)
    }
}

/// A form that can't be read is an invalid request; anything else is told as everywhere.
impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        match problem {
            Problem::Form(ErrorCode::ValidationFailed, detail) => Self::request(&detail),
            other => Self::Problem(other),
        }
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        match error {
            Error::Validation(what) => Self::request(&what),
            Error::ProofInvalid(_) => Self::of("invalid_dpop_proof", &error),
            other => Self::Problem(other.into()),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        match self {
            Self::Refused(body) => (StatusCode::BAD_REQUEST, Json(body)).into_response(),
            Self::Client(body, in_header) => {
                let mut response = (StatusCode::UNAUTHORIZED, Json(body)).into_response();
                if in_header {
                    let challenge = HeaderValue::from_static(r#"Basic realm="sessionwire""#);
                    response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
                }
                response
            }
            Self::Problem(problem) => problem.into_response(),
        }
    }
}
