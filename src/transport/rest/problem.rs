//! How a request is refused: `application/problem+json` (RFC 9457) with the stable code.
//!
//! A handler's error travels as a [`Problem`] in the response's extensions; [`render`] writes the body
//! once the request id is at hand, and logs the cause of a fault, once. It may not know which call
//! went wrong.

use std::borrow::Cow;
use std::sync::Arc;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderName, HeaderValue};
use serde::Serialize;
use utoipa::ToSchema;

use super::schema;
use crate::domain::Reason;
use crate::domain::clock::Timestamp;
use crate::domain::device::Platform;
use crate::domain::error::{Error, ErrorCode, SeatTaken};
use crate::domain::secret::Bearer;
use crate::transport::status::http_status;

/// What went wrong, for whoever does not read the body.
const X_ERROR_CODE: HeaderName = HeaderName::from_static("x-error-code");

/// Why a request is refused.
#[derive(Clone, Debug)]
pub(in crate::transport) enum Problem {
    /// By the rules.
    Error(Arc<Error>),
    /// By the form of the request, which only HTTP knows.
    Form(ErrorCode, Cow<'static, str>),
}

impl Problem {
    /// The form of the request is wrong.
    pub(super) fn form(code: ErrorCode, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::Form(code, detail.into())
    }

    /// What was sent can't be read; says what to change.
    pub(super) fn invalid(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::form(ErrorCode::ValidationFailed, detail)
    }

    pub(super) fn code(&self) -> ErrorCode {
        match self {
            Self::Error(error) => error.code(),
            Self::Form(code, _) => *code,
        }
    }

    fn detail(&self) -> String {
        match self {
            Self::Error(error) => error.to_string(),
            Self::Form(_, detail) => detail.to_string(),
        }
    }

    pub(super) fn body(&self, request_id: &str) -> ProblemBody {
        let code = self.code();
        let mut body = ProblemBody {
            kind: format!("urn:sessionwire:error:{}", code.as_str()),
            title: title(code),
            status: http_status(code).as_u16(),
            detail: self.detail(),
            code: code.as_str(),
            request_id: request_id.to_owned(),
            reason: None,
            sessions: None,
            takeover_token: None,
        };
        if let Self::Error(error) = self {
            body.add_members_of(error);
        }
        body
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        Self::Error(Arc::new(error))
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = http_status(self.code()).into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// A refused request.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub(super) struct ProblemBody {
    /// Names the problem: `urn:sessionwire:error:` and the code.
    #[serde(rename = "type")]
    #[schema(example = "urn:sessionwire:error:token_stale")]
    kind: String,
    /// The code in words.
    #[schema(example = "Token stale")]
    title: String,
    /// The status of this answer.
    #[schema(example = 401)]
    status: u16,
    /// What happened and what to do about it, for a person.
    #[schema(example = "the token's rights are out of date; refresh it and repeat the request")]
    detail: String,
    /// What programs act on; stable.
    #[schema(schema_with = schema::error_code)]
    code: &'static str,
    /// Also in the header `X-Request-Id`, in the log and in the events that the request caused.
    #[schema(example = "0199a8f0-6d0e-7c55-8a4e-6c2f3f1f7a10")]
    request_id: String,
    /// With `session_ended`: why.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = schema::reason)]
    reason: Option<Reason>,
    /// With `session_limit_reached`: who has the seats.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    sessions: Option<Vec<SeatBody>>,
    /// With `session_limit_reached` and `takeover_expired`: lets the caller take a seat.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    takeover_token: Option<String>,
}

/// A session in the way.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SeatTaken)]
pub(super) struct SeatBody {
    /// The name that its person recognises.
    #[schema(example = "Maryo's iPad")]
    device_name: String,
    /// What kind of thing it is.
    #[schema(schema_with = schema::platform)]
    platform: Platform,
    /// When somebody last used it.
    #[schema(schema_with = schema::timestamp)]
    last_active_at: Timestamp,
}

impl ProblemBody {
    fn add_members_of(&mut self, error: &Error) {
        match error {
            Error::SessionEnded(reason) => self.reason = Some(*reason),
            Error::SessionLimitReached {
                sessions,
                takeover_token,
            } => {
                self.sessions = Some(sessions.iter().map(SeatBody::from).collect());
                self.takeover_token = exposed(takeover_token.as_ref());
            }
            Error::TakeoverExpired { takeover_token } => {
                self.takeover_token = exposed(takeover_token.as_ref());
            }
            _ => {}
        }
    }
}

impl From<&SeatTaken> for SeatBody {
    fn from(seat: &SeatTaken) -> Self {
        Self {
            device_name: seat.device_name.clone(),
            platform: seat.platform,
            last_active_at: seat.last_active_at,
        }
    }
}

pub(super) fn exposed(token: Option<&Bearer>) -> Option<String> {
    token.map(|token| token.expose().to_owned())
}

/// The code in words: `token_stale` is "Token stale".
fn title(code: ErrorCode) -> String {
    let words = code.as_str().replace('_', " ");
    let (first, rest) = words.split_at(1);
    first.to_uppercase() + rest
}

/// Writes the body of a refusal; leaves any other response as it is.
pub(super) fn render(mut response: Response, request_id: &str) -> Response {
    let Some(problem) = response.extensions_mut().remove::<Problem>() else {
        return response;
    };
    log(&problem, request_id);
    let body = serde_json::to_vec(&problem.body(request_id)).unwrap_or_default();
    let headers = response.headers_mut();
    headers.remove(CONTENT_LENGTH);
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("application/problem+json"),
    );
    add_headers_of(&problem, headers);
    *response.body_mut() = Body::from(body);
    response
}

/// The cause of a fault is for whoever runs the server, never for the client.
fn log(problem: &Problem, request_id: &str) {
    let Problem::Error(error) = problem else {
        return;
    };
    match error.as_ref() {
        Error::Internal(cause) => {
            tracing::error!(request_id, cause = %chain(cause.as_ref()), "a request failed");
        }
        Error::Unavailable(cause) => {
            tracing::warn!(request_id, cause = %chain(cause.as_ref()), "a request could not be decided");
        }
        _ => {}
    }
}

/// An error and what it came from.
fn chain(error: &dyn std::error::Error) -> String {
    std::iter::successors(error.source(), |cause| cause.source())
        .fold(error.to_string(), |told, cause| format!("{told}: {cause}"))
}

fn add_headers_of(problem: &Problem, headers: &mut HeaderMap) {
    // For proxies, which see no bodies.
    let code = HeaderValue::from_static(problem.code().as_str());
    headers.insert(X_ERROR_CODE, code);
    if let Some(challenge) = challenge(problem.code()) {
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
    }
    if let Some(seconds) = retry_after(problem) {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
}

/// RFC 6750 section 3: a caller that gave no token is told no more than the scheme.
fn challenge(code: ErrorCode) -> Option<&'static str> {
    Some(match code {
        ErrorCode::TokenMissing | ErrorCode::InvalidCredentials => r#"Bearer realm="sessionwire""#,
        ErrorCode::TokenInvalid
        | ErrorCode::RefreshTokenInvalid
        | ErrorCode::RefreshTokenReused => {
            r#"Bearer realm="sessionwire", error="invalid_token", error_description="the token is not valid""#
        }
        ErrorCode::TokenExpired => {
            r#"Bearer realm="sessionwire", error="invalid_token", error_description="the token has expired""#
        }
        ErrorCode::TokenStale => {
            r#"Bearer realm="sessionwire", error="invalid_token", error_description="the token's rights are out of date""#
        }
        ErrorCode::SessionEnded => {
            r#"Bearer realm="sessionwire", error="invalid_token", error_description="the session has ended""#
        }
        ErrorCode::InsufficientUserAuthentication => {
            r#"Bearer realm="sessionwire", error="insufficient_user_authentication", error_description="the sign-in is too long ago""#
        }
        ErrorCode::InvalidDpopProof => {
            r#"DPoP realm="sessionwire", error="invalid_dpop_proof", algs="ES256 EdDSA RS256""#
        }
        _ => return None,
    })
}

/// Seconds after which the same request may have another answer.
fn retry_after(problem: &Problem) -> Option<u64> {
    match problem {
        Problem::Error(error) => match error.as_ref() {
            Error::RateLimited { retry_after_s } => Some(*retry_after_s),
            Error::CannotDecide
            | Error::NotReady(_)
            | Error::Unavailable(_)
            | Error::IdempotencyInProgress => Some(1),
            _ => None,
        },
        Problem::Form(..) => None,
    }
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::routing::get;
    use http::Request;
    use serde_json::json;

    use super::*;
    use crate::transport::rest::fixture::{Answer, send};

    async fn answer(error: fn() -> Error) -> Answer {
        let routes = Router::new().route("/", get(async move || Problem::from(error())));
        let request = Request::builder().header("x-request-id", "r-1").uri("/");
        send(routes, request.body(Body::empty()).unwrap()).await
    }

    #[tokio::test]
    async fn a_problem_says_what_and_why() {
        let answer = answer(|| Error::SessionEnded(Reason::Superseded)).await;
        assert_eq!(
            answer.json(),
            json!({
                "type": "urn:sessionwire:error:session_ended",
                "title": "Session ended",
                "status": 401,
                "detail": "the session has ended: You were signed out because you signed in on another device.",
                "code": "session_ended",
                "request_id": "r-1",
                "reason": "superseded",
            })
        );
        assert_eq!(
            answer.header("www-authenticate"),
            r#"Bearer realm="sessionwire", error="invalid_token", error_description="the session has ended""#
        );
    }

    #[tokio::test]
    async fn who_gave_no_token_is_told_the_scheme_only() {
        let answer = answer(|| Error::TokenMissing).await;
        assert_eq!(
            answer.header("www-authenticate"),
            r#"Bearer realm="sessionwire""#
        );
    }

    #[tokio::test]
    async fn at_the_limit_the_seats_are_named_and_may_be_taken_over() {
        let answer = answer(|| Error::SessionLimitReached {
            sessions: vec![SeatTaken {
                device_name: "Maryo's iPad".to_owned(),
                platform: Platform::Ios,
                last_active_at: Timestamp::from_seconds(0),
            }],
            takeover_token: Some(Bearer::new("t".to_owned())),
        })
        .await;
        let body = answer.json();
        assert_eq!(
            (answer.status.as_u16(), &body["takeover_token"]),
            (409, &json!("t"))
        );
        assert_eq!(
            body["sessions"],
            json!([{ "device_name": "Maryo's iPad", "platform": "ios", "last_active_at": "1970-01-01T00:00:00.000Z" }])
        );
    }

    #[tokio::test]
    async fn a_limit_says_when_to_come_back() {
        let answer = answer(|| Error::RateLimited { retry_after_s: 6 }).await;
        assert_eq!(answer.header("retry-after"), "6");
    }

    #[tokio::test]
    async fn the_cause_of_a_fault_is_not_shown() {
        let answer = answer(|| Error::internal("disk full: hunter2")).await;
        assert_eq!(
            answer.told(),
            "500 internal: something went wrong here; it has been logged"
        );
    }

    #[test]
    fn every_401_has_a_challenge_and_nothing_else_has() {
        for code in ErrorCode::ALL {
            let is_401 = http_status(*code) == http::StatusCode::UNAUTHORIZED;
            assert_eq!(challenge(*code).is_some(), is_401, "{}", code.as_str());
        }
    }
}
