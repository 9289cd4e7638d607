//! Forward authentication: a proxy asks before it lets a request through. Answers from memory. It may not
//! know what is behind the proxy.

use std::sync::Arc;

use axum::extract::{FromRequestParts, State};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde::Deserialize;
use sessionwire_guard::Claims;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::RestState;
use super::extract::{Query, asked_about};
use super::header::of_uuid;
use super::problem::Problem;
use crate::domain::error::Error;
use crate::node::Certainty;

const X_USER_ID: HeaderName = HeaderName::from_static("x-user-id");
const X_SESSION_ID: HeaderName = HeaderName::from_static("x-session-id");
const X_DEVICE_ID: HeaderName = HeaderName::from_static("x-device-id");
const X_GROUPS: HeaderName = HeaderName::from_static("x-groups");
const X_PERMISSIONS: HeaderName = HeaderName::from_static("x-permissions");
const X_AS_OF: HeaderName = HeaderName::from_static("x-as-of");
/// What the request needs, where its own query says nothing of it.
const X_REQUIRED_PERMISSION: HeaderName = HeaderName::from_static("x-required-permission");
const X_MAX_AGE: HeaderName = HeaderName::from_static("x-max-age");
/// Says that the answer is by what was last known, since the log is out of reach.
const X_CERTAINTY: HeaderName = HeaderName::from_static("x-certainty");
const LAST_KNOWN: HeaderValue = HeaderValue::from_static("last-known");

/// As many as an answer has, with those of the frame.
const HEADERS_MAX: usize = 12;

/// What the request needs besides a good token.
#[derive(Clone, Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Wanted {
    /// A permission that the token must list.
    permission: Option<String>,
    /// How long ago the person may have signed in, in seconds.
    max_age: Option<u64>,
}

/// Whom the request is about.
struct Asked(Arc<Claims>, Certainty);

impl FromRequestParts<RestState> for Asked {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, rest: &RestState) -> Result<Self, Problem> {
        let (claims, certainty) = asked_about(parts, rest).await?;
        Ok(Self(claims, certainty))
    }
}

pub(super) fn routes() -> OpenApiRouter<RestState> {
    OpenApiRouter::new()
        .routes(routes!(verify))
        .route("/v1/verify/", any(verify_as_it_came))
        .route("/v1/verify/{*path}", any(verify_as_it_came))
}

/// Ask whether a request may pass
///
/// For proxies (nginx `auth_request`, Caddy `forward_auth`): with the request's own `Authorization` or cookies; or
/// with an API key of the scope `verify` and the token in `X-Access-Token`. 200 says who it is in headers; names in
/// `X-Groups` and `X-Permissions` are percent-encoded and have commas between. 401, 403 and 503 carry the code in
/// `X-Error-Code`. `X-Certainty: last-known` says that revocations may be missing (setting `verify_without_lease`).
#[utoipa::path(get, path = "/v1/verify", params(Wanted),
    responses((status = 200, description = "It may; who it is, in headers")))]
async fn verify(
    State(rest): State<RestState>,
    asked: Asked,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Problem> {
    decide(&rest, asked, &wanted)
}

/// The same for proxies that ask with the request's own method, path and query behind this address, as Envoy does: none
/// of them says anything here, and what is needed comes in headers.
async fn verify_as_it_came(
    State(rest): State<RestState>,
    asked: Asked,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let text = |name: &HeaderName| match headers.get(name).map(HeaderValue::to_str) {
        None => Ok(None),
        Some(Ok(text)) => Ok(Some(text)),
        Some(Err(_)) => Err(Problem::invalid(format!("`{name}` can't be read"))),
    };
    let max_age = text(&X_MAX_AGE)?.map(str::parse).transpose();
    let wanted = Wanted {
        permission: text(&X_REQUIRED_PERMISSION)?.map(str::to_owned),
        max_age: max_age.map_err(|_| Problem::invalid("`x-max-age` must be seconds"))?,
    };
    decide(&rest, asked, &wanted)
}

fn decide(
    rest: &RestState,
    Asked(claims, certainty): Asked,
    wanted: &Wanted,
) -> Result<Response, Problem> {
    if let Some(max_age) = wanted.max_age {
        let age = rest
            .clock
            .now()
            .as_seconds()
            .saturating_sub(claims.auth_time);
        if u64::try_from(age).is_ok_and(|age| age > max_age) {
            return Err(Error::SignInTooOld.into());
        }
    }
    let lacks = |permission: &String| !claims.allows(permission);
    if wanted.permission.as_ref().is_some_and(lacks) {
        return Err(Error::Forbidden("the token lacks the permission that this needs").into());
    }
    let mut headers = headers(&claims)?;
    match certainty {
        Certainty::Leased => {}
        Certainty::LastKnown => drop(headers.insert(X_CERTAINTY, LAST_KNOWN)),
    }
    let mut response = StatusCode::OK.into_response();
    *response.headers_mut() = headers;
    Ok(response)
}

fn headers(claims: &Claims) -> Result<HeaderMap, Error> {
    let mut headers = HeaderMap::with_capacity(HEADERS_MAX);
    headers.insert(X_USER_ID, of_uuid(claims.sub.0));
    headers.insert(X_SESSION_ID, of_uuid(claims.sid.0));
    headers.insert(X_DEVICE_ID, of_uuid(claims.device_id.0));
    headers.insert(X_GROUPS, listed(&claims.groups)?);
    headers.insert(X_PERMISSIONS, listed(&claims.permissions)?);
    headers.insert(X_AS_OF, claims.as_of.0.into());
    Ok(headers)
}

/// Names with commas between; what a header can't hold, and commas, percent-encoded (RFC 3986).
fn listed(names: &[String]) -> Result<HeaderValue, Error> {
    const ENCODED: &AsciiSet = &CONTROLS.add(b' ').add(b',').add(b'%');
    let mut listed = String::new();
    for (number, name) in names.iter().enumerate() {
        if number > 0 {
            listed.push(',');
        }
        listed.extend(utf8_percent_encode(name, ENCODED));
    }
    HeaderValue::try_from(listed).map_err(Error::internal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_in_a_header() {
        let names = ["reports:read", "a,b", "50 %", "Gr\u{f6}\u{df}e"].map(str::to_owned);
        let listed = listed(&names).unwrap();
        assert_eq!(listed, "reports:read,a%2Cb,50%20%25,Gr%C3%B6%C3%9Fe");
    }
}
