//! `GET /v1/socket`: a connection over WebSocket. Drives [`crate::node::connection`].
//!
//! A bad credential gets the upgrade and then a close with code and reason, because browsers show a
//! refused handshake as a bare 1006. It may not know any rule of the protocol.

mod handshake;
mod pump;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{WebSocketUpgrade, rejection::WebSocketUpgradeRejection};
use axum::extract::{ConnectInfo, RawQuery, State};
use axum::response::Response;
use http::HeaderMap;
use ipnet::IpNet;

use super::address::client_address;
use super::origin::AllowedOrigins;
use super::rest::Problem;
use crate::domain::error::Error;
use crate::domain::secret::Bearer;
use crate::node::Node;
use crate::service::{Core, Origin};

/// The subprotocol; optional for clients.
pub const SUBPROTOCOL: &str = "sessionwire.v1";
/// Small on purpose: a connection that idles holds these for its whole life.
const READ_BUFFER_BYTES: usize = 512;

/// The settings of sockets.
#[derive(Clone, Debug)]
pub struct SocketSettings {
    /// Which pages may connect.
    pub allowed_origins: AllowedOrigins,
    /// Whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// How long a client may take to say who it is.
    pub auth_timeout: Duration,
    /// How long a client may read nothing.
    pub write_timeout: Duration,
    /// The largest message, in bytes.
    pub max_frame_bytes: usize,
}

/// What the driver needs.
#[derive(Clone)]
pub struct SocketState {
    /// The connections.
    pub node: Node,
    /// The writers.
    pub core: Core,
    /// The settings.
    pub settings: Arc<SocketSettings>,
}

/// How a client says who it is.
enum Credential {
    Token(String),
    Ticket(Bearer),
    FirstMessage,
}

/// Opens a connection.
async fn open_socket(
    State(state): State<SocketState>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    let upgrade = upgrade.map_err(|rejection| {
        Error::validation(format!(
            "this address speaks WebSocket: {}",
            rejection.body_text()
        ))
    })?;
    let address = client_address(&headers, peer.ip(), &state.settings.trusted_proxies);
    let origin = Origin {
        address: Some(address),
        user_agent: text(&headers, http::header::USER_AGENT.as_str()),
        request_id: None,
    };
    let origin_allowed = state.settings.allowed_origins.admit(&headers);
    let credential = credential(&headers, query.as_deref());
    let max = state.settings.max_frame_bytes;
    Ok(upgrade
        .protocols([SUBPROTOCOL])
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(0)
        .max_message_size(max)
        .max_frame_size(max)
        .on_upgrade(move |socket| {
            handshake::run(socket, state, address, origin, origin_allowed, credential)
        }))
}

/// The header first, the ticket second. A token in the address is never looked at: addresses are
/// logged.
fn credential(headers: &HeaderMap, query: Option<&str>) -> Credential {
    if let Some(header) = text(headers, http::header::AUTHORIZATION.as_str()) {
        let token = header
            .split_once(' ')
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, token)| token.trim().to_owned());
        return Credential::Token(token.unwrap_or_default());
    }
    let ticket = query
        .unwrap_or_default()
        .split('&')
        .find_map(|pair| pair.strip_prefix("ticket="))
        .map(|ticket| Bearer::new(ticket.to_owned()));
    ticket.map_or(Credential::FirstMessage, Credential::Ticket)
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .map(ToOwned::to_owned)
}

/// The routes of sockets.
pub fn routes(state: SocketState) -> axum::Router {
    axum::Router::new()
        .route("/v1/socket", axum::routing::get(open_socket))
        .with_state(state)
}
