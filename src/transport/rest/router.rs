//! The way of every request: its frame, then the layer of its group, then its handler.
//!
//! From the outside in: context and headers, CORS, the time limit, panics, and for the API whether the
//! client takes JSON. It may not know what handlers do.

use std::any::Any;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use http::header::{AUTHORIZATION, CONTENT_TYPE, DATE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, Method};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::CorsLayer;
use utoipa_axum::router::OpenApiRouter;

use super::RestState;
use super::context::{Frame, X_REQUEST_ID, accompany, bound_in_time};
use super::extract::accept_json;
use super::idempotency::{IDEMPOTENCY_KEY, IDEMPOTENCY_REPLAYED, once};
use super::problem::Problem;
use super::stream::LAST_EVENT_ID;
use super::{
    api_keys, back_channel, docs, event_stream, events, feed, feed_reports, groups as group_routes,
    health, identities, me, members, notices, oauth, policies, presence, receipts, revoke_all,
    sessions, sign_in, sign_in_token, signing_keys, sinks, users, verify,
};
use crate::domain::error::{Error, ErrorCode};
use crate::transport::cookies::X_CSRF_TOKEN;
use crate::transport::possession::DPOP;

/// How long a browser may remember that an origin is allowed.
const CORS_MAX_AGE: Duration = Duration::from_mins(10);

/// For whom a group of calls is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Audience {
    Anyone,
    SignedIn,
    Administrators,
    Services,
    Operators,
}

impl Audience {
    pub(super) const ALL: [Self; 5] = [
        Self::Anyone,
        Self::SignedIn,
        Self::Administrators,
        Self::Services,
        Self::Operators,
    ];

    pub(super) fn tag(self) -> &'static str {
        match self {
            Self::Anyone => "Coming in",
            Self::SignedIn => "Oneself",
            Self::Administrators => "Administration",
            Self::Services => "Services",
            Self::Operators => "Operation",
        }
    }

    pub(super) fn about(self) -> &'static str {
        match self {
            Self::Anyone => "For anyone: signing in, and the keys that tokens can be checked with.",
            Self::SignedIn => "For signed-in users, about themselves.",
            Self::Administrators => {
                "For users with the permission `sessionwire:admin` and for API keys with the scope \
                 for it. A change answers with a receipt of what it reached; with `?dry_run=true` it \
                 only says what it would reach."
            }
            Self::Services => "For services that check tokens by themselves, with an API key.",
            Self::Operators => "For load balancers and supervisors.",
        }
    }
}

/// In what form a group of calls answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answers {
    Json,
    /// In a form of its own, whatever the client says that it takes.
    Otherwise,
}

/// All calls, by whom they are for and how they answer.
pub(super) fn groups() -> [(Audience, Answers, OpenApiRouter<RestState>); 9] {
    let anyone = sign_in::routes()
        .merge(sign_in_token::routes())
        .merge(signing_keys::public_routes())
        .merge(oauth::public_routes());
    let administrators = users::routes()
        .merge(identities::routes())
        .merge(group_routes::routes())
        .merge(members::routes())
        .merge(sessions::routes())
        .merge(notices::routes())
        .merge(policies::routes())
        .merge(presence::routes())
        .merge(receipts::routes())
        .merge(events::routes())
        .merge(api_keys::routes())
        .merge(sinks::routes())
        .merge(signing_keys::routes())
        .merge(revoke_all::routes());
    let services = feed_reports::routes().merge(oauth::routes());
    [
        (Audience::Anyone, Answers::Json, anyone),
        (Audience::SignedIn, Answers::Json, me::routes()),
        (Audience::Administrators, Answers::Json, administrators),
        (
            Audience::Administrators,
            Answers::Otherwise,
            event_stream::routes(),
        ),
        (Audience::Services, Answers::Otherwise, feed::routes()),
        (Audience::Services, Answers::Json, services),
        (Audience::Services, Answers::Otherwise, verify::routes()),
        (
            Audience::Services,
            Answers::Otherwise,
            back_channel::routes(),
        ),
        (Audience::Operators, Answers::Json, health::routes()),
    ]
}

/// REST as a whole, with the routes of sockets and pages in the same frame. Serve it with connection
/// info (`SocketAddr`), or no address is known.
pub fn router(rest: RestState, others: Router) -> Router {
    let routes = groups()
        .into_iter()
        .fold(docs::routes(), |all, (audience, answers, group)| {
            all.merge(layered(audience, answers, group.into(), &rest))
        });
    let frame = Frame::from(&rest);
    framed(routes.with_state(rest).merge(others), &frame)
}

/// The layers that only some groups have.
fn layered(
    audience: Audience,
    answers: Answers,
    group: Router<RestState>,
    rest: &RestState,
) -> Router<RestState> {
    match (audience, answers) {
        (Audience::Operators, _) | (_, Answers::Otherwise) => group,
        (Audience::Anyone | Audience::SignedIn, Answers::Json) => {
            group.route_layer(from_fn(accept_json))
        }
        (Audience::Administrators | Audience::Services, Answers::Json) => group
            .route_layer(from_fn_with_state(rest.clone(), once))
            .route_layer(from_fn(accept_json)),
    }
}

/// What all requests go through, those that name nothing too.
pub(super) fn framed(routes: Router, frame: &Frame) -> Router {
    let routes = routes
        .fallback(async || Problem::from(Error::NotFound("path")))
        .method_not_allowed_fallback(async || {
            Problem::form(
                ErrorCode::MethodNotAllowed,
                "this path has no such method; see the header Allow",
            )
        })
        .layer(DefaultBodyLimit::max(frame.settings.max_body_bytes))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn_with_state(frame.clone(), bound_in_time));
    let routes = match cors(frame.settings.allowed_origins.as_slice()) {
        Some(cors) => routes.layer(cors),
        None => routes,
    };
    routes.layer(from_fn_with_state(frame.clone(), accompany))
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
    use std::sync::Arc;

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
        let router = framed(routes(), &frame);
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
        send_from(framed(routes(), &frame(allowed)), request).await
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
