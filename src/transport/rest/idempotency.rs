//! `Idempotency-Key`: an administrator's POST that is repeated has its first answer again, without the
//! secrets. The core keeps keys and answers; this may not know what a call does.

use std::panic::AssertUnwindSafe;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{FromRequest, FromRequestParts, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::FutureExt;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, Method, StatusCode};
use serde_json::Value;

use super::RestState;
use super::context::Context;
use super::extract::{Identity, identify, is_dry_run, unread};
use super::problem::{Problem, render};
use crate::domain::error::Error;
use crate::service::{IdempotencyTicket, Idempotent};

pub(super) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
pub(super) const IDEMPOTENCY_REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

const KEY_BYTES_MAX: usize = 255;

/// Members of answers that are shown once and not kept.
const SECRETS: [&str; 6] = [
    "key",
    "access_token",
    "refresh_token",
    "ticket",
    "request_token",
    "takeover_token",
];

/// The layer around administrators' calls. Where it does not apply the call goes on as if it were not
/// there, also to be refused.
pub(super) async fn once(
    State(rest): State<RestState>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let key = key_of(request.headers())?;
    let changes = request.method() == Method::POST && !is_dry_run(request.uri());
    let Some(key) = key.filter(|_| changes) else {
        return Ok(next.run(request).await);
    };
    let (mut parts, body) = request.into_parts();
    let identity = identify(&mut parts, &rest).await?;
    if identity.power().is_none() {
        return Ok(next.run(Request::from_parts(parts, body)).await);
    }
    let context = Context::from_request_parts(&mut parts, &rest).await?;
    let body = Request::from_parts(parts.clone(), body);
    let body = Bytes::from_request(body, &rest).await.map_err(unread)?;
    let (caller, path) = (name_of(&identity), parts.uri.path());
    match rest
        .core
        .begin_idempotent(&caller, path, &key, &body)
        .await?
    {
        Idempotent::Replay { status, body } => Ok(replay(status, body)),
        Idempotent::Fresh(ticket) => {
            let request = Request::from_parts(parts, Body::from(body));
            let first = first(rest, ticket, context, next, request);
            // On its own, so that a client that goes away leaves no key that stays "in progress".
            tokio::spawn(first)
                .await
                .map_err(|fault| Error::internal(fault).into())
        }
    }
}

/// The key, where there is one.
fn key_of(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut given = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(value) = given.next() else {
        return Ok(None);
    };
    let key = value.to_str().unwrap_or_default();
    let fits =
        (1..=KEY_BYTES_MAX).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic());
    if given.next().is_some() || !fits {
        return Err(Problem::invalid(format!(
            "`Idempotency-Key` must be one text of 1 to {KEY_BYTES_MAX} visible ASCII characters"
        )));
    }
    Ok(Some(key.to_owned()))
}

/// Keys are kept apart by caller.
fn name_of(identity: &Identity) -> String {
    let actor = identity.actor();
    let id = actor.id().map(|id| id.to_string()).unwrap_or_default();
    format!("{}:{id}", actor.kind())
}

/// Makes the call, and keeps its answer whatever it is; a fault lets the key go.
async fn first(
    rest: RestState,
    ticket: IdempotencyTicket,
    context: Context,
    next: Next,
    request: Request,
) -> Response {
    let answered = AssertUnwindSafe(next.run(request)).catch_unwind().await;
    let response = answered
        .unwrap_or_else(|_| Problem::from(Error::internal("a handler panicked")).into_response());
    let (parts, body) = render(response, context.request_id()).into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap_or_default();
    let (status, kept) = (parts.status.as_u16(), without_secrets(&body));
    if let Err(error) = rest.core.finish_idempotent(ticket, status, &kept).await {
        // The call itself is done, and its answer true.
        tracing::error!(request_id = context.request_id(), %error, "an answer could not be kept");
    }
    Response::from_parts(parts, Body::from(body))
}

/// The answer as it may be kept.
fn without_secrets(body: &[u8]) -> String {
    let Ok(Value::Object(mut members)) = serde_json::from_slice(body) else {
        return String::new();
    };
    for secret in SECRETS {
        members.remove(secret);
    }
    Value::Object(members).to_string()
}

fn replay(status: u16, body: String) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    let kind = if status.is_success() {
        "application/json"
    } else {
        "application/problem+json"
    };
    let headers = [(CONTENT_TYPE, kind), (IDEMPOTENCY_REPLAYED, "true")];
    (status, headers, body).into_response()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn key(value: &str) -> Option<String> {
        let mut headers = HeaderMap::new();
        headers.insert(IDEMPOTENCY_KEY, HeaderValue::from_str(value).unwrap());
        key_of(&headers).ok().flatten()
    }

    #[test]
    fn a_key_is_visible_and_short() {
        assert_eq!(key_of(&HeaderMap::new()).unwrap(), None);
        assert_eq!(key("a-1"), Some("a-1".to_owned()));
        assert_eq!(key(""), None);
        assert_eq!(key("a b"), None);
        assert!(key(&"k".repeat(255)).is_some());
        assert_eq!(key(&"k".repeat(256)), None);
        let mut twice = HeaderMap::new();
        twice.append(IDEMPOTENCY_KEY, HeaderValue::from_static("a"));
        twice.append(IDEMPOTENCY_KEY, HeaderValue::from_static("b"));
        assert!(key_of(&twice).is_err());
    }

    #[test]
    fn secrets_are_not_kept() {
        let answer = br#"{"id":"1","key":"swk_x","refresh_token":"r","device":{"name":"d"}}"#;
        assert_eq!(
            without_secrets(answer),
            r#"{"device":{"name":"d"},"id":"1"}"#
        );
        assert_eq!(without_secrets(b""), "");
    }

    #[test]
    fn a_replay_says_so() {
        let response = replay(409, "{}".to_owned());
        assert_eq!(response.status(), StatusCode::CONFLICT);
        assert_eq!(response.headers()[IDEMPOTENCY_REPLAYED], "true");
        assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json");
    }
}
