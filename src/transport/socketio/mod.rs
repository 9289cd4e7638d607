//! `/socket.io/`: the socket for Socket.IO clients (protocol 5, Engine.IO 4, WebSocket and long-polling). It
//! may not decide what a client hears or when it is closed: it drives the state machine of `node`, as every
//! socket does.
//!
//! Engine.IO is spoken here and not by a library: the ends that the contract wants (an error with data at
//! the handshake, one transport closed and another bidden to stay out), and receipts for what has gone to
//! the kernel, need the transport itself.

mod packet;
mod polling;
mod serve;
mod sessions;
mod wire;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::any;
use futures::StreamExt as _;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{Method, StatusCode};

use super::address::client_address;
use super::driver::{BEAT_MAX, count_close, live};
use super::possession;
use super::sockets::SocketState;
use super::underlay::Underlay;
use super::websocket::{Handshake, NotOne};
use crate::domain::clock::Entropy;
use packet::{Open, Packet, SEPARATOR};
use polling::{Brought, Polling};
use serve::{Greeting, shake, take_over, turn_away};
use sessions::Sessions;
use wire::EngineWire;

/// How long a client waits for a ping that is overdue before it takes the server for dead.
const PING_TIMEOUT: Duration = Duration::from_secs(20);
const PATH: &str = "/socket.io/";
const UPGRADES: &[&str] = &["websocket"];

/// The routes, for a server that tells handlers the peer's address and the request's [`Underlay`].
pub fn routes(sockets: SocketState, entropy: Arc<dyn Entropy>) -> Router {
    let state = EngineState {
        sessions: Sessions::new(entropy),
        sockets: Arc::new(sockets),
    };
    Router::new()
        .route("/socket.io", any(answer))
        .route(PATH, any(answer))
        .with_state(state)
}

#[derive(Clone)]
struct EngineState {
    sockets: Arc<SocketState>,
    sessions: Sessions,
}

/// What a request is answered with that Engine.IO has no use for, in its own form.
#[derive(Clone, Copy)]
enum Fault {
    UnknownTransport,
    UnknownSession,
    BadMethod,
    BadRequest,
    UnknownProtocol,
    TooLarge,
}

impl Fault {
    fn told(self) -> (StatusCode, u8, &'static str) {
        let bad = StatusCode::BAD_REQUEST;
        match self {
            Self::UnknownTransport => (bad, 0, "Transport unknown"),
            Self::UnknownSession => (bad, 1, "Session ID unknown"),
            Self::BadMethod => (bad, 2, "Bad handshake method"),
            Self::BadRequest => (bad, 3, "Bad request"),
            Self::UnknownProtocol => (bad, 5, "Unsupported protocol version"),
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, 3, "Payload too large"),
        }
    }
}

impl From<Fault> for Response {
    fn from(fault: Fault) -> Self {
        let (status, code, message) = fault.told();
        let body = format!(r#"{{"code":{code},"message":"{message}"}}"#);
        (status, [(CONTENT_TYPE, "application/json")], body).into_response()
    }
}

/// What a request wants.
enum Wanted {
    /// A session over polls.
    Session,
    /// A session over a WebSocket.
    Socket(Handshake),
    /// The packets for a session.
    Poll(Arc<Polling>),
    /// To bring packets of a session.
    Post(Arc<Polling>),
    /// To go on over a WebSocket.
    TakeOver(Arc<Polling>, Handshake),
}

impl Wanted {
    fn read(
        method: &Method,
        query: &str,
        upgrade: Option<Handshake>,
        sessions: &Sessions,
    ) -> Result<Self, Fault> {
        let said = |name: &str| {
            let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            pairs.find(|(its_name, _)| *its_name == name).map(|it| it.1)
        };
        if said("EIO") != Some("4") {
            return Err(Fault::UnknownProtocol);
        }
        let session = said("sid").map(|id| sessions.find(id).ok_or(Fault::UnknownSession));
        match (said("transport"), method, session.transpose()?) {
            (Some("polling"), &Method::GET, None) => Ok(Self::Session),
            (Some("polling"), &Method::GET, Some(polling)) => Ok(Self::Poll(polling)),
            (Some("polling"), &Method::POST, Some(polling)) => Ok(Self::Post(polling)),
            (Some("websocket"), &Method::GET, session) => {
                let upgrade = upgrade.ok_or(Fault::BadRequest)?;
                Ok(match session {
                    None => Self::Socket(upgrade),
                    Some(polling) => Self::TakeOver(polling, upgrade),
                })
            }
            (Some("polling" | "websocket"), ..) => Err(Fault::BadMethod),
            _ => Err(Fault::UnknownTransport),
        }
    }
}

async fn answer(
    State(state): State<EngineState>,
    upgrade: Result<Handshake, NotOne>,
    request: Request,
) -> Response {
    let settings = &state.sockets.settings;
    let (parts, body) = request.into_parts();
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
    let peer = peer.map(|ConnectInfo(peer)| peer.ip());
    let trusted = &settings.trusted_proxies;
    let greeting = Greeting {
        origin_allowed: settings.allowed_origins.admit(&parts.headers),
        address: peer.map(|peer| client_address(&parts.headers, peer, trusted)),
        place: possession::place(&Method::GET, PATH, &parts.headers, peer, trusted),
    };
    let query = parts.uri.query().unwrap_or_default();
    match Wanted::read(&parts.method, query, upgrade.ok(), &state.sessions) {
        Ok(Wanted::Session) => open_polled(state, greeting),
        Ok(Wanted::Socket(upgrade)) => open_socket(state, greeting, upgrade),
        Ok(Wanted::Poll(polling)) => {
            let underlay = parts.extensions.get::<Underlay>().cloned();
            let polled = polling.poll(underlay);
            polled.map_or_else(|_| Fault::BadRequest.into(), payload)
        }
        Ok(Wanted::Post(polling)) => {
            let posted = post(&polling, body, settings.max_frame_bytes).await;
            posted.map_or_else(Response::from, |()| payload("ok".into()))
        }
        Ok(Wanted::TakeOver(polling, upgrade)) => {
            let (response, upgrading) = upgrade.accept(settings.max_frame_bytes);
            let sockets = state.sockets.clone();
            tokio::spawn(async move {
                if let Some(socket) = upgrading.await {
                    take_over(socket, &polling, &sockets).await;
                }
            });
            response
        }
        Err(fault) => fault.into(),
    }
}

fn payload(body: Body) -> Response {
    let headers = [
        (CONTENT_TYPE, "text/plain; charset=UTF-8"),
        (CACHE_CONTROL, "no-store"),
    ];
    (headers, body).into_response()
}

fn open_polled(state: EngineState, greeting: Greeting) -> Response {
    let id = state.sessions.new_id();
    let sockets = state.sockets;
    let visitor = match sockets.node.admit(greeting.address) {
        Ok(visitor) => visitor.beats_every(BEAT_MAX),
        Err(close) => {
            count_close(close);
            let open = first_packet(&id, UPGRADES, BEAT_MAX, &sockets);
            let packets = [open, packet::refused(close, None)];
            return payload(packets.join(SEPARATOR.encode_utf8(&mut [0; 4])).into());
        }
    };
    let open = first_packet(&id, UPGRADES, visitor.heartbeat(), &sockets);
    let (polling, lane) = Polling::new();
    let wire = EngineWire::of_polls(lane, state.sessions.add(id, polling));
    tokio::spawn(live(shake(wire, visitor, sockets, greeting)));
    payload(open.into())
}

fn open_socket(state: EngineState, greeting: Greeting, upgrade: Handshake) -> Response {
    let id = state.sessions.new_id();
    let sockets = state.sockets;
    let (response, upgrading) = upgrade.accept(sockets.settings.max_frame_bytes);
    tokio::spawn(live(async move {
        let socket = upgrading.await?;
        let visitor = match sockets.node.admit(greeting.address) {
            Ok(visitor) => visitor.beats_every(BEAT_MAX),
            Err(close) => {
                let open = first_packet(&id, &[], BEAT_MAX, &sockets);
                turn_away(socket, open, close).await;
                return None;
            }
        };
        let open = first_packet(&id, &[], visitor.heartbeat(), &sockets);
        let mut wire = EngineWire::of_socket(socket);
        let patience = sockets.settings.write_timeout;
        wire.write(vec![open], None, patience).await.ok()?;
        shake(wire, visitor, sockets, greeting).await
    }));
    response
}

fn first_packet(id: &str, upgrades: &[&str], beat: Duration, sockets: &SocketState) -> String {
    let millis = |it: Duration| u64::try_from(it.as_millis()).unwrap_or(u64::MAX);
    let open = Open {
        sid: id,
        upgrades,
        ping_interval: millis(beat),
        ping_timeout: millis(PING_TIMEOUT),
        max_payload: sockets.settings.max_frame_bytes,
    };
    open.write()
}

/// Takes in what a request brings. What it may not bring is for the session to answer too.
async fn post(polling: &Polling, body: Body, limit: usize) -> Result<(), Fault> {
    let text = match read(body, limit).await {
        Ok(text) => text,
        Err(fault) => {
            if let Fault::TooLarge = fault {
                let told = polling.post(vec![Brought::TooLarge]).await;
                told.map_err(|_| Fault::BadRequest)?;
            }
            return Err(fault);
        }
    };
    let is_good = text.split(SEPARATOR).all(|it| Packet::read(it).is_some());
    let packets = text.split(SEPARATOR).map(str::to_owned);
    let brought = packets.map(Brought::Packet).collect();
    let taken = polling.post(brought).await;
    taken.map_err(|_| Fault::BadRequest)?;
    if is_good {
        Ok(())
    } else {
        Err(Fault::BadRequest)
    }
}

/// A body as text. One that breaks off says nothing of its sender.
async fn read(body: Body, limit: usize) -> Result<String, Fault> {
    let mut chunks = body.into_data_stream();
    let mut bytes = Vec::new();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| Fault::BadRequest)?;
        if bytes.len() + chunk.len() > limit {
            return Err(Fault::TooLarge);
        }
        bytes.extend_from_slice(&chunk);
    }
    String::from_utf8(bytes).map_err(|_| Fault::BadRequest)
}
