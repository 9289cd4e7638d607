//! What carries events from the writers to the readers. It may lose, repeat and reorder: the log
//! decides, the bus only makes it fast. It may not know who listens, or what events mean.

mod memory;

use std::sync::Arc;

use futures::future::BoxFuture;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use crate::domain::batch::Batch;

pub use memory::MemoryBus;

/// Carries what was committed.
pub trait Bus: Send + Sync {
    /// Tells every listener. Nothing is promised: a listener that misses it reads the log.
    fn publish(&self, batch: Arc<Batch>) -> BoxFuture<'_, ()>;

    /// Listens from now on.
    fn subscribe(&self) -> BatchReceiver;
}

/// What a listener heard.
#[derive(Clone, Debug)]
pub enum Heard {
    /// A commit.
    Batch(Arc<Batch>),
    /// Something was missed: read the log.
    Gap,
}

/// The listening end.
#[derive(Debug)]
pub struct BatchReceiver(broadcast::Receiver<Arc<Batch>>);

impl BatchReceiver {
    /// A listener on a channel; for those who implement [`Bus`].
    pub fn new(channel: broadcast::Receiver<Arc<Batch>>) -> Self {
        Self(channel)
    }

    /// The next thing heard. A bus that has gone is silent: its listener waits for ever, and lives by
    /// reading the log. May be dropped half-way without loss.
    pub async fn next(&mut self) -> Heard {
        match self.0.recv().await {
            Ok(batch) => Heard::Batch(batch),
            Err(RecvError::Lagged(_)) => Heard::Gap,
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }
}
