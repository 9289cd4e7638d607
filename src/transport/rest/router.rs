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
use http::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, Method};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::CorsLayer;
use utoipa_axum::router::OpenApiRouter;

use super::RestState;
use super::context::{Frame, X_REQUEST_ID, accompany, bound_in_time};
use super::extract::accept_json;
use super::idempotency::{IDEMPOTENCY_KEY, IDEMPOTENCY_REPLAYED, once};
use super::problem::Problem;
use super::{
    api_keys, docs, events, groups as group_routes, health, me, members, notices, policies,
    presence, revoke_all, sessions, sign_in, signing_keys, users,
};
use crate::domain::error::{Error, ErrorCode};

/// How long a browser may remember that an origin is allowed.
const CORS_MAX_AGE: Duration = Duration::from_mins(10);

/// For whom a group of calls is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Audience {
    Anyone,
    SignedIn,
    Administrators,
    Operators,
}

impl Audience {
    pub(super) const ALL: [Self; 4] = [
        Self::Anyone,
        Self::SignedIn,
        Self::Administrators,
        Self::Operators,
    ];

    pub(super) fn tag(self) -> &'static str {
        match self {
            Self::Anyone => "Coming in",
            Self::SignedIn => "Oneself",
            Self::Administrators => "Administration",
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
            Self::Operators => "For load balancers and supervisors.",
        }
    }
}

/// All calls, by whom they are for.
pub(super) fn groups() -> [(Audience, OpenApiRouter<RestState>); 4] {
    let anyone = sign_in::routes().merge(signing_keys::public_routes());
    let administrators = users::routes()
        .merge(group_routes::routes())
        .merge(members::routes())
        .merge(sessions::routes())
        .merge(notices::routes())
        .merge(policies::routes())
        .merge(presence::routes())
        .merge(events::routes())
        .merge(api_keys::routes())
        .merge(signing_keys::routes())
        .merge(revoke_all::routes());
    [
        (Audience::Anyone, anyone),
        (Audience::SignedIn, me::routes()),
        (Audience::Administrators, administrators),
        (Audience::Operators, health::routes()),
    ]
}

/// REST as a whole. Serve it with connection info (`SocketAddr`), or no address is known. Routes merged
/// in afterwards are outside its frame.
pub fn router(rest: RestState) -> Router {
    let routes = groups()
        .into_iter()
        .fold(docs::routes(), |all, (audience, group)| {
            all.merge(layered(audience, group.into(), &rest))
        });
    let frame = Frame::from(&rest);
    framed(routes.with_state(rest), &frame)
}

/// The layers that only some groups have.
fn layered(
    audience: Audience,
    group: Router<RestState>,
    rest: &RestState,
) -> Router<RestState> {
    match audience {
        Audience::Operators => group,
        Audience::Anyone | Audience::SignedIn => group.route_layer(from_fn(accept_json)),
        Audience::Administrators => group
            .route_layer(from_fn_with_state(rest.clone(), once))
            .route_layer(from_fn(accept_json)),
    }
}

/// What all requests go through, those that name nothing too.
pub(super) fn framed(routes: Router, frame: &Frame) -> Router {
    routes
        .fallback(async || Problem::from(Error::NotFound("path")))
        .method_not_allowed_fallback(async || {
            Problem::form(
                ErrorCode::MethodNotAllowed,
                "this path has no such method; see the header Allow",
            )
        })
        .layer(DefaultBodyLimit::max(frame.settings.max_body_bytes))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn_with_state(frame.clone(), bound_in_time))
        .layer(cors(&frame.settings.allowed_origins))
        .layer(from_fn_with_state(frame.clone(), accompany))
}

/// The panic itself was told on standard error when it happened.
#[expect(
    clippy::needless_pass_by_value,
    reason = "the layer hands the panic over"
)]
fn panicked(_: Box<dyn Any + Send>) -> Response {
    Problem::from(Error::internal("a handler panicked")).into_response()
}

/// Without allowed origins no answer has CORS headers: pages of the server's own origin need none.
fn cors(origins: &[String]) -> CorsLayer {
    let origins: Vec<HeaderValue> = origins
        .iter()
        .filter_map(|origin| HeaderValue::from_str(origin).ok())
        .collect();
    if origins.is_empty() {
        return CorsLayer::new();
    }
    CorsLayer::new()
        .allow_origin(origins)
        .allow_methods([
            Method::GET,
            Method::POST,
            Method::PUT,
            Method::PATCH,
            Method::DELETE,
        ])
        .allow_headers([AUTHORIZATION, CONTENT_TYPE, IDEMPOTENCY_KEY, X_REQUEST_ID])
        .expose_headers([
            X_REQUEST_ID,
            RETRY_AFTER,
            WWW_AUTHENTICATE,
            IDEMPOTENCY_REPLAYED,
        ])
        .max_age(CORS_MAX_AGE)
}
