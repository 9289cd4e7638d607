//! `GET /v1/socket`: the socket as a WebSocket. It may not decide what a client hears or when it is
//! closed: it drives the state machine of `node`, one task a connection.

mod codec;
#[cfg(test)]
mod fake_desk;
mod handshake;
mod outlet;
mod serve;
mod socket;
#[cfg(test)]
mod tests;
mod wire;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{ConnectInfo, Extension, RawQuery, State};
use axum::response::Response;
use axum::routing::get;
use http::{HeaderMap, Method};

use super::address::client_address;
use super::cookies;
use super::credential::Credential;
use super::driver::live;
use super::possession;
use super::sockets::SocketState;
pub(super) use handshake::{Handshake, NotOne};
use serve::Greeting;
pub(super) use socket::{Heard, Socket};

/// The subprotocol's name.
pub const SUBPROTOCOL: &str = "sessionwire.v1";

const PATH: &str = "/v1/socket";

/// The route, for a server that tells handlers the peer's address
/// (`into_make_service_with_connect_info::<SocketAddr>()`); where it doesn't, no limit per address
/// holds.
pub fn routes(state: SocketState) -> Router {
    Router::new()
        .route(PATH, get(upgrade))
        .with_state(Arc::new(state))
}

async fn upgrade(
    State(state): State<Arc<SocketState>>,
    peer: Option<Extension<ConnectInfo<SocketAddr>>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    handshake: Handshake,
) -> Response {
    let settings = &state.settings;
    let address = peer.map(|Extension(ConnectInfo(peer))| peer.ip());
    let trusted = &settings.trusted_proxies;
    let place = possession::place(&Method::GET, PATH, &headers, address, trusted);
    let greeting = Greeting {
        possession: possession::brought(&headers, || place.clone()),
        place,
        origin_allowed: settings.allowed_origins.admit(&headers),
        binding_cookie: cookies::binding(&headers),
        credential: Credential::of(
            &headers,
            query.as_deref().unwrap_or_default(),
            &settings.allowed_origins,
        ),
        address: address.map(|peer| client_address(&headers, peer, trusted)),
    };
    let handshake = handshake.offering(SUBPROTOCOL);
    let (response, upgrading) = handshake.accept(settings.max_frame_bytes);
    tokio::spawn(live(async move {
        serve::shake(upgrading.await?, state, greeting).await
    }));
    response
}
