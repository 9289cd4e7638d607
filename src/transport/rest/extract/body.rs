//! Bodies: JSON objects of known members, within the limit, without NUL. It may not know whose.

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, Request};
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Method, StatusCode};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::domain::error::ErrorCode;
use crate::transport::rest::problem::Problem;

/// As much of the reader's words about a wrong body as is passed on.
const DETAIL_CHARS_MAX: usize = 300;

/// A body that must be there, or an answer.
pub(in crate::transport::rest) struct Json<T>(pub(in crate::transport::rest) T);

/// A body all of whose members may be left out, and so may the body.
pub(in crate::transport::rest) struct OptionalJson<T>(pub(in crate::transport::rest) T);

/// The answer to what made something.
pub(in crate::transport::rest) struct Created<T>(pub(in crate::transport::rest) T);

/// No body, or `{}`.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Empty {}

/// A request that needs no body.
pub(in crate::transport::rest) struct NoBody;

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}

impl<T: Serialize> IntoResponse for Created<T> {
    fn into_response(self) -> Response {
        (StatusCode::CREATED, axum::Json(self.0)).into_response()
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        check_content_type(request.method(), request.headers())?;
        let bytes = Bytes::from_request(request, state).await.map_err(unread)?;
        parse(&bytes).map(Self)
    }
}

impl<T: DeserializeOwned + Default, S: Send + Sync> FromRequest<S> for OptionalJson<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let checked = check_content_type(request.method(), request.headers());
        let bytes = Bytes::from_request(request, state).await.map_err(unread)?;
        if bytes.is_empty() {
            return Ok(Self(T::default()));
        }
        checked?;
        parse(&bytes).map(Self)
    }
}

impl<S: Send + Sync> FromRequest<S> for NoBody {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let OptionalJson(Empty {}) = OptionalJson::from_request(request, state).await?;
        Ok(Self)
    }
}

/// For a member that may be left out but, if it is there, must have a value of its type: `null` is
/// then a value only where the type has it.
pub(in crate::transport::rest) fn given<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(deserializer).map(Some)
}

/// JSON, and for PATCH also its own name (RFC 7396).
fn check_content_type(method: &Method, headers: &HeaderMap) -> Result<(), Problem> {
    let given = headers.get(CONTENT_TYPE).and_then(|it| it.to_str().ok());
    let name = given.unwrap_or_default().split(';').next();
    let name = name.unwrap_or_default().trim().to_ascii_lowercase();
    let is_patch = method == Method::PATCH && name == "application/merge-patch+json";
    if name == "application/json" || is_patch {
        return Ok(());
    }
    Err(Problem::form(
        ErrorCode::UnsupportedMediaType,
        "send the body with `Content-Type: application/json`",
    ))
}

/// Why a body could not be read to its end.
pub(in crate::transport::rest) fn unread(rejection: BytesRejection) -> Problem {
    if rejection.into_response().status() == StatusCode::PAYLOAD_TOO_LARGE {
        Problem::form(ErrorCode::TooLarge, "the body is too large")
    } else {
        Problem::invalid("the body ended early")
    }
}

/// Nesting is bounded by the JSON reader (128 levels).
fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    if bytes.trim_ascii_start().first() != Some(&b'{') {
        return Err(Problem::invalid("the body must be a JSON object"));
    }
    refuse_nul(bytes)?;
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        wrong(&path, &error.into_inner())
    })?;
    reader.end().map_err(|error| wrong(".", &error))?;
    Ok(value)
}

/// Says which member is wrong, and how.
fn wrong(path: &str, error: &serde_json::Error) -> Problem {
    let told = match path {
        "." | "?" => error.to_string(),
        member => format!("`{member}`: {error}"),
    };
    Problem::invalid(told.chars().take(DETAIL_CHARS_MAX).collect::<String>())
}

/// NUL can only come escaped; most bodies have no such escape and are not looked at further.
fn refuse_nul(bytes: &[u8]) -> Result<(), Problem> {
    const ESCAPED: &[u8] = br"\u0000";
    if !bytes.windows(ESCAPED.len()).any(|part| part == ESCAPED) {
        return Ok(());
    }
    let value = serde_json::from_slice(bytes).map_err(|error| wrong(".", &error))?;
    match member_with_nul(&value) {
        None => Ok(()),
        Some(member) => Err(Problem::invalid(format!(
            "`{member}` must not contain NUL"
        ))),
    }
}

/// The outermost member that has a NUL somewhere in it.
fn member_with_nul(value: &Value) -> Option<String> {
    let members = value.as_object()?;
    members
        .iter()
        .find(|(name, value)| name.contains('\0') || has_nul(value))
        .map(|(name, _)| name.replace('\0', "\u{fffd}"))
}

fn has_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(has_nul),
        Value::Object(members) => members
            .iter()
            .any(|(name, value)| name.contains('\0') || has_nul(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}
