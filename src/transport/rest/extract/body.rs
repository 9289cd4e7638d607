//! Bodies: JSON objects of known members, within the limit, without NUL. It may not know whose.

use std::marker::PhantomData;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, Request};
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Method, StatusCode};
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, MapAccess, Visitor};
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

/// For a member that is an object: the reader would take an array of its values too.
pub(in crate::transport::rest) fn object<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    struct Members<T>(PhantomData<T>);

    impl<'de, T: Deserialize<'de>> Visitor<'de> for Members<T> {
        type Value = T;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<T, A::Error> {
            T::deserialize(MapAccessDeserializer::new(members))
        }
    }

    deserializer.deserialize_map(Members(PhantomData))
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
        Some(member) => Err(Problem::invalid(format!("`{member}` must not contain NUL"))),
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

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::body::Body;
    use axum::routing::{patch, post};
    use http::Request;

    use super::*;
    use crate::transport::rest::fixture::{Answer, send};

    #[derive(Default, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Outer {
        #[serde(default)]
        count: u32,
        inner: Option<Inner>,
        data: Option<Value>,
        #[serde(default, deserialize_with = "object")]
        pair: Pair,
    }

    #[derive(Default, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Pair {
        a: u32,
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        name: String,
    }

    async fn take(Json(body): Json<Outer>) -> String {
        let name = body.inner.map(|inner| inner.name).unwrap_or_default();
        format!(
            "{} {name} {}",
            body.count + body.pair.a,
            body.data.is_some()
        )
    }

    async fn ask(method: &str, path: &str, kind: &str, body: impl Into<Body>) -> Answer {
        let routes = Router::new()
            .route("/", post(take).patch(take))
            .route("/optional", post(async |_: OptionalJson<Outer>| "fine"))
            .route(
                "/none",
                patch(async |_: NoBody| "fine").post(async |_: NoBody| "fine"),
            );
        let request = Request::builder().method(method).uri(path);
        let request = request
            .header(CONTENT_TYPE, kind)
            .body(body.into())
            .unwrap();
        send(routes, request).await
    }

    async fn told(body: impl Into<Body>) -> String {
        ask("POST", "/", "application/json", body).await.told()
    }

    #[tokio::test]
    async fn a_body_is_an_object_of_known_members() {
        assert_eq!(
            told(r#"{"count":2,"inner":{"name":"a"}}"#).await,
            "200 2 a false"
        );
        for (body, detail) in [
            ("", "the body must be a JSON object"),
            ("[1]", "the body must be a JSON object"),
            ("{", "EOF while parsing an object at line 1 column 1"),
            ("{} {}", "trailing characters at line 1 column 4"),
            (
                r#"{"count":"2"}"#,
                "`count`: invalid type: string \"2\", expected u32 at line 1 column 12",
            ),
            (
                r#"{"count":-1}"#,
                "`count`: invalid value: integer `-1`, expected u32 at line 1 column 11",
            ),
            (
                r#"{"inner":{"name":7}}"#,
                "`inner.name`: invalid type: integer `7`, expected a string at line 1 column 18",
            ),
            (
                r#"{"pair":[1]}"#,
                "`pair`: invalid type: sequence, expected an object at line 1 column 8",
            ),
            (
                r#"{"pair":{"a":"x"}}"#,
                "`pair.a`: invalid type: string \"x\", expected u32 at line 1 column 16",
            ),
            (
                r#"{"inner":{}}"#,
                "`inner`: missing field `name` at line 1 column 11",
            ),
            (
                r#"{"other":1}"#,
                "`other`: unknown field `other`, expected one of `count`, `inner`, `data`, `pair` at line 1 column 8",
            ),
        ] {
            assert_eq!(
                told(body).await,
                format!("400 validation_failed: {detail}"),
                "{body}"
            );
        }
    }

    #[tokio::test]
    async fn nul_is_refused_wherever_it_is() {
        for (body, member) in [
            (r#"{"inner":{"name":"a\u0000"}}"#, "inner"),
            (r#"{"data":[{"a\u0000":1}]}"#, "data"),
        ] {
            let expected = format!("400 validation_failed: `{member}` must not contain NUL");
            assert_eq!(told(body).await, expected, "{body}");
        }
        assert_eq!(
            told(r#"{"inner":{"name":"\\u0000"}}"#).await,
            r"200 0 \u0000 false"
        );
        assert!(
            told("{\"inner\":{\"name\":\"\0\"}}")
                .await
                .starts_with("400")
        );
    }

    #[tokio::test]
    async fn bombs_are_refused() {
        let nested = format!("{{\"data\":{}1{}}}", "[".repeat(200), "]".repeat(200));
        let expected = "400 validation_failed: `data`: recursion limit exceeded";
        let answer = told(nested).await;
        assert!(
            answer.starts_with("400 validation_failed"),
            "{expected}: {answer}"
        );
        assert_eq!(
            told(format!("{{\"data\":\"{}\"}}", "d".repeat(1024))).await,
            "413 too_large: the body is too large"
        );
        assert!(told(vec![b'{', 0xff, b'}']).await.starts_with("400"));
    }

    #[tokio::test]
    async fn a_body_must_say_that_it_is_json() {
        for (method, kind, status) in [
            ("POST", "application/json", 200),
            ("POST", "Application/JSON; charset=utf-8", 200),
            ("POST", "text/plain", 415),
            ("POST", "", 415),
            ("POST", "application/merge-patch+json", 415),
            ("PATCH", "application/merge-patch+json", 200),
        ] {
            let answer = ask(method, "/", kind, "{}").await;
            assert_eq!(answer.status, status, "{method} {kind}");
        }
    }

    #[tokio::test]
    async fn what_may_be_left_out_may_be_left_out() {
        for (path, kind, body, status) in [
            ("/optional", "", "", 200),
            ("/optional", "text/plain", "{}", 415),
            ("/optional", "application/json", r#"{"count":1}"#, 200),
            ("/none", "", "", 200),
            ("/none", "application/json", "{}", 200),
            ("/none", "application/json", r#"{"count":1}"#, 400),
        ] {
            let answer = ask("POST", path, kind, body).await;
            assert_eq!(answer.status, status, "{path} {kind} {body}");
        }
    }
}
