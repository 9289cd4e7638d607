//! The bus within one process: a bounded channel. It may not know that there are other kinds.

use std::sync::Arc;

use futures::future::{BoxFuture, ready};
use tokio::sync::broadcast;

use super::{BatchReceiver, Bus};
use crate::domain::batch::Batch;

/// Batches that a listener may be behind before it has to read the log.
const CAPACITY: usize = 1024;

/// One process's bus.
#[derive(Debug)]
pub struct MemoryBus(broadcast::Sender<Arc<Batch>>);

impl MemoryBus {
    /// A bus without listeners.
    pub fn new() -> Self {
        Self::with_capacity(CAPACITY)
    }

    /// A bus whose listeners may be this many batches behind.
    pub fn with_capacity(capacity: usize) -> Self {
        Self(broadcast::Sender::new(capacity.max(1)))
    }
}

impl Default for MemoryBus {
    fn default() -> Self {
        Self::new()
    }
}

impl Bus for MemoryBus {
    fn publish(&self, batch: Arc<Batch>) -> BoxFuture<'_, ()> {
        // An error means that nobody listens, which is nobody's loss.
        let _ = self.0.send(batch);
        Box::pin(ready(()))
    }

    fn subscribe(&self) -> BatchReceiver {
        BatchReceiver::new(self.0.subscribe())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bus::Heard;

    fn empty() -> Arc<Batch> {
        Arc::new(Batch {
            entries: Vec::new(),
        })
    }

    #[tokio::test]
    async fn a_listener_that_is_too_far_behind_hears_of_a_gap_and_goes_on() {
        let bus = MemoryBus::with_capacity(2);
        let mut listener = bus.subscribe();
        for _ in 0..3 {
            bus.publish(empty()).await;
        }
        assert!(matches!(listener.next().await, Heard::Gap));
        assert!(matches!(listener.next().await, Heard::Batch(_)));
        assert!(matches!(listener.next().await, Heard::Batch(_)));
    }

    #[tokio::test]
    async fn nobody_has_to_listen() {
        MemoryBus::new().publish(empty()).await;
    }
}
