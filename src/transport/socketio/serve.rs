//! The life of a Socket.IO session: it says who it is when it wants into the main namespace, and is held from
//! then on as any connection is. It may not decide what is said.

use std::net::IpAddr;
use std::sync::Arc;

use tokio::time::timeout;

use super::packet::{self, Auth, Packet};
use super::polling::Polling;
use super::wire::EngineWire;
use crate::domain::close::Close;
use crate::domain::error::Error;
use crate::domain::possession::{KeyProof, Place};
use crate::domain::secret::Bearer;
use crate::node::{Line, Output, Refused, Visitor};
use crate::service::Origin;
use crate::transport::driver::{Gone, Held, LINGER, Wire as _, count_close};
use crate::transport::sockets::SocketState;
use crate::transport::websocket::{Heard, Socket};

/// What the first request said.
pub(super) struct Greeting {
    pub(super) origin_allowed: bool,
    pub(super) address: Option<IpAddr>,
    /// What a proof has to be for.
    pub(super) place: Place,
}

/// Why a session came to nothing.
enum Failed {
    Refused(Refused),
    Gone,
}

impl From<Refused> for Failed {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

impl From<Close> for Failed {
    fn from(close: Close) -> Self {
        Refused::from(close).into()
    }
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Refused::from(error).into()
    }
}

impl From<Gone> for Failed {
    fn from(Gone: Gone) -> Self {
        Self::Gone
    }
}

/// From the open transport to a connection that is held, if it comes to that.
pub(super) async fn shake(
    mut wire: EngineWire,
    visitor: Visitor,
    state: Arc<SocketState>,
    greeting: Greeting,
) -> Option<Box<Held<EngineWire>>> {
    // Headers are not looked at: bound tokens come as tickets.
    let origin = Origin::of(greeting.address);
    match shake_hands(&mut wire, visitor, &state, &greeting, &origin).await {
        Ok(line) => return Some(Held::new(wire, line, state, greeting.address)),
        Err(Failed::Refused(refused)) => {
            let refusal = packet::refused(refused.close, refused.last_words.as_deref());
            let patience = state.settings.write_timeout;
            if wire.write(vec![refusal], None, patience).await.is_ok() {
                count_close(refused.close);
                wire.linger().await;
            }
        }
        Err(Failed::Gone) => {}
    }
    None
}

/// From the open transport to a place in the hub.
async fn shake_hands(
    wire: &mut EngineWire,
    mut visitor: Visitor,
    state: &SocketState,
    greeting: &Greeting,
    origin: &Origin,
) -> Result<Box<Line>, Failed> {
    let auth = asks_in(wire, &mut visitor, state).await?;
    if !greeting.origin_allowed {
        return Err(Close::ORIGIN_NOT_ALLOWED.into());
    }
    let claims = match auth {
        Auth::Token(token, dpop) => {
            let mut origin = origin.clone();
            let proof = dpop.map(|proof| KeyProof::new(proof, greeting.place.clone()));
            origin.possession.proof = proof;
            state.examine(&token, &origin).await?
        }
        Auth::Ticket(ticket) => state.desk.redeem_ticket(&Bearer::new(ticket)).await?,
        Auth::Nothing => return Err(Error::TokenMissing.into()),
    };
    let line = state.node.open(visitor, claims).await?;
    let connected = packet::connected(&line.connection().to_string());
    let patience = state.settings.write_timeout;
    wire.write(vec![connected], None, patience).await?;
    Ok(line)
}

/// What the client says of itself when it wants in.
async fn asks_in(
    wire: &mut EngineWire,
    visitor: &mut Visitor,
    state: &SocketState,
) -> Result<Auth, Failed> {
    loop {
        let heard = tokio::select! {
            biased;
            outputs = visitor.next() => return Err(ended(outputs)),
            heard = wire.hear() => heard,
        };
        let text = match heard {
            Heard::Text(text) => text,
            Heard::Control => {
                visitor.on_control()?;
                let patience = state.settings.write_timeout;
                wire.write(Vec::new(), None, patience).await?;
                continue;
            }
            Heard::Binary => return Err(Close::PROTOCOL_ERROR.into()),
            Heard::Gone => return Err(Failed::Gone),
            Heard::Broken(why) => return Err(why.into()),
        };
        match Packet::read(&text) {
            Some(Packet::Connect(auth)) => {
                return Auth::read(auth).ok_or_else(|| Close::PROTOCOL_ERROR.into());
            }
            Some(Packet::ConnectElsewhere(namespace)) => {
                visitor.on_control()?;
                let refusal = packet::refused_elsewhere(namespace);
                let patience = state.settings.write_timeout;
                wire.write(vec![refusal], None, patience).await?;
            }
            Some(Packet::Pong | Packet::Noop) => visitor.on_control()?,
            Some(Packet::Close | Packet::Disconnect) => return Err(Failed::Gone),
            Some(Packet::Event(..) | Packet::Binary) | None => {
                return Err(Close::PROTOCOL_ERROR.into());
            }
        }
    }
}

/// A visitor that is sent away before it has said who it is.
fn ended(outputs: Vec<Output>) -> Failed {
    let mut refused = Refused::from(Close::CANNOT_DECIDE);
    for output in outputs {
        match output {
            Output::Send(message) => refused.last_words = Some(message),
            Output::Close(close) => refused.close = close,
            Output::SendShared(_) | Output::Ping | Output::Settle(..) | Output::Call(_) => {}
        }
    }
    refused.into()
}

/// Who finds no place is told so, and nothing is kept of it.
pub(super) async fn turn_away(socket: Socket, open: String, close: Close) {
    let mut wire = EngineWire::of_socket(socket);
    let packets = vec![open, packet::refused(close, None)];
    count_close(close);
    if wire.write(packets, Some(close), LINGER).await.is_ok() {
        wire.linger().await;
    }
}

/// A WebSocket that is to take over from polls: it is tried first.
pub(super) async fn take_over(mut socket: Socket, polling: &Polling, state: &SocketState) {
    let tried = timeout(state.settings.write_timeout, try_out(&mut socket, polling)).await;
    if let Ok(Some(())) = tried {
        polling.finish_upgrade(socket);
    }
}

async fn try_out(socket: &mut Socket, polling: &Polling) -> Option<()> {
    expect(socket, packet::PROBE).await?;
    polling.begin_upgrade().ok()?;
    let abandon = Abandon(polling);
    socket.put_text(packet::PROBED);
    socket.flush().await.ok()?;
    expect(socket, packet::UPGRADE).await?;
    std::mem::forget(abandon);
    Some(())
}

/// Polls go on, where the WebSocket comes to nothing.
struct Abandon<'a>(&'a Polling);

impl Drop for Abandon<'_> {
    fn drop(&mut self) {
        self.0.abandon_upgrade();
    }
}

async fn expect(socket: &mut Socket, expected: &str) -> Option<()> {
    loop {
        match socket.hear().await {
            Heard::Text(text) if text.as_str() == expected => return Some(()),
            Heard::Control => socket.flush().await.ok()?,
            Heard::Text(_) | Heard::Binary | Heard::Gone | Heard::Broken(_) => return None,
        }
    }
}
