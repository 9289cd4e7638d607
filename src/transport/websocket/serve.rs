//! The life of a WebSocket: shakes hands, and is held from then on as any connection is. It may not decide
//! what is said.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use super::socket::Socket;
use crate::domain::close::Close;
use crate::domain::error::Error;
use crate::domain::possession::{KeyProof, Place, Possession};
use crate::domain::secret::Bearer;
use crate::node::{Line, Output, Visitor};
use crate::service::Origin;
use crate::transport::credential::Credential;
use crate::transport::driver::{Gone, Held, Incoming, Wire as _, turn_away};
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

/// From the upgrade to a connection that is held, if it comes to that.
pub(super) async fn shake(
    mut wire: Socket,
    state: Arc<SocketState>,
    greeting: Greeting,
) -> Option<Box<Held<Socket>>> {
    let address = greeting.address;
    let origin = Origin {
        binding_cookie: greeting.binding_cookie.clone(),
        possession: greeting.possession.clone(),
        ..Origin::of(address)
    };
    match shake_hands(&mut wire, &state, greeting, &origin).await {
        Ok(line) => Some(Held::new(wire, line, state, address)),
        Err(last_words) => {
            turn_away(wire, last_words, &state).await;
            None
        }
    }
}

/// From the upgrade to a place in the hub, or to what is said before the door is closed.
async fn shake_hands(
    wire: &mut Socket,
    state: &SocketState,
    greeting: Greeting,
    origin: &Origin,
) -> Result<Box<Line>, Vec<Output>> {
    if !greeting.origin_allowed {
        return Err(close(Close::ORIGIN_NOT_ALLOWED));
    }
    let mut visitor = state.node.admit(greeting.address).map_err(close)?;
    let claims = match greeting.credential {
        Credential::Token(token) => state.examine(&token, origin).await,
        Credential::Ticket(ticket) => state.desk.redeem_ticket(&ticket).await,
        Credential::Later => {
            let patience = state.settings.write_timeout;
            let (token, dpop) = first_message(wire, &mut visitor, patience).await?;
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
    wire: &mut Socket,
    visitor: &mut Visitor,
    patience: Duration,
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
            Incoming::Control => {
                visitor.on_control().map_err(close)?;
                let answered = timeout(patience, wire.flush()).await;
                answered
                    .map_or(Err(Gone), |it| it)
                    .map_err(|Gone| Vec::new())?;
            }
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
