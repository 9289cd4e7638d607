//! An entry of the log, and what makes entries a log: each follows on the one before. It may not know who reads
//! them.

use serde::{Deserialize, Serialize};

use super::access::InitiatingEntity;
use super::clock::Timestamp;
use super::event::Event;
use super::id::Seq;

/// An event at its place in the log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LogEntry {
    /// Its position.
    pub seq: Seq,
    /// When; for people only.
    pub at: Timestamp,
    /// On whose behalf.
    pub initiating_entity: InitiatingEntity,
    /// What happened.
    pub event: Event,
}

impl LogEntry {
    /// Whether nothing lies between a position and this entry.
    pub fn follows(&self, before: Seq) -> bool {
        match self.event {
            Event::LogRestored { previous } => previous == before,
            _ => self.seq == before.next(),
        }
    }
}

/// Whether these are all entries of the log from a position on, as far as they go.
pub fn is_unbroken<'a>(after: Seq, entries: impl IntoIterator<Item = &'a LogEntry>) -> bool {
    let mut before = after;
    entries.into_iter().all(|entry| {
        let follows = entry.follows(before);
        before = entry.seq;
        follows
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(seq: u64, event: Event) -> LogEntry {
        LogEntry {
            seq: Seq(seq),
            at: Timestamp::default(),
            initiating_entity: InitiatingEntity::System,
            event,
        }
    }

    #[test]
    fn only_a_restoration_leaves_positions_out() {
        let some = |seq| entry(seq, Event::RevokedAll {});
        let restored = |seq, previous| {
            entry(
                seq,
                Event::LogRestored {
                    previous: Seq(previous),
                },
            )
        };
        assert!(is_unbroken(Seq(3), &[some(4), some(5)]));
        assert!(is_unbroken(Seq(3), &[some(4), restored(90, 4), some(91)]));
        assert!(is_unbroken(Seq(3), &[]));
        assert!(!is_unbroken(Seq(3), &[some(5)]));
        assert!(!is_unbroken(Seq(3), &[some(4), some(6)]));
        assert!(!is_unbroken(Seq(3), &[some(4), some(4)]));
        assert!(!is_unbroken(Seq(3), &[some(4), restored(90, 3)]));
    }
}
