//! The way of every request: its frame, then the layer of its group (for the API, whether the client takes JSON),
//! then its handler. It may not know what handlers do.

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use utoipa_axum::router::OpenApiRouter;

use super::RestState;
use super::extract::accept_json;
use super::frame::{Frame, Framed};
use super::idempotency::once;
use super::problem::Problem;
use super::{
    api_keys, back_channel, docs, event_stream, events, feed, feed_reports, groups as group_routes,
    health, identities, me, members, notices, oauth, policies, presence, receipts, revoke_all,
    sessions, sign_in, sign_in_token, signing_keys, sinks, users, verify,
};
use crate::domain::error::{Error, ErrorCode};

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
pub fn router(rest: RestState, others: Router) -> Framed {
    let routes = groups()
        .into_iter()
        .fold(docs::routes(), |all, (audience, answers, group)| {
            all.merge(layered(audience, answers, group.into(), &rest))
        });
    let frame = Frame::from(&rest);
    Framed::new(routes.with_state(rest).merge(others), frame)
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

/// What becomes of requests that name nothing.
pub(super) fn with_fallbacks(routes: Router) -> Router {
    routes
        .fallback(async || Problem::from(Error::NotFound("path")))
        .method_not_allowed_fallback(async || {
            Problem::form(
                ErrorCode::MethodNotAllowed,
                "this path has no such method; see the header Allow",
            )
        })
}
