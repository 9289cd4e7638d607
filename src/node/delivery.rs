//! Receipts on this node: which connections a batch concerned, and which of them were told. It may
//! not know what they were told, or by which transport.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::pulse::Stopwatch;
use crate::domain::clock::Timestamp;
use crate::domain::id::Seq;
use crate::domain::receipt::ConnectionsReached;

/// How many deliveries are remembered for receipts that have yet to be asked for.
const REMEMBERED: usize = 256;

/// What came of telling a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The message went to the kernel.
    Told,
    /// So did the close frame after it.
    ToldAndClosed,
    /// The close frame went to the kernel; there was no message.
    Closed,
    /// The present state is what the client knew already.
    NothingOwed,
}

/// A batch on its way to the connections that it concerns.
pub(super) struct Delivery {
    first: Seq,
    last: Seq,
    at: Timestamp,
    stopwatch: Arc<Stopwatch>,
    /// Tickets that are out, and one for whoever hands them out.
    outstanding: AtomicU64,
    told: AtomicU64,
    closed: AtomicU64,
    settled: Notify,
}

impl Delivery {
    /// A delivery of the batch from `first` to `last`, and the ticket that keeps it open while more
    /// are handed out. `at` is when the batch was committed.
    pub(super) fn begin(
        first: Seq,
        last: Seq,
        at: Timestamp,
        stopwatch: Arc<Stopwatch>,
    ) -> (Arc<Self>, Ticket) {
        let delivery = Arc::new(Self {
            first,
            last,
            at,
            stopwatch,
            outstanding: AtomicU64::new(0),
            told: AtomicU64::new(0),
            closed: AtomicU64::new(0),
            settled: Notify::new(),
        });
        let opening = delivery.ticket();
        (delivery, opening)
    }

    /// A ticket for one connection.
    pub(super) fn ticket(self: &Arc<Self>) -> Ticket {
        self.outstanding.fetch_add(1, Ordering::AcqRel);
        Ticket(Arc::clone(self))
    }

    /// The positions of its batch.
    pub(super) fn span(&self) -> (Seq, Seq) {
        (self.first, self.last)
    }

    /// Whether everybody concerned was told or has gone.
    pub(super) fn is_settled(&self) -> bool {
        self.outstanding.load(Ordering::Acquire) == 0
    }

    /// What it has reached so far.
    pub(super) fn reached(&self) -> ConnectionsReached {
        ConnectionsReached {
            told: self.told.load(Ordering::Acquire),
            closed: self.closed.load(Ordering::Acquire),
        }
    }

    /// Returns when no ticket is out.
    pub(super) async fn wait(&self) {
        loop {
            let notified = self.settled.notified();
            tokio::pin!(notified);
            // Listening begins before the look, so the last ticket can't slip in between.
            notified.as_mut().enable();
            if self.is_settled() {
                return;
            }
            notified.await;
        }
    }

    fn note(&self, outcome: Outcome, count: u64) {
        match outcome {
            Outcome::NothingOwed => return,
            Outcome::Told => {
                self.told.fetch_add(count, Ordering::AcqRel);
            }
            Outcome::Closed => {
                self.closed.fetch_add(count, Ordering::AcqRel);
            }
            Outcome::ToldAndClosed => {
                self.told.fetch_add(count, Ordering::AcqRel);
                self.closed.fetch_add(count, Ordering::AcqRel);
            }
        }
        self.stopwatch.note(self.at, count);
    }
}

/// One connection's share of a delivery. Dropped without an outcome, it says that the connection
/// went away before it could be told.
pub struct Ticket(Arc<Delivery>);

impl Ticket {
    /// Says what came of it.
    pub fn resolve(self, outcome: Outcome) {
        self.0.note(outcome, 1);
    }

    /// Says what came of it for so many connections, while it stands for more.
    pub(super) fn note(&self, outcome: Outcome, count: u64) {
        self.0.note(outcome, count);
    }

    /// A further connection's share of the same.
    pub(super) fn another(&self) -> Self {
        self.0.ticket()
    }

    /// Whether it belongs to this delivery.
    pub(super) fn is_of(&self, delivery: &Arc<Delivery>) -> bool {
        Arc::ptr_eq(&self.0, delivery)
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if self.0.outstanding.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.settled.notify_waiters();
        }
    }
}

impl std::fmt::Debug for Ticket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Ticket({}..={})", self.0.first, self.0.last)
    }
}

/// The last deliveries, so that a receipt can ask how its change fared.
#[derive(Default)]
pub(super) struct Deliveries(Mutex<VecDeque<Arc<Delivery>>>);

impl Deliveries {
    /// Remembers a delivery, and forgets the oldest of too many.
    pub(super) fn remember(&self, delivery: Arc<Delivery>) {
        let mut deliveries = self.0.lock();
        if deliveries.len() == REMEMBERED {
            deliveries.pop_front();
        }
        deliveries.push_back(delivery);
    }

    /// The remembered ones of batches after this position, ascending.
    pub(super) fn after(&self, seq: Seq) -> Vec<Arc<Delivery>> {
        let deliveries = self.0.lock();
        let known = deliveries.partition_point(|it| it.last <= seq);
        deliveries.iter().skip(known).cloned().collect()
    }

    /// Waits for the delivery of the batch that holds `seq`, at most that long, and says what it has
    /// reached by then. A batch that concerned nobody has reached nobody.
    pub(super) async fn settle(&self, seq: Seq, wait: Duration) -> ConnectionsReached {
        let Some(delivery) = self.find(seq) else {
            return ConnectionsReached::default();
        };
        // Running out of time is an answer too: what was reached within it.
        let _ = tokio::time::timeout(wait, delivery.wait()).await;
        delivery.reached()
    }

    fn find(&self, seq: Seq) -> Option<Arc<Delivery>> {
        self.0
            .lock()
            .iter()
            .rev()
            .find(|delivery| delivery.first <= seq && seq <= delivery.last)
            .cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::tests::ManualClock;

    fn delivery(first: u64, last: u64) -> (Arc<Delivery>, Ticket) {
        let stopwatch = Arc::new(Stopwatch::new(Arc::new(ManualClock::default())));
        Delivery::begin(Seq(first), Seq(last), Timestamp::default(), stopwatch)
    }

    #[tokio::test(start_paused = true)]
    async fn counts_what_was_told_closed_and_lost() {
        let deliveries = Deliveries::default();
        let (delivery, opening) = delivery(4, 6);
        deliveries.remember(Arc::clone(&delivery));
        let tickets: Vec<Ticket> = (0..4).map(|_| delivery.ticket()).collect();
        drop(opening);
        let [told, closed, nothing, gone] = tickets.try_into().unwrap();
        told.resolve(Outcome::Told);
        closed.resolve(Outcome::ToldAndClosed);
        nothing.resolve(Outcome::NothingOwed);
        drop(gone);
        for seq in 4..=6 {
            let reached = deliveries.settle(Seq(seq), Duration::MAX).await;
            assert_eq!((reached.told, reached.closed), (2, 1));
        }
        let reached = deliveries.settle(Seq(7), Duration::MAX).await;
        assert_eq!(reached, ConnectionsReached::default());
    }

    #[tokio::test(start_paused = true)]
    async fn waits_for_the_last_ticket_or_the_end_of_the_wait() {
        let deliveries = Arc::new(Deliveries::default());
        let (delivery, opening) = delivery(1, 1);
        deliveries.remember(Arc::clone(&delivery));
        let (first, second) = (delivery.ticket(), delivery.ticket());
        drop(opening);
        first.resolve(Outcome::Told);
        let early = deliveries.settle(Seq(1), Duration::from_secs(1)).await;
        assert_eq!((early.told, early.closed), (1, 0));
        let waiting = Arc::clone(&deliveries);
        let waiting =
            tokio::spawn(async move { waiting.settle(Seq(1), Duration::from_hours(1)).await });
        tokio::task::yield_now().await;
        second.resolve(Outcome::Told);
        assert_eq!(waiting.await.unwrap().told, 2);
    }

    #[tokio::test]
    async fn remembers_a_bounded_number() {
        let deliveries = Deliveries::default();
        for seq in 1..=300 {
            deliveries.remember(delivery(seq, seq).0);
        }
        assert_eq!(deliveries.0.lock().len(), REMEMBERED);
        assert!(deliveries.find(Seq(44)).is_none());
        assert!(deliveries.find(Seq(45)).is_some());
    }
}
