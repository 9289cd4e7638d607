//! What one commit appended to the log, as it travels between the writer and the readers. It may not
//! know what carries it.

use super::event::LogEntry;
use super::id::Seq;

/// The events of one commit, in order and without a gap between them.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// The events; at least one.
    pub entries: Vec<LogEntry>,
}

impl Batch {
    /// The position of the first event; 0 where there is none.
    pub fn first_seq(&self) -> Seq {
        self.entries.first().map_or(Seq(0), |entry| entry.seq)
    }

    /// The position of the last event; 0 where there is none.
    pub fn last_seq(&self) -> Seq {
        self.entries.last().map_or(Seq(0), |entry| entry.seq)
    }
}
