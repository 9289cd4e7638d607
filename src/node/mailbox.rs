//! What waits for a connection: of constant size, however slow the client. It may not know what the
//! connection makes of it.
//!
//! States replace each other (only the present one matters), the end of the session has a slot of its
//! own and overtakes everything, and messages that can't merge have a short queue; a client for whom
//! it is too short is too slow.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::delivery::{Delivery, Ticket};
use super::frame::Frame;
use crate::domain::id::Seq;
use crate::domain::message::RightsCause;
use crate::domain::session::SessionEnd;
use crate::domain::standing::Standing;

/// The most messages that wait and can't merge.
pub(super) const FRAMES_MAX: usize = 16;
/// The most deliveries that wait for one connection's word about its rights; the oldest beyond that
/// counts as lost in its receipt, and nothing else changes.
const OWED_MAX: usize = 32;

/// The present rights of the connection's user.
#[derive(Clone, Debug)]
pub(super) struct Rights {
    /// The state.
    pub(super) standing: Arc<Standing>,
    /// What last moved it while the user was connected.
    pub(super) cause: Option<RightsCause>,
    /// Whether it covers every event that this node has applied.
    pub(super) current: bool,
}

/// That the session ended.
#[derive(Debug)]
pub(super) struct Ending {
    /// How.
    pub(super) end: SessionEnd,
    /// Whose receipt asks.
    pub(super) ticket: Option<Ticket>,
}

/// What a connection has to see to next, the most urgent first.
#[derive(Debug)]
pub(super) enum Letter {
    /// The session ended.
    End(Box<Ending>),
    /// The key that vouched for it may be trusted no more; whose receipts ask.
    LookAtKey(Vec<Ticket>),
    /// Too many messages wait.
    TooSlow,
    /// The server is going away; come back after this many milliseconds.
    Drain(u64),
    /// The rights may differ.
    Rights(Rights),
    /// A message that everybody concerned shares.
    Frame(Frame, Option<Ticket>),
    /// Something may be due.
    Tick,
}

#[derive(Default)]
struct Slots {
    end: Option<Box<Ending>>,
    ended: bool,
    look_at_key: Vec<Ticket>,
    too_slow: bool,
    drain: Option<u64>,
    rights: Option<Rights>,
    owed: VecDeque<(Seq, Ticket)>,
    frames: VecDeque<(Frame, Option<Ticket>)>,
    tick: bool,
}

/// A connection's mailbox: anybody puts in, the connection alone takes out.
#[derive(Default)]
pub(super) struct Mailbox {
    slots: Mutex<Slots>,
    wake: Notify,
}

impl Mailbox {
    /// The next letter, when there is one. May be dropped half-way without loss.
    pub(super) async fn next(&self) -> Letter {
        loop {
            if let Some(letter) = self.take() {
                return letter;
            }
            self.wake.notified().await;
        }
    }

    /// The next letter, if there is one.
    pub(super) fn take(&self) -> Option<Letter> {
        let mut slots = self.slots.lock();
        if let Some(ending) = slots.end.take() {
            return Some(Letter::End(ending));
        }
        if !slots.look_at_key.is_empty() {
            return Some(Letter::LookAtKey(std::mem::take(&mut slots.look_at_key)));
        }
        if std::mem::take(&mut slots.too_slow) {
            return Some(Letter::TooSlow);
        }
        if let Some(after_ms) = slots.drain.take() {
            return Some(Letter::Drain(after_ms));
        }
        if let Some(rights) = slots.rights.take() {
            return Some(Letter::Rights(rights));
        }
        if let Some((frame, ticket)) = slots.frames.pop_front() {
            if slots.frames.is_empty() {
                // Back to no memory at all: most connections never get a frame.
                slots.frames = VecDeque::new();
            }
            return Some(Letter::Frame(frame, ticket));
        }
        std::mem::take(&mut slots.tick).then_some(Letter::Tick)
    }

    /// The session ended. The first end stands.
    pub(super) fn put_end(&self, end: SessionEnd, delivery: &Arc<Delivery>) {
        self.put(|slots| {
            if !slots.ended {
                slots.ended = true;
                let ticket = Some(delivery.ticket());
                slots.end = Some(Box::new(Ending { end, ticket }));
            }
        });
    }

    /// A signing key is trusted no more. One look is enough for several; the oldest receipts beyond the
    /// bound count it as lost.
    pub(super) fn put_look_at_key(&self, ticket: Ticket) {
        self.put(|slots| {
            if slots.look_at_key.len() == OWED_MAX {
                slots.look_at_key.remove(0);
            }
            slots.look_at_key.push(ticket);
        });
    }

    /// The present rights, in place of older ones.
    pub(super) fn put_rights(&self, rights: Rights) {
        self.put(|slots| slots.rights = Some(rights));
    }

    /// A delivery asks to be told when a state that covers `seq` was dealt with. One ticket a delivery.
    pub(super) fn owe(&self, seq: Seq, delivery: &Arc<Delivery>) {
        let mut slots = self.slots.lock();
        if slots.ended {
            return;
        }
        if let Some((last, ticket)) = slots.owed.back_mut()
            && ticket.is_of(delivery)
        {
            *last = seq;
            return;
        }
        if slots.owed.len() == OWED_MAX {
            slots.owed.pop_front();
        }
        slots.owed.push_back((seq, delivery.ticket()));
    }

    /// Takes out the tickets that a state as of `as_of` answers.
    pub(super) fn take_owed(&self, as_of: Seq) -> Vec<Ticket> {
        let mut slots = self.slots.lock();
        let mut answered = Vec::new();
        while slots.owed.front().is_some_and(|(seq, _)| *seq <= as_of) {
            answered.extend(slots.owed.pop_front().map(|(_, ticket)| ticket));
        }
        if slots.owed.is_empty() {
            slots.owed = VecDeque::new();
        }
        answered
    }

    /// A message that can't merge with others.
    pub(super) fn put_frame(&self, frame: Frame, ticket: Option<Ticket>) {
        self.put(|slots| {
            if slots.frames.len() == FRAMES_MAX {
                slots.too_slow = true;
            } else {
                slots.frames.push_back((frame, ticket));
            }
        });
    }

    /// The server is going away.
    pub(super) fn put_drain(&self, after_ms: u64) {
        self.put(|slots| slots.drain = Some(after_ms));
    }

    /// Something may be due.
    pub(super) fn put_tick(&self) {
        self.put(|slots| slots.tick = true);
    }

    fn put(&self, change: impl FnOnce(&mut Slots)) {
        change(&mut self.slots.lock());
        self.wake.notify_one();
    }
}
