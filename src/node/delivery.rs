//! Deliveries: which connections a batch concerned, and which of them were told and closed. What
//! receipts are made of. It may not know messages.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::domain::id::Seq;
use crate::domain::receipt::ConnectionsReached;

/// How many batches back a receipt can be asked for.
const KEPT: usize = 256;

/// How far a batch has come among the connections that it concerns.
#[derive(Default)]
pub struct Delivery {
    outstanding: AtomicU64,
    told: AtomicU64,
    closed: AtomicU64,
    finished: Notify,
}

/// One connection's part of a delivery. Dropped without an outcome, the connection was gone, or
/// there was nothing to tell it.
pub struct Ticket {
    delivery: Arc<Delivery>,
    /// The position of the batch.
    pub seq: Seq,
}

impl Delivery {
    /// A part for one more connection.
    pub fn ticket(self: &Arc<Self>, seq: Seq) -> Ticket {
        self.outstanding.fetch_add(1, Ordering::AcqRel);
        Ticket {
            delivery: Arc::clone(self),
            seq,
        }
    }

    fn is_finished(&self) -> bool {
        self.outstanding.load(Ordering::Acquire) == 0
    }

    /// Waits until every connection is done.
    pub async fn finished(&self) {
        loop {
            let finished = self.finished.notified();
            tokio::pin!(finished);
            // Enabled before the look, so that an end in between is not missed.
            finished.as_mut().enable();
            if self.is_finished() {
                return;
            }
            finished.await;
        }
    }

    /// So many were told and closed so far.
    pub fn reached(&self) -> ConnectionsReached {
        ConnectionsReached {
            told: self.told.load(Ordering::Acquire),
            closed: self.closed.load(Ordering::Acquire),
        }
    }
}

impl Ticket {
    /// The message went to the kernel.
    pub fn told(&self) {
        self.delivery.told.fetch_add(1, Ordering::AcqRel);
    }

    /// The close frame went to the kernel.
    pub fn closed(&self) {
        self.delivery.closed.fetch_add(1, Ordering::AcqRel);
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if self.delivery.outstanding.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.delivery.finished.notify_waiters();
        }
    }
}

/// The deliveries of the last batches.
#[derive(Default)]
pub struct Deliveries {
    by_seq: Mutex<BTreeMap<Seq, Arc<Delivery>>>,
}

impl Deliveries {
    /// Keeps the delivery of the batch that ends at this position.
    pub fn keep(&self, last: Seq, delivery: Arc<Delivery>) {
        let mut by_seq = self.by_seq.lock();
        by_seq.insert(last, delivery);
        while by_seq.len() > KEPT {
            by_seq.pop_first();
        }
    }

    /// The delivery of the batch that ends at this position, or of what it was read together with.
    pub fn find(&self, last: Seq) -> Option<Arc<Delivery>> {
        self.by_seq
            .lock()
            .range(last..)
            .next()
            .map(|(_, delivery)| Arc::clone(delivery))
    }
}
