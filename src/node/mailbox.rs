//! What waits for a connection: of constant size, however slow the client. It may not know what the
//! connection makes of it.
//!
//! States replace each other (only the present one matters), the end of the session has a slot of its
//! own and overtakes everything, and messages that can't merge have a short queue; a client for whom
//! it is too short is too slow.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;

use super::announcement::{Announcement, Tally};
use super::delivery::{Delivery, Ticket};
use super::hand::{Hand, Written};
use crate::domain::id::Seq;
use crate::domain::message::RightsCause;
use crate::domain::session::SessionEnd;
use crate::domain::standing::Standing;

/// The most messages that wait and can't merge.
pub(super) const MESSAGES_MAX: usize = 16;
/// The most deliveries that wait for one connection's word about its rights; the oldest beyond that
/// counts as lost in its receipt, and nothing else changes.
const OWED_MAX: usize = 32;

/// The present rights of the connection's user.
#[derive(Clone, Debug)]
pub(super) struct RightsUpdate {
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
    Rights(RightsUpdate),
    /// A message that everybody concerned shares.
    Message(Arc<Announcement>),
    /// Messages are written but for what the wire owes; whose receipts ask.
    UnderWay(Vec<Ticket>),
    /// Something may be due.
    Tick,
}

/// What is rarely there.
#[derive(Default)]
struct Slots {
    end: Option<Box<Ending>>,
    look_at_key: Vec<Ticket>,
    too_slow: bool,
    drain: Option<u64>,
    under_way: Vec<Ticket>,
    rights: Option<RightsUpdate>,
    owed: VecDeque<(Seq, Ticket)>,
    /// Those after the first.
    messages: VecDeque<Arc<Announcement>>,
    tick: bool,
}

impl Slots {
    /// The most urgent letter, but for messages and ticks.
    fn take_urgent(&mut self) -> Option<Letter> {
        if let Some(ending) = self.end.take() {
            return Some(Letter::End(ending));
        }
        if !self.look_at_key.is_empty() {
            return Some(Letter::LookAtKey(std::mem::take(&mut self.look_at_key)));
        }
        if std::mem::take(&mut self.too_slow) {
            return Some(Letter::TooSlow);
        }
        if let Some(after_ms) = self.drain.take() {
            return Some(Letter::Drain(after_ms));
        }
        if !self.under_way.is_empty() {
            return Some(Letter::UnderWay(std::mem::take(&mut self.under_way)));
        }
        self.rights.take().map(Letter::Rights)
    }

    fn is_empty(&self) -> bool {
        self.has_only_messages() && self.messages.is_empty() && self.owed.is_empty()
    }

    /// Whether nothing waits that the connection has to see to by itself.
    fn has_only_messages(&self) -> bool {
        self.end.is_none()
            && self.look_at_key.is_empty()
            && !self.too_slow
            && self.drain.is_none()
            && self.under_way.is_empty()
            && self.rights.is_none()
            && !self.tick
    }
}

/// What is in a mailbox: as good as nothing most of the time, so that an idle connection is small.
#[derive(Default)]
struct Contents {
    /// The first message that waits.
    message: Option<Arc<Announcement>>,
    slots: Option<Box<Slots>>,
    hand: Option<Arc<dyn Hand>>,
    /// How to wake the connection while it sleeps.
    sleeper: Option<Waker>,
    /// Whether the connection waits for letters and does nothing else.
    at_rest: bool,
    ended: bool,
    /// Whether its turn will come.
    in_turn: bool,
}

impl Contents {
    fn take(&mut self) -> Option<Letter> {
        let urgent = self.slots.as_mut().and_then(|it| it.take_urgent());
        urgent
            .or_else(|| self.take_message().map(Letter::Message))
            .or_else(|| self.take_tick())
    }

    fn take_message(&mut self) -> Option<Arc<Announcement>> {
        let next = self.slots.as_mut().and_then(|it| it.messages.pop_front());
        std::mem::replace(&mut self.message, next)
    }

    fn take_tick(&mut self) -> Option<Letter> {
        let slots = self.slots.as_mut()?;
        let tick = std::mem::take(&mut slots.tick).then_some(Letter::Tick);
        self.tidy();
        tick
    }

    fn slots(&mut self) -> &mut Slots {
        self.slots.get_or_insert_default()
    }

    fn add_message(&mut self, message: Arc<Announcement>) {
        if self.message.is_none() {
            self.message = Some(message);
            return;
        }
        let slots = self.slots();
        // One of them is the first.
        if slots.messages.len() + 1 == MESSAGES_MAX {
            slots.too_slow = true;
        } else {
            slots.messages.push_back(message);
        }
    }

    fn has_only_messages(&self) -> bool {
        self.message.is_some() && self.slots.as_ref().is_none_or(|it| it.has_only_messages())
    }

    /// Writes the messages that wait, where the connection need not see to them by itself.
    fn write(&mut self, bytes: &mut Vec<u8>, tally: &mut Tally) {
        if !self.at_rest || !self.has_only_messages() {
            return;
        }
        let Some(hand) = &self.hand else {
            return;
        };
        bytes.clear();
        let further = self.slots.iter().flat_map(|it| &it.messages);
        for message in self.message.iter().chain(further) {
            hand.encode(message.frame(), bytes);
        }
        match hand.write(bytes) {
            Written::Nothing => {}
            Written::All => {
                while let Some(message) = self.take_message() {
                    tally.add(message);
                }
                self.tidy();
            }
            Written::InPart => {
                while let Some(message) = self.take_message() {
                    self.slots().under_way.push(message.share().1);
                }
            }
        }
    }

    /// Back to no memory at all, where nothing is left.
    fn tidy(&mut self) {
        if self.slots.as_ref().is_some_and(|it| it.is_empty()) {
            self.slots = None;
        }
    }
}

/// A mailbox: anybody puts in, the connection alone takes out.
///
/// What is *put* is seen to at once. What is *left* is for many at a time, and tells whether the connection has to
/// have its turn.
#[derive(Default)]
pub(super) struct Mailbox(Mutex<Contents>);

/// A connection waits for letters. May be dropped half-way without loss.
pub(super) struct Rest<'a>(&'a Mailbox);

impl Future for Rest<'_> {
    type Output = Letter;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Letter> {
        self.0.poll_next(cx)
    }
}

impl Drop for Rest<'_> {
    fn drop(&mut self) {
        self.0.0.lock().at_rest = false;
    }
}

impl Mailbox {
    /// The next letter, when there is one.
    pub(super) fn next(&self) -> Rest<'_> {
        Rest(self)
    }

    fn poll_next(&self, cx: &mut Context<'_>) -> Poll<Letter> {
        let mut contents = self.0.lock();
        let letter = contents.take();
        // From here on, not from the drop: what comes meanwhile must not be written before this letter is.
        contents.at_rest = letter.is_none();
        if let Some(letter) = letter {
            return Poll::Ready(letter);
        }
        match &mut contents.sleeper {
            Some(sleeper) => sleeper.clone_from(cx.waker()),
            none @ None => *none = Some(cx.waker().clone()),
        }
        Poll::Pending
    }

    /// The next letter, if there is one.
    pub(super) fn take(&self) -> Option<Letter> {
        self.0.lock().take()
    }

    /// What may write for the connection from now on.
    pub(super) fn lend(&self, hand: Arc<dyn Hand>) {
        self.0.lock().hand = Some(hand);
    }

    /// The session ended. The first end stands.
    pub(super) fn put_end(&self, end: SessionEnd, delivery: &Arc<Delivery>) {
        self.put(|contents| {
            if !contents.ended {
                contents.ended = true;
                let ticket = Some(delivery.ticket());
                contents.slots().end = Some(Box::new(Ending { end, ticket }));
            }
        });
    }

    /// A signing key is trusted no more. One look is enough for several; the oldest receipts beyond the
    /// bound count it as lost.
    pub(super) fn put_look_at_key(&self, ticket: Ticket) {
        self.put(|contents| {
            let waiting = &mut contents.slots().look_at_key;
            if waiting.len() == OWED_MAX {
                waiting.remove(0);
            }
            waiting.push(ticket);
        });
    }

    /// The server is going away.
    pub(super) fn put_drain(&self, after_ms: u64) {
        self.put(|contents| contents.slots().drain = Some(after_ms));
    }

    /// A message that can't merge with others.
    pub(super) fn put_message(&self, message: Arc<Announcement>, tally: &mut Tally) {
        self.put(|contents| {
            contents.add_message(message);
            contents.write(&mut Vec::new(), tally);
        });
    }

    /// The same, for one of many.
    #[must_use]
    pub(super) fn leave_message(&self, message: Arc<Announcement>) -> bool {
        self.leave(|contents| contents.add_message(message))
    }

    /// The present rights, in place of older ones.
    pub(super) fn put_rights(&self, rights: RightsUpdate) {
        self.put(|contents| contents.slots().rights = Some(rights));
    }

    /// The same, for one of many.
    #[must_use]
    pub(super) fn leave_rights(&self, rights: RightsUpdate) -> bool {
        self.leave(|contents| contents.slots().rights = Some(rights))
    }

    /// Something may be due.
    #[must_use]
    pub(super) fn leave_tick(&self) -> bool {
        self.leave(|contents| contents.slots().tick = true)
    }

    /// It is the connection's turn: what waits is written for it, or it is woken. `bytes`: room for what is written.
    pub(super) fn take_turn(&self, bytes: &mut Vec<u8>, tally: &mut Tally) {
        self.put(|contents| {
            contents.in_turn = false;
            contents.write(bytes, tally);
        });
    }

    /// A delivery asks to be told when a state that covers `seq` was dealt with. One ticket a delivery.
    pub(super) fn owe(&self, seq: Seq, delivery: &Arc<Delivery>) {
        let mut contents = self.0.lock();
        if contents.ended {
            return;
        }
        let owed = &mut contents.slots().owed;
        if let Some((last, ticket)) = owed.back_mut()
            && ticket.is_of(delivery)
        {
            *last = seq;
            return;
        }
        if owed.len() == OWED_MAX {
            owed.pop_front();
        }
        owed.push_back((seq, delivery.ticket()));
    }

    /// Takes out the tickets that a state as of `as_of` answers.
    pub(super) fn take_owed(&self, as_of: Seq) -> Vec<Ticket> {
        let mut contents = self.0.lock();
        let Some(slots) = &mut contents.slots else {
            return Vec::new();
        };
        let mut answered = Vec::new();
        while slots.owed.front().is_some_and(|(seq, _)| *seq <= as_of) {
            answered.extend(slots.owed.pop_front().map(|(_, ticket)| ticket));
        }
        answered
    }

    /// Changes what is in it; if anything is then, the connection is woken.
    fn put(&self, change: impl FnOnce(&mut Contents)) {
        let mut contents = self.0.lock();
        change(&mut contents);
        let is_empty = contents.message.is_none() && contents.slots.is_none();
        let sleeper = (!is_empty).then(|| contents.sleeper.take()).flatten();
        drop(contents);
        if let Some(sleeper) = sleeper {
            sleeper.wake();
        }
    }

    /// Whether the connection has to have its turn: one that is awake looks before it sleeps.
    fn leave(&self, change: impl FnOnce(&mut Contents)) -> bool {
        let mut contents = self.0.lock();
        change(&mut contents);
        let must_have = contents.sleeper.is_some() && !contents.in_turn;
        contents.in_turn |= must_have;
        must_have
    }
}
