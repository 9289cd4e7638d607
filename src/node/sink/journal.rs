//! What a driver reads, and the one thing that it keeps: how far it has come. A trait, so that drivers
//! can be tested on a log in memory.

use std::time::Duration;

use crate::domain::audit::AuditEntry;
use crate::domain::clock::Timestamp;
use crate::domain::error::Error;
use crate::domain::id::Seq;
use crate::node::Read;
use crate::node::source::within;
use crate::storage::{EventFilter, SinkRow, Store};

/// The log with everything that is shown of it, and the sinks' places in it.
pub trait Journal: Send + Sync {
    /// The entries after a position, ascending.
    fn entries_after(&self, after: Seq, limit: u32) -> Read<'_, Vec<AuditEntry>>;
    /// Where a sink goes on; after this position, where it has never begun.
    fn begin<'a>(&'a self, sink: &'a str, after: Seq) -> Read<'a, SinkRow>;
    /// Where a sink is.
    fn find<'a>(&'a self, sink: &'a str) -> Read<'a, SinkRow>;
    /// Keeps how far a sink has come, and since when it has been failing.
    fn save<'a>(&'a self, sink: &'a str, at: Seq, failing_since: Option<Timestamp>)
    -> Read<'a, ()>;
}

/// How long a word to the journal, or a page of it, may take.
const WORD: Duration = Duration::from_secs(30);

impl Journal for Store {
    fn entries_after(&self, after: Seq, limit: u32) -> Read<'_, Vec<AuditEntry>> {
        within(WORD, async move {
            let filter = EventFilter {
                after,
                ..EventFilter::default()
            };
            Ok(self.read().await?.list_audit(&filter, limit).await?)
        })
    }

    fn begin<'a>(&'a self, sink: &'a str, after: Seq) -> Read<'a, SinkRow> {
        within(WORD, async move {
            self.begin_sink(sink, after).await?;
            self.find(sink).await
        })
    }

    fn find<'a>(&'a self, sink: &'a str) -> Read<'a, SinkRow> {
        within(WORD, async move {
            let row = self.read().await?.find_sink(sink).await?;
            row.ok_or(Error::NotFound("sink"))
        })
    }

    fn save<'a>(
        &'a self,
        sink: &'a str,
        at: Seq,
        failing_since: Option<Timestamp>,
    ) -> Read<'a, ()> {
        within(WORD, async move {
            Ok(self.save_sink(sink, at, failing_since).await?)
        })
    }
}
