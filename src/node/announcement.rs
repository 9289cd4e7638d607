//! A message for all whom it concerns, encoded once, and the receipt that waits until all of them have had it.
//! It may not know who they are.

use std::sync::Arc;

use super::delivery::{Delivery, Outcome, Ticket};
use super::frame::Frame;
use crate::domain::metric;

/// A message and its receipt. Each clone of its `Arc` is for one connection; the receipt waits for the last.
#[derive(Debug)]
pub(super) struct Announcement {
    frame: Frame,
    ticket: Ticket,
}

impl Announcement {
    /// A message of this delivery.
    pub(super) fn new(frame: Frame, delivery: &Arc<Delivery>) -> Arc<Self> {
        let ticket = delivery.ticket();
        Arc::new(Self { frame, ticket })
    }

    /// The same for others: thousands who are told on several processors would else meet at one count.
    pub(super) fn another(&self) -> Arc<Self> {
        let (frame, ticket) = self.share();
        Arc::new(Self { frame, ticket })
    }

    /// The message.
    pub(super) fn frame(&self) -> &Frame {
        &self.frame
    }

    /// The message for a connection that tells it by itself, and its share of the receipt.
    pub(super) fn share(&self) -> (Frame, Ticket) {
        (self.frame.clone(), self.ticket.another())
    }
}

/// What was told to one connection after the other, counted together: so many at once would else meet at the
/// same counters.
#[derive(Default)]
pub(super) struct Tally(Vec<(Arc<Announcement>, u64)>);

impl Tally {
    /// One more connection was told it.
    pub(super) fn add(&mut self, told: Arc<Announcement>) {
        match self.0.iter_mut().find(|(it, _)| Arc::ptr_eq(it, &told)) {
            Some((_, count)) => *count += 1,
            None => self.0.push((told, 1)),
        }
    }

    /// Says so to the receipts.
    pub(super) fn count(self) {
        for (told, count) in self.0 {
            metrics::counter!(metric::MESSAGES_SENT).increment(count);
            told.ticket.note(Outcome::Told, count);
        }
    }
}
