//! Moves bytes between a socket and its connection. One task a connection, no timer of its own while
//! it idles.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket};

use super::SocketState;
use super::handshake::{now, unknown_cause};
use crate::domain::close::Close;
use crate::domain::error::Error;
use crate::domain::metric;
use crate::node::connection::{Connection, Intent, Output};
use crate::node::delivery::Ticket;
use crate::node::mailbox::{Handle, Slots};
use crate::service::Origin;

/// How long to wait for the other side's close frame before the connection is dropped.
const CLOSE_WAIT: Duration = Duration::from_secs(1);
/// How much of what a client still says is read after the close frame.
const CLOSE_READS_MAX: usize = 64;

/// A socket with a bound on writes.
pub(super) struct Wire {
    socket: WebSocket,
    write_timeout: Duration,
    closed: bool,
}

impl Wire {
    pub(super) fn new(socket: WebSocket, write_timeout: Duration) -> Self {
        Self {
            socket,
            write_timeout,
            closed: false,
        }
    }

    /// The next frame; a close where there is none.
    pub(super) async fn receive(&mut self) -> Result<Message, Close> {
        match self.socket.recv().await {
            Some(Ok(message)) => Ok(message),
            Some(Err(error)) => Err(close_for(&error)),
            None => {
                self.closed = true;
                Err(Close::ProtocolError)
            }
        }
    }

    async fn write(&mut self, message: Message) -> Result<(), Close> {
        match tokio::time::timeout(self.write_timeout, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => {
                self.closed = true;
                Err(Close::ProtocolError)
            }
            Err(_) => Err(Close::TooSlow),
        }
    }

    /// Writes the close frame, once. Answers whether it went to the kernel.
    pub(super) async fn close(&mut self, close: Close) -> bool {
        if std::mem::replace(&mut self.closed, true) {
            return false;
        }
        let code = close.code().to_string();
        metrics::counter!(metric::CONNECTIONS_CLOSED, "code" => code).increment(1);
        let reason = Utf8Bytes::from_static(close.reason());
        let frame = Message::Close(Some(CloseFrame {
            code: close.code(),
            reason,
        }));
        // A client that does not read gets no close frame either; the drop ends the connection.
        let written = tokio::time::timeout(CLOSE_WAIT, self.socket.send(frame)).await;
        matches!(written, Ok(Ok(())))
    }

    /// Reads on until the other side has closed, so that our last frames are not lost to a reset.
    pub(super) async fn finish(mut self) {
        let rest = async {
            for _ in 0..CLOSE_READS_MAX {
                if !matches!(self.socket.recv().await, Some(Ok(_))) {
                    break;
                }
            }
        };
        drop(tokio::time::timeout(CLOSE_WAIT, rest).await);
    }
}

/// What a frame that can't be read is answered with. Broken frames and UTF-8 have got RFC 6455's own
/// codes from the library; this is for what it leaves to us.
fn close_for(error: &axum::Error) -> Close {
    use tokio_tungstenite::tungstenite::Error as Frame;
    let source = std::error::Error::source(error);
    match source.and_then(|source| source.downcast_ref::<Frame>()) {
        Some(Frame::Capacity(_)) => Close::FrameTooLarge,
        _ => Close::ProtocolError,
    }
}

/// Runs an open connection until it ends.
pub(super) async fn run(
    wire: &mut Wire,
    state: &SocketState,
    handle: &Arc<Handle>,
    mut connection: Connection,
    outputs: Vec<Output>,
    origin: &Origin,
) {
    let mut pending: Vec<Ticket> = Vec::new();
    if !act(wire, state, handle, &mut connection, outputs, origin)
        .await
        .is_open()
    {
        return;
    }
    state
        .node
        .parts
        .wheel
        .schedule(handle, connection.due_at(now(state)));
    loop {
        let open = tokio::select! {
            biased;
            slots = handle.take() => {
                on_slots(wire, state, handle, &mut connection, slots, &mut pending, origin).await
            }
            received = wire.receive() => {
                let outputs = match received {
                    Ok(Message::Text(text)) => connection.on_text(&text, now(state)),
                    Ok(Message::Binary(_)) => vec![Output::Close(Close::ProtocolError)],
                    Ok(Message::Ping(_) | Message::Pong(_)) => {
                        connection.on_heard(now(state));
                        Vec::new()
                    }
                    Ok(Message::Close(_)) => return,
                    Err(close) => vec![Output::Close(close)],
                };
                act(wire, state, handle, &mut connection, outputs, origin).await.is_open()
            }
        };
        if !open {
            return;
        }
    }
}

/// What became of some outputs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Acted {
    Open { told: bool },
    Closed { told: bool, closed: bool },
}

impl Acted {
    fn is_open(self) -> bool {
        matches!(self, Self::Open { .. })
    }

    /// Tells a receipt what went to the kernel, and lets go of it.
    fn report(self, ticket: Ticket) {
        let (told, closed) = match self {
            Self::Open { told } => (told, false),
            Self::Closed { told, closed } => (told, closed),
        };
        if told {
            ticket.told();
        }
        if closed {
            ticket.closed();
        }
        drop(ticket);
    }
}

async fn on_slots(
    wire: &mut Wire,
    state: &SocketState,
    handle: &Arc<Handle>,
    connection: &mut Connection,
    mut slots: Slots,
    pending: &mut Vec<Ticket>,
    origin: &Origin,
) -> bool {
    let mut outputs = connection.on_slots(&mut slots, now(state));
    let ends = slots.end.is_some();
    let latest = state
        .node
        .parts
        .hub
        .latest(handle.user_id)
        .filter(|_| slots.rights && !ends);
    let mut owes_rights = false;
    if let Some(known) = &latest {
        let owed = connection.on_standing(known, unknown_cause(state, known.standing.as_of));
        owes_rights = !owed.is_empty();
        outputs.splice(0..0, owed);
    }
    let acted = act(wire, state, handle, connection, outputs, origin).await;
    slots
        .tickets
        .drain(..)
        .for_each(|ticket| acted.report(ticket));
    pending.append(&mut slots.rights_tickets);
    let read_at = latest.map(|known| known.standing.as_of);
    let (done, waiting) = std::mem::take(pending)
        .into_iter()
        .partition(|ticket| ends || read_at.is_some_and(|at| at >= ticket.seq));
    *pending = waiting;
    if ends || owes_rights {
        Vec::into_iter(done).for_each(|ticket| acted.report(ticket));
    }
    if acted.is_open() && slots.due {
        state
            .node
            .parts
            .wheel
            .schedule(handle, connection.due_at(now(state)));
    }
    acted.is_open()
}

/// Does what the connection wants, in order.
async fn act(
    wire: &mut Wire,
    state: &SocketState,
    handle: &Arc<Handle>,
    connection: &mut Connection,
    outputs: Vec<Output>,
    origin: &Origin,
) -> Acted {
    let mut told = false;
    let mut queue = std::collections::VecDeque::from(outputs);
    while let Some(output) = queue.pop_front() {
        let written = match output {
            Output::Ask(intent) => {
                queue.extend(ask(state, handle, connection, intent, origin).await);
                Ok(())
            }
            Output::Close(close) => {
                let closed = wire.close(close).await;
                return Acted::Closed { told, closed };
            }
            Output::Send(message) => {
                told = true;
                wire.write(text(&message)).await
            }
            Output::SendShared(frame) => {
                told = true;
                wire.write(Message::Text(Utf8Bytes::from(&*frame))).await
            }
            Output::Ping => wire.write(Message::Ping(axum::body::Bytes::new())).await,
        };
        if let Err(close) = written {
            wire.close(close).await;
            return Acted::Closed {
                told: false,
                closed: false,
            };
        }
    }
    Acted::Open { told }
}

/// Writes the frames of a connection that never opened.
pub(super) async fn write_all(wire: &mut Wire, outputs: Vec<Output>) {
    for output in outputs {
        match output {
            Output::Send(message) => {
                if wire.write(text(&message)).await.is_err() {
                    return;
                }
            }
            Output::Close(close) => {
                wire.close(close).await;
                return;
            }
            Output::SendShared(_) | Output::Ping | Output::Ask(_) => {}
        }
    }
}

fn text(message: &crate::domain::message::ServerMessage) -> Message {
    metrics::counter!(metric::MESSAGES_SENT).increment(1);
    Message::Text(
        serde_json::to_string(message)
            .unwrap_or_else(|_| "{}".into())
            .into(),
    )
}

async fn ask(
    state: &SocketState,
    handle: &Arc<Handle>,
    connection: &mut Connection,
    intent: Intent,
    origin: &Origin,
) -> Vec<Output> {
    let done = match intent {
        Intent::CheckToken(token) => {
            let checked = check_newer(state, &token).await;
            return connection.on_token(checked);
        }
        Intent::NoteActivity => state.core.record_activity(handle.session_id).await,
        Intent::AnswerTakeover { request, allow } => {
            state
                .core
                .answer_takeover(request, handle.session_id, allow, origin)
                .await
        }
    };
    match done {
        Ok(()) => Vec::new(),
        Err(problem) => {
            if let Error::Internal(cause) = &problem {
                tracing::error!(error = %cause, "what a client asked for failed");
            }
            connection.on_refusal(&problem)
        }
    }
}

async fn check_newer(state: &SocketState, token: &str) -> Result<sessionwire_guard::Claims, Error> {
    let claims = state.node.check(token)?;
    state.core.note_presented(&claims).await?;
    Ok(claims)
}
