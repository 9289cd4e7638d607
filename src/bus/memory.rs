//! The bus of a single node: a bounded broadcast inside the process.

use std::sync::Arc;

use tokio::sync::broadcast;

use super::{Batch, Bus, Subscription};

/// How many batches a slow follower may be behind before it reads the log instead.
const CAPACITY: usize = 1_024;

/// Carries batches within one process.
pub struct MemoryBus {
    batches: broadcast::Sender<Arc<Batch>>,
}

impl MemoryBus {
    /// A bus without subscribers.
    pub fn new() -> Self {
        Self {
            batches: broadcast::Sender::new(CAPACITY),
        }
    }
}

impl Default for MemoryBus {
    fn default() -> Self {
        Self::new()
    }
}

impl Bus for MemoryBus {
    fn publish(&self, batch: Arc<Batch>) {
        // Without a subscriber there is nobody to tell; a later one reads the log.
        drop(self.batches.send(batch));
    }

    fn subscribe(&self) -> Subscription {
        Subscription {
            batches: self.batches.subscribe(),
        }
    }
}
