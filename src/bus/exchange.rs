//! What came over a bus, handed to everybody in this process who wants it. It may not know what
//! carried it.

use std::sync::Arc;

use tokio::sync::broadcast;

use super::letter::{Letter, News};
use crate::domain::progress::Progress;

/// How many pieces of news a slow reader may be behind before it loses the oldest.
const CAPACITY: usize = 1_024;

/// The last part of every bus.
#[derive(Clone)]
pub(super) struct Exchange {
    news: broadcast::Sender<News>,
    progress: broadcast::Sender<Arc<Progress>>,
}

impl Exchange {
    /// Without subscribers.
    pub(super) fn new() -> Self {
        Self {
            news: broadcast::Sender::new(CAPACITY),
            progress: broadcast::Sender::new(CAPACITY),
        }
    }

    /// Hands out what came. Without a subscriber there is nobody to tell; a later one reads the log.
    pub(super) fn hand_out(&self, letter: Letter) {
        match letter {
            Letter::News(news) => drop(self.news.send(news)),
            Letter::Progress(progress) => drop(self.progress.send(Arc::new(progress))),
        }
    }

    pub(super) fn subscribe(&self) -> Subscription<News> {
        Subscription(self.news.subscribe())
    }

    pub(super) fn progress(&self) -> Subscription<Arc<Progress>> {
        Subscription(self.progress.subscribe())
    }
}

/// What comes over the bus. A reader that lags loses the oldest, which shows up as a gap.
pub struct Subscription<T>(broadcast::Receiver<T>);

impl<T: Clone> Subscription<T> {
    /// The next piece; none once the bus is gone.
    pub async fn next(&mut self) -> Option<T> {
        loop {
            match self.0.recv().await {
                Ok(piece) => return Some(piece),
                Err(broadcast::error::RecvError::Lagged(_)) => {}
                Err(broadcast::error::RecvError::Closed) => return None,
            }
        }
    }
}
