//! From the upgrade to `welcome`: who is it, is the token good, what is the present state.
//!
//! Register, then check: a connection enters the hub first, and its token is checked after that, so
//! that an event in between is caught by one of the two.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::ws::{Message, WebSocket};
use sessionwire_guard::{Claims, Verdict};

use super::pump::{self, Wire};
use super::{Credential, SocketState};
use crate::domain::access::InitiatingEntity;
use crate::domain::close::Close;
use crate::domain::error::{Error, ErrorCode};
use crate::domain::id::{ConnectionId, Seq};
use crate::domain::message::{ClientMessage, RightsCause};
use crate::domain::metric;
use crate::node::connection::{Connection, Now, Output, revoked};
use crate::node::mailbox::Handle;
use crate::node::seats::Seat;
use crate::node::standing::read_for_newcomer;
use crate::service::Origin;

pub(super) async fn run(
    socket: WebSocket,
    state: SocketState,
    address: IpAddr,
    origin: Origin,
    origin_allowed: bool,
    credential: Credential,
) {
    let mut wire = Wire::new(socket, state.settings.write_timeout);
    let seat = state.node.parts.seats.take(address);
    let refusal = if !origin_allowed {
        Some(Close::OriginNotAllowed)
    } else if seat.is_none() {
        Some(Close::RateLimited)
    } else if state.node.is_draining() {
        Some(Close::Draining)
    } else if !state.node.is_ready() {
        Some(Close::NotReady)
    } else {
        None
    };
    match (refusal, seat) {
        (None, Some(seat)) => greet(wire, state, seat, origin, credential).await,
        (refusal, _) => {
            wire.close(refusal.unwrap_or(Close::RateLimited)).await;
        }
    }
}

async fn greet(
    mut wire: Wire,
    state: SocketState,
    mut seat: Seat,
    origin: Origin,
    credential: Credential,
) {
    let claims = match identify(&mut wire, &state, credential).await {
        Ok(claims) => claims,
        Err(close) => {
            wire.close(close).await;
            return;
        }
    };
    seat.authenticated();
    let parts = &state.node.parts;
    let now = parts.clock.now();
    let handle = Arc::new(Handle::new(
        ConnectionId(parts.entropy.uuid(now)),
        claims.sub,
        claims.sid,
        claims.device_id,
        now,
    ));
    if !parts.hub.register(&handle, parts.seats.limits().per_user) {
        wire.close(Close::RateLimited).await;
        return;
    }
    metrics::gauge!(metric::CONNECTIONS).increment(1.0);
    // However this task ends, the hub forgets the connection.
    let registration = Registration {
        state: state.clone(),
        handle: Arc::clone(&handle),
    };
    match open(&state, &handle, claims).await {
        Ok((connection, outputs)) => {
            pump::run(&mut wire, &state, &handle, connection, outputs, &origin).await;
        }
        Err(outputs) => pump::write_all(&mut wire, outputs).await,
    }
    drop(registration);
    drop(seat);
    wire.finish().await;
}

struct Registration {
    state: SocketState,
    handle: Arc<Handle>,
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.state.node.parts.hub.unregister(&self.handle);
        metrics::gauge!(metric::CONNECTIONS).decrement(1.0);
    }
}

/// Who it is: claims of a genuine, unexpired token, or what a ticket stands for.
async fn identify(
    wire: &mut Wire,
    state: &SocketState,
    credential: Credential,
) -> Result<Claims, Close> {
    let refuse = |error: Error| Close::Unauthenticated(error.code());
    match credential {
        Credential::Token(token) => state.node.parts.gate.verify(&token).map_err(refuse),
        Credential::Ticket(ticket) => {
            let claims = state.core.redeem_ticket(&ticket).await.map_err(refuse)?;
            if claims.exp <= state.node.parts.clock.now().as_seconds() {
                return Err(Close::Unauthenticated(ErrorCode::TokenExpired));
            }
            Ok(claims)
        }
        Credential::FirstMessage => {
            let first = tokio::time::timeout(state.settings.auth_timeout, first_message(wire));
            let token = first.await.map_err(|_| Close::AuthTimeout)??;
            state.node.parts.gate.verify(&token).map_err(refuse)
        }
    }
}

async fn first_message(wire: &mut Wire) -> Result<String, Close> {
    loop {
        match wire.receive().await? {
            Message::Text(text) => match ClientMessage::parse(&text) {
                Ok(ClientMessage::Auth { token }) => return Ok(token),
                _ => return Err(Close::ProtocolError),
            },
            Message::Binary(_) | Message::Close(_) => return Err(Close::ProtocolError),
            Message::Ping(_) | Message::Pong(_) => {}
        }
    }
}

/// The token is checked and the standing read while the connection is registered already.
async fn open(
    state: &SocketState,
    handle: &Handle,
    claims: Claims,
) -> Result<(Connection, Vec<Output>), Vec<Output>> {
    let parts = &state.node.parts;
    let unable = |error: Error| {
        tracing::warn!(error = %error, "a connection can't be opened");
        vec![Output::Close(Close::NotReady)]
    };
    if !state.node.is_ready() {
        return Err(vec![Output::Close(Close::NotReady)]);
    }
    let verdict = parts.gate.verdict(&claims);
    if let Verdict::Ended(..) = verdict {
        return Err(ended(state, &claims).await);
    }
    state.core.note_presented(&claims).await.map_err(unable)?;
    let known = read_for_newcomer(claims.sub, &parts.hub, parts.source.as_ref())
        .await
        .map_err(unable)?;
    let Some(known) = known else {
        // The user is gone: so is the session.
        return Err(ended(state, &claims).await);
    };
    let fallback = match verdict {
        Verdict::Stale(seq) => cause_of(state, seq).await,
        Verdict::Good | Verdict::Ended(..) => unknown_cause(state, known.standing.as_of),
    };
    let now = now(state);
    Ok(Connection::open(
        handle.id,
        claims,
        &known,
        fallback,
        parts.heartbeat,
        now,
    ))
}

/// What a client hears whose session ended before.
async fn ended(state: &SocketState, claims: &Claims) -> Vec<Output> {
    match state.node.parts.source.find_session(claims.sid).await {
        Ok(Some(session)) => match &session.end {
            Some(end) => revoked(claims.sid, end),
            None => vec![Output::Close(Close::NotReady)],
        },
        Ok(None) => vec![Output::Close(Close::Unauthenticated(
            ErrorCode::TokenInvalid,
        ))],
        Err(_) => vec![Output::Close(Close::NotReady)],
    }
}

/// The event that made a token stale, for the message about it.
async fn cause_of(state: &SocketState, seq: Seq) -> RightsCause {
    let before = Seq(seq.0.saturating_sub(1));
    match state
        .node
        .parts
        .source
        .entries_after(before, 1)
        .await
        .ok()
        .and_then(|mut e| e.pop())
    {
        Some(entry) => RightsCause {
            id: entry.seq,
            initiating_entity: entry.initiating_entity,
            at: entry.at,
            refresh_within_ms: 0,
        },
        None => unknown_cause(state, seq),
    }
}

pub(super) fn unknown_cause(state: &SocketState, id: Seq) -> RightsCause {
    RightsCause {
        id,
        initiating_entity: InitiatingEntity::System,
        at: state.node.parts.clock.now(),
        refresh_within_ms: 0,
    }
}

pub(super) fn now(state: &SocketState) -> Now {
    let clock = &state.node.parts.clock;
    Now {
        wall: clock.now(),
        uptime: clock.uptime(),
    }
}
