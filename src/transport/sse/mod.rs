//! `GET /v1/stream`: what a socket tells, as server-sent events, for networks that let no WebSocket
//! through. It may not decide what a client hears or when it is closed: it drives the state machine of
//! `node`, as every socket does.
//!
//! What can't begin is refused as any request is, with a status and a code, at which a browser's
//! `EventSource` gives up. What has begun ends with the event `close`.

mod wire;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{ConnectInfo, Extension, State};
use axum::response::{IntoResponse as _, Response};
use http::header::{CACHE_CONTROL, CONNECTION, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::address::client_address;
use super::cookies;
use super::credential::Credential;
use super::driver::{BEAT_MAX, Held, live, turn_away};
use super::outlet::Outlet;
use super::possession;
use super::rest::{Problem, resumed_at};
use super::sockets::SocketState;
use super::underlay::Underlay;
use crate::domain::close::{Close, CloseCode};
use crate::domain::error::Error;
use crate::domain::id::Seq;
use crate::domain::message::ServerMessage;
use crate::node::{Line, Refused};
use crate::service::Origin;
use wire::EventWire;

/// When somebody who was refused for want of a place may ask again, in seconds.
const FULL_RETRY_AFTER_S: u64 = 5;

/// Where it is.
const PATH: &str = "/v1/stream";

/// Bids proxies pass on each event as it comes.
const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// The route, for a server that tells handlers the peer's address and the request's [`Underlay`].
pub fn routes(state: SocketState) -> Router {
    Router::from(described()).with_state(Arc::new(state))
}

/// The route with its description.
pub(super) fn described() -> OpenApiRouter<Arc<SocketState>> {
    OpenApiRouter::new().routes(routes!(stream))
}

/// Hear what happens to the session
///
/// The messages of `/v1/socket` as server-sent events: `event:` is a message's type, `data:` its other
/// members, `id:` its `id` where it has one. `welcome` first, with the present rights; where the token says
/// otherwise `permissions.changed` follows, unless `Last-Event-ID` shows that it was heard. The last event
/// is `close`, with the `code` and `reason` that would have closed the socket.
#[utoipa::path(get, path = "/v1/stream",
    params(("Last-Event-ID" = Option<u64>, Header, description = "The `id` of the last event that was heard")),
    responses((status = 200, description = "The messages from now on", body = String, content_type = "text/event-stream")))]
async fn stream(
    State(state): State<Arc<SocketState>>,
    peer: Option<Extension<ConnectInfo<SocketAddr>>>,
    underlay: Option<Extension<Underlay>>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (peer, trusted) = (
        peer.map(|Extension(ConnectInfo(peer))| peer.ip()),
        &state.settings.trusted_proxies,
    );
    let address = peer.map(|peer| client_address(&headers, peer, trusted));
    let place = || possession::place(&Method::GET, PATH, &headers, peer, trusted);
    let origin = Origin {
        binding_cookie: cookies::binding(&headers),
        possession: possession::brought(&headers, place),
        ..Origin::of(address)
    };
    let opened = open(&state, &headers, &origin).await?;
    let underlay = underlay.map(|Extension(underlay)| underlay);
    // The node counts it from now on. That is for good: after the stream the connection is closed.
    if let Some(underlay) = &underlay {
        underlay.give_place_back();
    }
    let body = Outlet::body(underlay, |outlet| {
        live(async move {
            let wire = EventWire::new(outlet);
            match opened {
                Ok(line) => return Some(Held::new(wire, line, state, address)),
                Err(refused) => turn_away(wire, refused.into(), &state).await,
            }
            None
        })
    });
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (CONNECTION, HeaderValue::from_static("close")),
        (X_ACCEL_BUFFERING, HeaderValue::from_static("no")),
    ];
    Ok((headers, body).into_response())
}

/// A place in the hub, or what is to be said before the stream ends.
async fn open(
    state: &SocketState,
    headers: &HeaderMap,
    origin: &Origin,
) -> Result<Result<Box<Line>, Refused>, Problem> {
    let origins = &state.settings.allowed_origins;
    if !origins.admit(headers) {
        return Err(problem(Close::ORIGIN_NOT_ALLOWED));
    }
    let heard = resumed_at(headers, None)?;
    let token = match Credential::of(headers, "", origins) {
        Credential::Token(token) => token,
        Credential::StrayCookie => return Err(problem(Close::ORIGIN_NOT_ALLOWED)),
        Credential::Later => return Err(Error::TokenMissing.into()),
        Credential::NotTaken | Credential::Ticket(_) => return Err(Error::TokenInvalid.into()),
    };
    let visitor = state.node.admit(origin.address).map_err(problem)?;
    let claims = state.examine(&token, origin).await?;
    let visitor = visitor.only_hears(heard).beats_every(BEAT_MAX);
    match state.node.open(visitor, claims).await {
        Err(refused) => turned_away(refused, heard).map(Err),
        Ok(line) => Ok(Ok(line)),
    }
}

/// What has something to say is said in a stream, unless its client has heard it: then coming back is of no
/// use.
fn turned_away(refused: Refused, heard: Option<Seq>) -> Result<Refused, Problem> {
    match refused.last_words.as_deref() {
        None => Err(problem(refused.close)),
        Some(ServerMessage::SessionRevoked(revoked)) if Some(revoked.id) == heard => {
            Err(Error::SessionEnded(revoked.reason).into())
        }
        Some(_) => Ok(refused),
    }
}

/// A close as the refusal of a request.
fn problem(close: Close) -> Problem {
    let error = match close.code {
        CloseCode::TokenExpired => Error::TokenExpired,
        CloseCode::TokenInvalid => Error::TokenInvalid,
        CloseCode::Limited => Error::RateLimited {
            retry_after_s: FULL_RETRY_AFTER_S,
        },
        CloseCode::OriginNotAllowed => {
            Error::Forbidden("pages of this origin may not connect; see `allowed_origins`")
        }
        _ => Error::CannotDecide,
    };
    error.into()
}
