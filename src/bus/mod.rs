//! The bus carries committed events to every node, the writer's own included.
//!
//! Floor 2. It may lose, repeat or reorder without harm: the log decides, and the follower reads it
//! where the bus left a gap. It may not know what the events mean.

mod memory;

pub use memory::MemoryBus;

use std::sync::Arc;

use tokio::sync::broadcast;

use crate::domain::event::LogEntry;
use crate::domain::id::Seq;

/// What one commit appended, in order.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// The entries; their positions follow one another.
    pub entries: Vec<LogEntry>,
}

impl Batch {
    /// The position of the last entry.
    pub fn last_seq(&self) -> Seq {
        self.entries.last().map_or(Seq(0), |entry| entry.seq)
    }
}

/// Carries batches between nodes.
pub trait Bus: Send + Sync {
    /// Announces a batch. Never waits and never fails: what is lost here is read from the log.
    fn publish(&self, batch: Arc<Batch>);

    /// Batches from now on.
    fn subscribe(&self) -> Subscription;
}

/// Batches as they come. A reader that lags loses the oldest, which shows up as a gap.
pub struct Subscription {
    batches: broadcast::Receiver<Arc<Batch>>,
}

impl Subscription {
    /// The next batch; none once the bus is gone.
    pub async fn next(&mut self) -> Option<Arc<Batch>> {
        loop {
            match self.batches.recv().await {
                Ok(batch) => return Some(batch),
                Err(broadcast::error::RecvError::Lagged(_)) => {}
                Err(broadcast::error::RecvError::Closed) => return None,
            }
        }
    }
}
