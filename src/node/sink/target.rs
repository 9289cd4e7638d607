//! What a driver knows of the place that a sink writes to: it takes batches, in order, and says what
//! went wrong. It may not know the log.

use std::time::Duration;

use futures::future::{BoxFuture, ready};

use crate::domain::audit::EventRecord;
use crate::domain::event::{Event, LogEntry};
use crate::domain::id::Seq;
use crate::domain::kind::matches;

/// Why a write did not succeed. Nothing of it is lost: it is written again.
#[derive(Debug)]
pub(super) enum Failure {
    /// It may succeed later.
    Again {
        /// What went wrong.
        what: String,
        /// Before that it need not be tried, says the target.
        after: Option<Duration>,
    },
    /// The target has lost what was written after this position; what is more urgent than the order of
    /// events has been put right.
    Behind(Seq),
    /// The target wants nothing any more.
    Gone(String),
}

impl Failure {
    /// One that says what went wrong.
    pub(super) fn again(what: impl Into<String>) -> Self {
        Self::Again {
            what: what.into(),
            after: None,
        }
    }
}

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::again(error.to_string())
    }
}

/// One event on its way to a target.
#[derive(Debug)]
pub(super) struct Item {
    /// As it is in the log.
    pub(super) entry: LogEntry,
    /// As it leaves the server.
    pub(super) record: EventRecord,
    /// Whether the sink's filter lets it through; else the target asked for it.
    pub(super) passes: bool,
}

/// What is written at once.
#[derive(Debug)]
pub(super) struct Batch {
    /// Everything up to this position was written before.
    pub(super) after: Seq,
    /// Everything up to this one is written with it; what is not in it is of no interest here.
    pub(super) upto: Seq,
    /// In order.
    pub(super) items: Vec<Item>,
}

/// Where a sink writes to. Every wait inside has a bound.
pub(super) trait Target: Send + Sync {
    /// The most events of one batch.
    fn batch_max(&self) -> usize;

    /// Whether it wants this event, whatever the sink's filter says.
    fn needs(&self, _: &Event) -> bool {
        false
    }

    /// Writes a batch that may have been written before, in whole or in part.
    fn write<'a>(&'a mut self, batch: &'a Batch) -> BoxFuture<'a, Result<(), Failure>>;

    /// Looks whether the target still has what was written; asked once a second while there is nothing
    /// to write.
    fn look(&mut self, _upto: Seq) -> BoxFuture<'_, Result<(), Failure>> {
        Box::pin(ready(Ok(())))
    }
}

/// Which events a sink is for: types, or families of them; all of them where nothing is named.
#[derive(Clone, Debug)]
pub(super) struct Filter(pub(super) Vec<String>);

impl Filter {
    /// Whether events of this type go through.
    pub(super) fn passes(&self, kind: &str) -> bool {
        self.0.is_empty() || self.0.iter().any(|pattern| matches(pattern, kind))
    }
}
