//! The bus carries committed events to every node, the writer's own included, and what nodes tell
//! each other of themselves.
//!
//! Floor 2. It may lose, repeat or reorder without harm: the log decides, and the follower reads it
//! where the bus left a gap. It may not know what the events mean.

mod exchange;
mod letter;
mod memory;
mod nats;
mod postgres;

pub use exchange::Subscription;
pub use letter::{News, Seal};
pub use memory::MemoryBus;
pub use nats::{NatsBus, NatsBusSettings};
pub use postgres::PostgresBus;

use std::sync::Arc;

use crate::domain::event::LogEntry;
use crate::domain::id::Seq;
use crate::domain::progress::Progress;

/// What can go wrong when a bus is opened. What goes wrong later costs time and nothing else.
#[derive(Debug, thiserror::Error)]
pub enum BusError {
    /// Its address or what it needs besides can't be used.
    #[error("the bus can't be used: {0}")]
    Unusable(String),
}

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
    /// Announces a batch: in this process at once, so that who committed it need not wait for its way there and back.
    /// Never waits and never fails: what is lost here is read from the log.
    fn publish(&self, batch: Arc<Batch>);

    /// Tells the other nodes how far this one is. Never waits and never fails.
    fn report(&self, progress: Progress);

    /// What happens to the log, from now on.
    fn subscribe(&self) -> Subscription<News>;

    /// What nodes tell of themselves, from now on.
    fn progress(&self) -> Subscription<Arc<Progress>>;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::secret::DatabaseUrl;

    /// Nothing listens there.
    const NOWHERE: &str = "127.0.0.1:1";

    #[tokio::test]
    async fn who_commits_knows_it_without_the_server() {
        let seal = || Seal::new(b"secret");
        let url = DatabaseUrl::new(format!("postgres://nobody@{NOWHERE}/none"));
        let nats = NatsBusSettings {
            addresses: format!("nats://{NOWHERE}"),
            ca_file: None,
            subject: "sessionwire.bus".to_owned(),
        };
        let buses: [Box<dyn Bus>; 3] = [
            Box::new(MemoryBus::new()),
            Box::new(PostgresBus::open(&url, seal()).unwrap()),
            Box::new(NatsBus::open(&nats, seal()).await.unwrap()),
        ];
        for bus in buses {
            let mut news = bus.subscribe();
            let batch = Arc::new(Batch {
                entries: Vec::new(),
            });
            bus.publish(Arc::clone(&batch));
            assert_eq!(news.next().await, Some(News::Batch(batch)));
        }
    }
}
