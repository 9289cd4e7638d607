//! A connection as a state machine without I/O: what a client says, what the node has for it and what
//! time it is go in; what to send, to ask and to close comes out.
//!
//! The tree is the life of a connection: `unidentified` until it says who it is, `identified`
//! from then on, first waiting for the present state and then live. It may not know transports,
//! sockets or tasks.

mod ahead;
mod identified;
mod pace;
mod said;
mod unidentified;

use sessionwire_guard::{Claims, Verdict};

use super::delivery::{Outcome, Ticket};
use super::frame::Frame;
use crate::domain::close::Close;
use crate::domain::error::Error;
use crate::domain::id::{Seq, TakeoverRequestId};
use crate::domain::message::ServerMessage;

pub(super) use identified::{Identified, Identity, Past};
pub(super) use unidentified::Unidentified;

/// What a transport has to do, in order.
#[derive(Debug)]
pub enum Output {
    /// Send a message.
    Send(Box<ServerMessage>),
    /// Send a message that others are sent too.
    SendShared(Frame),
    /// Ask whether the client is still there, by the transport's own means.
    Ping,
    /// Once everything before went to the kernel, say so.
    Settle(Ticket, Outcome),
    /// Ask the service for something.
    Call(Intent),
    /// Close, and let the connection go.
    Close(Close),
}

/// What a connection wants of the service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Intent {
    /// An access token of this rotation was accepted.
    Presented(u32),
    /// How long the session can be used yet.
    LookAhead,
    /// The person is there.
    Activity,
    /// The person answered; a failure is told to the client.
    AnswerTakeover {
        /// The question.
        request_id: TakeoverRequestId,
        /// The answer.
        allow: bool,
    },
    /// The person was told.
    Acknowledged(Seq),
}

/// How long things take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timing {
    /// Between two pings.
    pub(super) heartbeat: std::time::Duration,
    /// Until a connection has said who it is, and then until it is welcomed.
    pub(super) patience: std::time::Duration,
}

/// Looks at tokens.
pub(super) trait Examine {
    /// Genuine and unexpired; ended or stale is told apart.
    fn examine(&self, token: &str) -> Result<(Claims, Verdict), Error>;
}

impl Output {
    pub(super) fn send(message: ServerMessage) -> Self {
        Self::Send(Box::new(message))
    }

    /// An error that changes nothing.
    pub(super) fn error(code: &'static str, message: String) -> Self {
        Self::send(ServerMessage::Error { code, message })
    }
}
