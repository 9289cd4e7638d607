//! The life of a WebSocket: shakes hands, and is held from then on as any connection is. It may not decide
//! what is said.

use std::net::IpAddr;

use axum::extract::ws::WebSocket;

use super::wire::WebSocketWire;
use crate::domain::close::Close;
use crate::domain::error::Error;
use crate::domain::possession::{KeyProof, Place, Possession};
use crate::domain::secret::Bearer;
use crate::node::{Line, Output, Visitor};
use crate::service::Origin;
use crate::transport::credential::Credential;
use crate::transport::driver::{Incoming, Wire as _, hold, turn_away};
use crate::transport::sockets::SocketState;

/// What the request for an upgrade said.
pub(super) struct Greeting {
    pub(super) origin_allowed: bool,
    pub(super) credential: Credential,
    pub(super) address: Option<IpAddr>,
    pub(super) binding_cookie: Option<Bearer>,
    pub(super) possession: Possession,
    /// What a proof in the first message has to be for.
    pub(super) place: Place,
}

/// The life of a socket.
pub(super) async fn serve(socket: WebSocket, state: SocketState, greeting: Greeting) {
    let mut wire = WebSocketWire::new(socket);
    let mut origin = Origin {
        address: greeting.address,
        user_agent: None,
        request_id: None,
        binding_cookie: greeting.binding_cookie.clone(),
        possession: greeting.possession.clone(),
        jkt: None,
    };
    // Boxed, so that a connection doesn't keep the handshake's memory for the rest of its life.
    let shaken = Box::pin(shake_hands(&mut wire, &state, greeting, &origin)).await;
    origin.possession = Possession::default();
    match shaken {
        Ok(line) => hold(wire, line, &state, &origin).await,
        Err(last_words) => turn_away(wire, last_words, &state).await,
    }
}

/// From the upgrade to a place in the hub, or to what is said before the door is closed.
async fn shake_hands(
    wire: &mut WebSocketWire,
    state: &SocketState,
    greeting: Greeting,
    origin: &Origin,
) -> Result<Line, Vec<Output>> {
    if !greeting.origin_allowed {
        return Err(close(Close::ORIGIN_NOT_ALLOWED));
    }
    let mut visitor = state.node.admit(greeting.address).map_err(close)?;
    let claims = match greeting.credential {
        Credential::Token(token) => state.examine(&token, origin).await,
        Credential::Ticket(ticket) => state.desk.redeem_ticket(&ticket).await,
        Credential::Later => {
            let (token, dpop) = first_message(wire, &mut visitor).await?;
            let mut origin = origin.clone();
            if let Some(proof) = dpop {
                origin.possession.proof = Some(KeyProof::new(proof, greeting.place));
            }
            state.examine(&token, &origin).await
        }
        Credential::StrayCookie => return Err(close(Close::ORIGIN_NOT_ALLOWED)),
        Credential::NotTaken => return Err(close(Close::TOKEN_INVALID)),
    };
    let claims = claims.map_err(|error| refusal(&error))?;
    let opened = state.node.open(visitor, claims).await;
    opened.map_err(Vec::from)
}

/// The token of the first message, and the proof beside it.
async fn first_message(
    wire: &mut WebSocketWire,
    visitor: &mut Visitor,
) -> Result<(String, Option<String>), Vec<Output>> {
    loop {
        let incoming = tokio::select! {
            biased;
            outputs = visitor.next() => return Err(outputs),
            incoming = wire.read() => incoming,
        };
        match incoming {
            Incoming::Text(text) => return visitor.on_text(&text).map_err(close),
            Incoming::Binary | Incoming::Said(_) => return Err(close(Close::PROTOCOL_ERROR)),
            Incoming::Control => visitor.on_control().map_err(close)?,
            Incoming::Gone => return Err(Vec::new()),
            Incoming::Broken(why) => return Err(close(why)),
        }
    }
}

fn refusal(error: &Error) -> Vec<Output> {
    if let Error::Internal(cause) = error {
        tracing::error!(%cause, "a socket's credential can't be looked at");
    }
    close(error.code().into())
}

fn close(why: Close) -> Vec<Output> {
    vec![Output::Close(why)]
}
