//! The bus of a single node: nothing between who speaks and who hears.

use std::sync::Arc;

use super::exchange::{Exchange, Subscription};
use super::letter::{Letter, News};
use super::{Batch, Bus};
use crate::domain::progress::Progress;

/// Carries batches within one process.
pub struct MemoryBus(Exchange);

impl MemoryBus {
    /// A bus without subscribers.
    pub fn new() -> Self {
        Self(Exchange::new())
    }
}

impl Default for MemoryBus {
    fn default() -> Self {
        Self::new()
    }
}

impl Bus for MemoryBus {
    fn publish(&self, batch: Arc<Batch>) {
        self.0.hand_out(Letter::News(News::Batch(batch)));
    }

    fn report(&self, progress: Progress) {
        self.0.hand_out(Letter::Progress(progress));
    }

    fn subscribe(&self) -> Subscription<News> {
        self.0.subscribe()
    }

    fn progress(&self) -> Subscription<Arc<Progress>> {
        self.0.progress()
    }
}
