//! One task a connection: shakes hands, then carries what comes in to the state machine and what
//! comes out of it to the socket. It may not decide what that is.

use axum::extract::ws::WebSocket;
use sessionwire_guard::Claims;

use super::SocketState;
use super::handshake::{Credential, Greeting};
use super::wire::{Incoming, Next, Wire};
use crate::domain::close::Close;
use crate::domain::error::Error;
use crate::domain::message::ServerMessage;
use crate::domain::metric;
use crate::node::{Intent, Line, Output, Visitor};
use crate::service::Origin;

/// The life of a socket.
pub(super) async fn serve(socket: WebSocket, state: SocketState, greeting: Greeting) {
    let mut wire = Wire::new(socket, state.settings.write_timeout);
    // Boxed, so that a connection doesn't keep the handshake's memory for the rest of its life.
    let origin = Origin {
        address: greeting.address,
        user_agent: None,
        request_id: None,
    };
    match Box::pin(shake_hands(&mut wire, &state, greeting)).await {
        Ok(line) => hold(wire, line, &state, &origin).await,
        Err(last_words) => {
            if !matches!(wire.write(last_words).await, Next::Gone) {
                wire.linger().await;
            }
        }
    }
}

/// From the upgrade to a place in the hub, or to what is said before the door is closed.
async fn shake_hands(
    wire: &mut Wire,
    state: &SocketState,
    greeting: Greeting,
) -> Result<Line, Vec<Output>> {
    if !greeting.origin_allowed {
        return Err(close(Close::ORIGIN_NOT_ALLOWED));
    }
    let mut visitor = state.node.admit(greeting.address).map_err(close)?;
    let claims = match greeting.credential {
        Credential::Token(token) => examine(state, &token)?,
        Credential::Ticket(ticket) => {
            let redeemed = state.desk.redeem_ticket(&ticket).await;
            redeemed.map_err(|error| refusal(&error))?
        }
        Credential::Later => {
            let token = first_message(wire, &mut visitor).await?;
            examine(state, &token)?
        }
        Credential::StrayCookie => return Err(close(Close::ORIGIN_NOT_ALLOWED)),
        Credential::NotTaken => return Err(close(Close::TOKEN_INVALID)),
    };
    let opened = state.node.open(visitor, claims).await;
    opened.map_err(Vec::from)
}

/// The token of the first message.
async fn first_message(wire: &mut Wire, visitor: &mut Visitor) -> Result<String, Vec<Output>> {
    loop {
        let incoming = tokio::select! {
            biased;
            outputs = visitor.next() => return Err(outputs),
            incoming = wire.read() => incoming,
        };
        match incoming {
            Incoming::Text(text) => return visitor.on_text(&text).map_err(close),
            Incoming::Binary => return Err(close(Close::PROTOCOL_ERROR)),
            Incoming::Control => visitor.on_control().map_err(close)?,
            Incoming::Gone => return Err(Vec::new()),
            Incoming::Broken(why) => return Err(close(why)),
        }
    }
}

fn examine(state: &SocketState, token: &str) -> Result<Claims, Vec<Output>> {
    match state.node.examine(token) {
        // Whether it still holds is decided once the connection is in the hub.
        Ok((claims, _)) => Ok(claims),
        Err(error) => Err(refusal(&error)),
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

/// From the hub to the end.
async fn hold(mut wire: Wire, mut line: Line, state: &SocketState, origin: &Origin) {
    while let Some(outputs) = next(&mut wire, &mut line).await {
        match wire.write(outputs).await {
            Next::On(intents) => {
                let outputs = ask_all(intents, &line, state, origin).await;
                if let Next::Gone = wire.write(outputs).await {
                    return;
                }
            }
            Next::Closed => break,
            Next::Gone => return,
        }
    }
    // Out of the hub first: who is closing is not present any more.
    let _pass = line.leave();
    wire.linger().await;
}

/// What is to be done next; `None`: the peer has gone.
async fn next(wire: &mut Wire, line: &mut Line) -> Option<Vec<Output>> {
    if !line.is_live() {
        // What the client says is left unread until it is welcomed.
        return Some(line.next().await);
    }
    let incoming = tokio::select! {
        biased;
        outputs = line.next() => return Some(outputs),
        incoming = wire.read() => incoming,
    };
    match incoming {
        Incoming::Text(text) => Some(line.on_text(&text)),
        Incoming::Binary => Some(close(Close::PROTOCOL_ERROR)),
        Incoming::Control => Some(line.on_control()),
        Incoming::Gone => None,
        Incoming::Broken(why) => Some(close(why)),
    }
}

/// Asks the service; what it answers with an error is told to the client where the client asked.
async fn ask_all(
    intents: Vec<Intent>,
    line: &Line,
    state: &SocketState,
    origin: &Origin,
) -> Vec<Output> {
    let mut outputs = Vec::new();
    for intent in intents {
        let told = matches!(intent, Intent::AnswerTakeover { .. });
        let Err(error) = ask(intent, line, state, origin).await else {
            continue;
        };
        if let Error::Internal(cause) = &error {
            tracing::error!(%cause, session.id = %line.session(), "a socket's request failed");
        }
        if told {
            outputs.push(Output::Send(Box::new(ServerMessage::Error {
                code: error.code().as_str(),
                message: error.to_string(),
            })));
        }
    }
    outputs
}

async fn ask(
    intent: Intent,
    line: &Line,
    state: &SocketState,
    origin: &Origin,
) -> Result<(), Error> {
    match intent {
        Intent::Presented(claims) => state.desk.note_presented(&claims).await,
        Intent::Activity => state.desk.record_activity(line.session()).await,
        Intent::AnswerTakeover { request_id, allow } => {
            let session = line.session();
            let desk = &state.desk;
            desk.answer_takeover(request_id, session, allow, origin)
                .await
        }
        Intent::Acknowledged(_) => {
            metrics::counter!(metric::ACKS).increment(1);
            Ok(())
        }
    }
}
