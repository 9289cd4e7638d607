//! `GET /v1/socket`: the socket as a WebSocket. It may not decide what a client hears or when it is
//! closed: it drives the state machine of `node`, one task a connection.

#[cfg(test)]
mod fake_desk;
mod serve;
#[cfg(test)]
mod tests;
mod wire;

use std::net::SocketAddr;

use axum::Router;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::{ConnectInfo, Extension, RawQuery, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use http::{HeaderMap, Method};

use super::address::client_address;
use super::cookies;
use super::credential::Credential;
use super::possession;
use super::rest::Problem;
use super::sockets::{SocketSettings, SocketState};
use crate::domain::error::Error;
use serve::Greeting;
pub(super) use wire::broken;

/// The subprotocol's name.
pub const SUBPROTOCOL: &str = "sessionwire.v1";

const PATH: &str = "/v1/socket";

/// tungstenite's read buffer of a connection, in bytes: its default is 128 KiB, and an idle
/// connection reads a pong a minute.
const READ_BUFFER_BYTES: usize = 512;

/// The route, for a server that tells handlers the peer's address
/// (`into_make_service_with_connect_info::<SocketAddr>()`); where it doesn't, no limit per address
/// holds.
pub fn routes(state: SocketState) -> Router {
    Router::new().route(PATH, get(upgrade)).with_state(state)
}

async fn upgrade(
    State(state): State<SocketState>,
    peer: Option<Extension<ConnectInfo<SocketAddr>>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    let upgrade = match upgrade {
        Ok(upgrade) => upgrade,
        Err(rejection) => return not_a_websocket(&rejection),
    };
    let settings = &state.settings;
    let address = peer.map(|Extension(ConnectInfo(peer))| peer.ip());
    let trusted = &settings.trusted_proxies;
    let place = possession::place(&Method::GET, PATH, &headers, address, trusted);
    let greeting = Greeting {
        possession: possession::brought(&headers, place.clone()),
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
    bounded(upgrade, settings)
        .protocols([SUBPROTOCOL])
        .on_upgrade(move |socket| serve::serve(socket, state, greeting))
}

/// A WebSocket that holds no more than it may.
pub(super) fn bounded(upgrade: WebSocketUpgrade, settings: &SocketSettings) -> WebSocketUpgrade {
    // Frames of one size and messages of another would be two limits where the contract has one.
    let limit = settings.max_frame_bytes;
    upgrade
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(0)
        .max_frame_size(limit)
        .max_message_size(limit)
}

fn not_a_websocket(rejection: &WebSocketUpgradeRejection) -> Response {
    let what = format!("this path takes WebSocket handshakes only: {rejection}");
    Problem::from(Error::validation(what)).into_response()
}
