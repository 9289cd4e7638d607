//! A connection as transports hold it: they bring what the client says, fetch what is to be done, and
//! do it. It may not know which transport that is.

use std::sync::Arc;
use std::time::Duration;

use super::Inner;
use super::connection::{Examine, Identified, Output, Timing, Unidentified};
use super::delivery::Outcome;
use super::gate::{Certainty, Gate};
use super::hand::Hand;
use super::hub::Registration;
use super::limits::{Pass, Unidentified as Waiting};
use super::mailbox::{Letter, Mailbox};
use super::wheel::Armed;
use crate::domain::client_message::{ClientMessage, Unreadable};
use crate::domain::clock::Timestamp;
use crate::domain::close::Close;
use crate::domain::error::Error;
use crate::domain::id::{ConnectionId, Seq, SessionId, UserId};
use crate::domain::session::Outlook;
use sessionwire_guard::{Claims, Verdict};

impl Examine for Gate {
    fn examine(&self, token: &str) -> Result<(Claims, Verdict), Error> {
        Self::examine(self, token, Certainty::Leased)
    }
}

/// A connection that has yet to say who it is.
pub struct Visitor {
    pub(super) pass: Pass,
    pub(super) waiting: Waiting,
    pub(super) mailbox: Arc<Mailbox>,
    pub(super) state: Unidentified,
    pub(super) answers: bool,
    pub(super) heard: Option<Seq>,
    pub(super) timing: Timing,
    pub(super) node: Arc<Inner>,
}

impl Visitor {
    /// It can hear and not say anything, and has heard the message of this position before, if any.
    pub fn only_hears(self, heard: Option<Seq>) -> Self {
        Self {
            answers: false,
            heard,
            ..self
        }
    }

    /// It is asked for a sign of life at least that often.
    pub fn beats_every(mut self, most: Duration) -> Self {
        self.timing.heartbeat = self.timing.heartbeat.min(most);
        self
    }

    /// How often it is asked for a sign of life.
    pub fn heartbeat(&self) -> Duration {
        self.timing.heartbeat
    }

    /// The token of the client's first message, or how to close.
    pub fn on_text(&self, text: &str) -> Result<(String, Option<String>), Close> {
        self.state.on_text(text, self.node.clock.uptime())
    }

    /// A ping or pong of the transport.
    pub fn on_control(&mut self) -> Result<(), Close> {
        self.state.on_control(self.node.clock.uptime())
    }

    /// What to do, when something is: it ends in a close. May be dropped half-way without loss.
    pub async fn next(&mut self) -> Vec<Output> {
        loop {
            match self.mailbox.next().await {
                Letter::Drain(after_ms) => {
                    let mut outputs = Vec::new();
                    Identified::on_drain(after_ms, &mut outputs);
                    return outputs;
                }
                Letter::Tick => {
                    if let Err(close) = self.state.on_tick(self.node.clock.uptime()) {
                        return vec![Output::Close(close)];
                    }
                }
                // Nobody else knows this mailbox yet.
                Letter::End(_)
                | Letter::LookAtKey(_)
                | Letter::TooSlow
                | Letter::Rights(_)
                | Letter::Message(_)
                | Letter::UnderWay(_) => {}
            }
        }
    }
}

/// A connection whose user is known.
pub struct Line {
    pub(super) state: Identified,
    pub(super) mailbox: Arc<Mailbox>,
    pub(super) armed: Armed,
    pub(super) registration: Registration,
    pub(super) pass: Pass,
    pub(super) node: Arc<Inner>,
}

impl Line {
    /// The connection.
    pub fn connection(&self) -> ConnectionId {
        self.state.identity().connection
    }

    /// The session.
    pub fn session(&self) -> SessionId {
        self.state.identity().session
    }

    /// The user.
    pub fn user(&self) -> UserId {
        self.state.identity().user
    }

    /// What may write messages for the connection while it does nothing else. Only once the client was welcomed.
    pub fn lend(&self, hand: Arc<dyn Hand>) {
        self.mailbox.lend(hand);
    }

    /// Whether the client was welcomed. Until then a transport leaves unread what the client says.
    pub fn is_live(&self) -> bool {
        self.state.is_live()
    }

    /// What to do, when something is: all that waits, up to an end. May be dropped half-way without loss.
    pub async fn next(&mut self) -> Vec<Output> {
        let first = self.mailbox.next().await;
        self.open_all(first)
    }

    fn open_all(&mut self, mut letter: Letter) -> Vec<Output> {
        let mut outputs = Vec::new();
        let times = (self.node.clock.now(), self.node.clock.uptime());
        loop {
            self.open(letter, times, &mut outputs);
            if outputs.iter().any(|it| matches!(it, Output::Close(_))) {
                return outputs;
            }
            letter = match self.mailbox.take() {
                Some(next) => next,
                None => return outputs,
            };
        }
    }

    fn open(
        &mut self,
        letter: Letter,
        (now, uptime): (Timestamp, Duration),
        outputs: &mut Vec<Output>,
    ) {
        match letter {
            Letter::End(ending) => self.state.on_end(*ending, outputs),
            Letter::LookAtKey(tickets) => {
                let gate = &self.node.gate;
                let retired = self.state.kid().is_some_and(|kid| gate.has_disowned(kid));
                Identified::on_look_at_key(retired, tickets, outputs);
            }
            Letter::TooSlow => outputs.push(Output::Close(Close::TOO_SLOW)),
            Letter::Drain(after_ms) => Identified::on_drain(after_ms, outputs),
            Letter::Message(message) => {
                let (frame, ticket) = message.share();
                self.state.on_frame(frame, ticket, outputs);
            }
            Letter::UnderWay(tickets) => outputs.extend(
                tickets
                    .into_iter()
                    .map(|it| Output::Settle(it, Outcome::Told)),
            ),
            Letter::Rights(rights) => {
                let gate = &self.node.gate;
                self.state
                    .recall(&rights, |standing| gate.rights_moved_at(standing));
                if let Some(outcome) = self.state.on_rights(&rights, now, outputs) {
                    let answered = self.mailbox.take_owed(rights.standing.as_of);
                    outputs.extend(answered.into_iter().map(|it| Output::Settle(it, outcome)));
                    self.arm();
                }
            }
            Letter::Tick => {
                self.armed.passed(now, uptime);
                self.state.on_tick(now, uptime, outputs);
                self.arm();
            }
        }
    }

    /// A text frame from the client.
    pub fn on_text(&mut self, text: &str) -> Vec<Output> {
        self.on_said(|| ClientMessage::parse(text))
    }

    /// What the client said, however its transport reads it; not read where there was too much before.
    pub fn on_said(
        &mut self,
        read: impl FnOnce() -> Result<ClientMessage, Unreadable>,
    ) -> Vec<Output> {
        let mut outputs = Vec::new();
        let clock = &self.node.clock;
        let tokens = self.node.gate.as_ref();
        self.state
            .on_said(read, clock.now(), clock.uptime(), tokens, &mut outputs);
        outputs
    }

    /// How long the session can be used yet, as it was found.
    pub fn on_outlook(&mut self, outlook: Option<Outlook>) -> Vec<Output> {
        let mut outputs = Vec::new();
        let now = self.node.clock.now();
        self.state.on_outlook(outlook, now, &mut outputs);
        self.arm();
        outputs
    }

    /// A ping or pong of the transport.
    pub fn on_control(&mut self) -> Vec<Output> {
        let mut outputs = Vec::new();
        let uptime = self.node.clock.uptime();
        self.state.on_control(uptime, &mut outputs);
        outputs
    }

    /// Leaves the hub: nothing more reaches it. What is left counts the connection until its
    /// transport has let go.
    pub fn leave(self) -> Pass {
        drop(self.registration);
        self.pass
    }

    pub(super) fn arm(&mut self) {
        self.node
            .wheel
            .arm(&self.mailbox, &mut self.armed, self.state.due());
    }
}
