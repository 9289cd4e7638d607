//! The API for people: one page that renders the OpenAPI document, from files of our own only.

use axum::Router;
use axum::body::Bytes;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};

use super::RestState;
use super::specification::openapi;

const PAGE: &str = include_str!("docs/docs.html");
const SCRIPT: &str = include_str!("docs/docs.js");
const STYLE: &str = include_str!("docs/docs.css");
const MARK: &str = include_str!("../../../web-demo/shared/mark.svg");

/// The page may load its own script and style, and read the document; nothing else.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const CACHE: &str = "no-cache";

pub(super) fn routes() -> Router<RestState> {
    let document = Bytes::from(serde_json::to_vec(&openapi()).unwrap_or_default());
    Router::new()
        .route(
            "/openapi.json",
            get(async move || file("application/json", document)),
        )
        .route("/docs", get(page))
        .route(
            "/docs/docs.js",
            get(async || file("text/javascript; charset=utf-8", SCRIPT)),
        )
        .route(
            "/docs/docs.css",
            get(async || file("text/css; charset=utf-8", STYLE)),
        )
        .route("/docs/mark.svg", get(async || file("image/svg+xml", MARK)))
}

async fn page() -> Response {
    let policy = [(CONTENT_SECURITY_POLICY, POLICY)];
    (policy, file("text/html; charset=utf-8", PAGE)).into_response()
}

fn file(kind: &'static str, text: impl IntoResponse) -> Response {
    ([(CONTENT_TYPE, kind), (CACHE_CONTROL, CACHE)], text).into_response()
}
