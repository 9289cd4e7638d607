//! The frame around every request and its answer. From the outside in: what goes along with the request, and the
//! headers that all answers carry; CORS; the time limit; panics; how long a body may be.
//!
//! It is around the routes as a whole: as layers of axum each of them would be copied for every request, with all that
//! lies within. It may not know who asks or what for.

use std::any::Any;
use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::HttpBody as _;
use axum::extract::{DefaultBodyLimit, Request};
use axum::response::{IntoResponse as _, Response};
use futures::FutureExt as _;
use futures::future::{BoxFuture, Either};
use http::header::{
    AUTHORIZATION, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, DATE, REFERRER_POLICY,
    RETRY_AFTER, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderValue, Method};
use tower::{Layer as _, Service, ServiceExt as _};
use tower_http::cors::{Cors, CorsLayer};

use super::context::Context;
use super::idempotency::{IDEMPOTENCY_KEY, IDEMPOTENCY_REPLAYED};
use super::problem::{Problem, render};
use super::request_id::{self, RequestIds, X_REQUEST_ID};
use super::router::with_fallbacks;
use super::stream::LAST_EVENT_ID;
use super::timely::{Late, Timely};
use super::{RestSettings, RestState};
use crate::domain::clock::{Clock, Entropy};
use crate::domain::error::Error;
use crate::transport::cookies::X_CSRF_TOKEN;
use crate::transport::possession::DPOP;

/// How long a browser may remember that an origin is allowed.
const CORS_MAX_AGE: Duration = Duration::from_mins(10);

/// What the frame stands on.
#[derive(Clone)]
pub(super) struct Frame {
    pub(super) clock: Arc<dyn Clock>,
    pub(super) entropy: Arc<dyn Entropy>,
    pub(super) settings: Arc<RestSettings>,
}

impl From<&RestState> for Frame {
    fn from(rest: &RestState) -> Self {
        Self {
            clock: Arc::clone(&rest.clock),
            entropy: Arc::clone(&rest.entropy),
            settings: Arc::clone(&rest.settings),
        }
    }
}

/// Everything that is served, in its frame; cloning shares it.
#[derive(Clone)]
pub struct Framed(Arc<Layers>);

struct Layers {
    frame: Frame,
    ids: RequestIds,
    /// Nothing where no origin is allowed.
    cors: Option<Cors<Bounded>>,
    bounded: Bounded,
}

impl Framed {
    pub(super) fn new(routes: Router, frame: Frame) -> Self {
        let bounded = Bounded {
            routes: with_fallbacks(routes),
            request_timeout: frame.settings.request_timeout,
            max_body_bytes: frame.settings.max_body_bytes,
        };
        let cors = cors(frame.settings.allowed_origins.as_slice());
        Self(Arc::new(Layers {
            cors: cors.map(|cors| cors.layer(bounded.clone())),
            bounded,
            ids: RequestIds::new(frame.entropy.as_ref()),
            frame,
        }))
    }

    /// Answers a request. Not asynchronous by itself, as nothing around the routes is: each function that is keeps room
    /// of its own for the request.
    pub fn answer(&self, mut request: Request) -> impl Future<Output = Response> + Send + use<> {
        let Layers { frame, ids, .. } = &*self.0;
        let request_id = request_id::given(request.headers());
        let request_id = request_id.unwrap_or_else(|| ids.make(frame.clock.now()));
        let context = Context::of(&request, request_id.clone(), frame);
        let path = request.uri().path();
        let is_api = path.starts_with("/v1/") || path.starts_with("/oauth/");
        request.extensions_mut().insert(context);
        self.0.answer(request).map(move |response| {
            let mut response = render(response, request_id.to_str().unwrap_or_default());
            add_headers(response.headers_mut(), is_api);
            response.headers_mut().insert(X_REQUEST_ID, request_id);
            response
        })
    }
}

impl Layers {
    fn answer(&self, request: Request) -> impl Future<Output = Response> + Send + use<> {
        match &self.cors {
            None => Either::Left(self.bounded.answer(request)),
            // Boxed: most servers have no other origins, and make no room for it.
            Some(cors) => Either::Right(Box::pin(cors.clone().oneshot(request)).map(|answered| {
                let Ok(response) = answered;
                response
            })),
        }
    }
}

/// The routes, within the bounds of time and length.
#[derive(Clone)]
struct Bounded {
    routes: Router,
    request_timeout: Duration,
    max_body_bytes: usize,
}

impl Bounded {
    /// A request that takes longer than it may is let go of; what it changed by then stays changed.
    fn answer(&self, mut request: Request) -> impl Future<Output = Response> + Send + use<> {
        if !request.body().is_end_stream() {
            DefaultBodyLimit::max(self.max_body_bytes).apply(&mut request);
        }
        let routed = AssertUnwindSafe(self.routes.clone().oneshot(request)).catch_unwind();
        Timely::within(self.request_timeout, routed).map(|answered| match answered {
            Ok(Ok(Ok(response))) => response,
            Ok(Err(panic)) => panicked(panic),
            Err(Late) => Problem::from(Error::CannotDecide).into_response(),
        })
    }
}

impl Service<Request> for Bounded {
    type Response = Response;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut TaskContext<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        Box::pin(self.answer(request).map(Ok))
    }
}

/// No browser guesses types or tells our addresses on; nobody stores what the API answered.
fn add_headers(headers: &mut HeaderMap, is_api: bool) {
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers
        .entry(CONTENT_SECURITY_POLICY)
        .or_insert(HeaderValue::from_static(
            "default-src 'none'; frame-ancestors 'none'",
        ));
    if is_api {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
}

/// The panic itself was told on standard error when it happened.
fn panicked(_: Box<dyn Any + Send>) -> Response {
    Problem::from(Error::internal("a handler panicked")).into_response()
}

/// Without allowed origins no answer has CORS headers: pages of the server's own origin need none.
fn cors(origins: &[String]) -> Option<CorsLayer> {
    let origins: Vec<HeaderValue> = origins
        .iter()
        .filter_map(|origin| HeaderValue::from_str(origin).ok())
        .collect();
    if origins.is_empty() {
        return None;
    }
    let layer = CorsLayer::new()
        .allow_origin(origins)
        .allow_methods([
            Method::GET,
            Method::POST,
            Method::PUT,
            Method::PATCH,
            Method::DELETE,
        ])
        // Cookies count from these origins too.
        .allow_credentials(true)
        .allow_headers([
            AUTHORIZATION,
            CONTENT_TYPE,
            DPOP,
            IDEMPOTENCY_KEY,
            LAST_EVENT_ID,
            X_CSRF_TOKEN,
            X_REQUEST_ID,
        ])
        .expose_headers([
            X_REQUEST_ID,
            // By which a client sets its clock.
            DATE,
            RETRY_AFTER,
            WWW_AUTHENTICATE,
            IDEMPOTENCY_REPLAYED,
        ])
        .max_age(CORS_MAX_AGE);
    Some(layer)
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::routing::{get, post};
    use http::Request;

    use super::*;
    use crate::transport::rest::RestSettings;
    use crate::transport::rest::fixture::{Answer, frame, send, send_from};

    fn routes() -> Router {
        Router::new()
            .route("/v1/things", get(async || "[]").post(async || "made"))
            .route("/healthz", get(async || "alive"))
            .route("/v1/slow", get(std::future::pending::<()>))
            .route(
                "/v1/broken",
                post(async || -> &'static str { panic!("a test panics") }),
            )
    }

    fn request(method: &str, path: &str) -> Request<Body> {
        let request = Request::builder().method(method).uri(path);
        request.body(Body::empty()).unwrap()
    }

    async fn ask(method: &str, path: &str) -> Answer {
        send(routes(), request(method, path)).await
    }

    #[tokio::test]
    async fn what_is_not_there_is_a_problem() {
        let answer = ask("GET", "/v1/nothing").await;
        assert_eq!(answer.told(), "404 not_found: there is no such path");
        assert_eq!(answer.header("content-type"), "application/problem+json");
    }

    #[tokio::test]
    async fn a_wrong_method_is_a_problem_that_names_the_right_ones() {
        let answer = ask("DELETE", "/v1/things").await;
        assert_eq!(answer.status, 405);
        assert_eq!(answer.json()["code"], "method_not_allowed");
        assert_eq!(answer.header("allow"), "GET,HEAD,POST");
    }

    #[tokio::test]
    async fn head_is_get_without_its_body() {
        let answer = ask("HEAD", "/v1/things").await;
        assert_eq!((answer.status.as_u16(), answer.text.as_str()), (200, ""));
    }

    #[tokio::test]
    async fn a_panic_is_a_problem() {
        let answer = ask("POST", "/v1/broken").await;
        assert_eq!(
            answer.told(),
            "500 internal: something went wrong here; it has been logged"
        );
    }

    #[tokio::test]
    async fn a_request_may_take_so_long_only() {
        let mut frame = frame(&[]);
        frame.settings = Arc::new(RestSettings {
            request_timeout: Duration::from_millis(10),
            ..(*frame.settings).clone()
        });
        let router = Framed::new(routes(), frame);
        let answer = send_from(router, request("GET", "/v1/slow")).await;
        assert_eq!(answer.status, 503);
        assert_eq!(answer.json()["code"], "cannot_decide");
        assert_eq!(answer.header("retry-after"), "1");
    }

    #[tokio::test]
    async fn every_answer_is_guarded_and_the_api_is_not_stored() {
        for (path, cache) in [
            ("/v1/things", "no-store"),
            ("/v1/nothing", "no-store"),
            ("/healthz", ""),
        ] {
            let answer = ask("GET", path).await;
            assert_eq!(answer.header("cache-control"), cache, "{path}");
            assert_eq!(answer.header("x-content-type-options"), "nosniff");
            assert_eq!(answer.header("referrer-policy"), "no-referrer");
            assert!(answer.header("content-security-policy").contains("'none'"));
        }
    }

    #[tokio::test]
    async fn a_request_has_an_id() {
        let made = ask("GET", "/v1/nothing").await;
        let id = made.header("x-request-id");
        assert_eq!(uuid::Uuid::parse_str(id).unwrap().get_version_num(), 7);
        assert_eq!(made.json()["request_id"], id);

        let long = "i".repeat(129);
        for (given, taken) in [("abc-1", true), ("a b", false), (long.as_str(), false)] {
            let mut request = request("GET", "/v1/things");
            let value = HeaderValue::from_str(given).unwrap();
            request.headers_mut().insert(X_REQUEST_ID, value);
            let answer = send(routes(), request).await;
            assert_eq!(answer.header("x-request-id") == given, taken, "{given}");
        }
    }

    async fn ask_from(origin: &'static str, allowed: &[&str], method: &str) -> Answer {
        let mut request = request(method, "/v1/things");
        let headers = request.headers_mut();
        headers.insert("origin", HeaderValue::from_static(origin));
        headers.insert(
            "access-control-request-method",
            HeaderValue::from_static("PUT"),
        );
        send_from(Framed::new(routes(), frame(allowed)), request).await
    }

    #[tokio::test]
    async fn allowed_origins_are_told_so_and_no_others() {
        const ALLOWED: &str = "access-control-allow-origin";
        let app = "https://app.example.org";
        assert_eq!(ask_from(app, &[app], "GET").await.header(ALLOWED), app);
        let preflight = ask_from(app, &[app], "OPTIONS").await;
        assert_eq!(preflight.header(ALLOWED), app);
        assert!(
            preflight
                .header("access-control-allow-methods")
                .contains("PUT")
        );
        let other = ask_from("https://other.example.org", &[app], "GET").await;
        assert_eq!(other.header(ALLOWED), "");
        let nobody = ask_from(app, &[], "GET").await;
        assert_eq!(nobody.header(ALLOWED), "");
        assert_eq!(nobody.header("vary"), "");
    }
}
