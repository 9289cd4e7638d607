//! The feed: what services need of the log to decide about tokens by themselves, and how far those that
//! follow it have come. It may not know how it travels.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use sessionwire_guard::Note;
use tokio::sync::Notify;
use uuid::Uuid;

use super::Node;
use super::recent::{Covered, Happened};
use crate::domain::error::Error;
use crate::domain::id::Seq;
use crate::domain::receipt::GuardsReached;

/// Events of one read of the log.
const PAGE: u32 = 1000;
/// How long a snapshot is handed out: what came after it follows as changes.
const SNAPSHOT_SHARED: Duration = Duration::from_secs(1);

/// The index as it was at a position.
#[derive(Debug)]
pub struct IndexSnapshot {
    /// The position.
    pub position: Seq,
    /// Everything that it held, in no order.
    pub notes: Vec<Note>,
}

impl Node {
    /// The index as it was a moment ago. Those who ask at about the same time share a copy.
    pub fn feed_snapshot(&self) -> Arc<IndexSnapshot> {
        let now = self.inner.clock.uptime();
        let mut shared = self.inner.readers.snapshot.lock();
        match shared.as_ref() {
            Some((taken, snapshot)) if now.saturating_sub(*taken) < SNAPSHOT_SHARED => {
                Arc::clone(snapshot)
            }
            Some(_) | None => {
                let (position, notes) = self.inner.gate.snapshot();
                let snapshot = Arc::new(IndexSnapshot { position, notes });
                *shared = Some((now, Arc::clone(&snapshot)));
                snapshot
            }
        }
    }

    /// What changed after a position, as far as this node has applied it.
    pub async fn changes_after(&self, after: Seq) -> Result<Covered, Error> {
        if let Some(covered) = self.inner.gate.changes_after(after) {
            return Ok(covered);
        }
        let head = self.head();
        let mut entries = self.inner.source.entries_after(after, PAGE).await?;
        entries.retain(|entry| entry.seq <= head);
        let now = self.inner.clock.now();
        let mut upto = after;
        for entry in &entries {
            if !entry.follows(upto) {
                return Err(Error::internal(format!("the log has a gap after {upto}")));
            }
            upto = entry.seq;
        }
        let happened = entries.iter().filter_map(|entry| Happened::of(entry, now));
        Ok(Covered {
            after,
            upto,
            changes: happened.collect(),
        })
    }

    /// Whether what came after a position is still known.
    pub async fn remembers_after(&self, after: Seq) -> Result<bool, Error> {
        if after >= self.head() || self.inner.gate.changes_after(after).is_some() {
            return Ok(true);
        }
        let next = self.inner.source.entries_after(after, 1).await?;
        Ok(next.first().is_some_and(|entry| entry.follows(after)))
    }

    /// Takes in a service that follows the feed.
    pub fn follow_feed(&self) -> FeedReader {
        let id = self.inner.entropy.uuid(self.inner.clock.now());
        self.inner.readers.positions.lock().insert(id, None);
        FeedReader {
            readers: Arc::clone(&self.inner.readers),
            id,
        }
    }

    /// Whether a service of this name follows here.
    pub fn follows_feed(&self, reader: Uuid) -> bool {
        self.inner.readers.positions.lock().contains_key(&reader)
    }

    /// A service says how far it has come. Returns whether it follows here.
    pub fn acknowledge(&self, reader: Uuid, seq: Seq) -> bool {
        let known = match self.inner.readers.positions.lock().get_mut(&reader) {
            Some(position) => {
                *position = (*position).max(Some(seq));
                true
            }
            None => false,
        };
        self.inner.readers.moved.notify_waiters();
        known
    }
}

/// How far the services have come. One that has never said so is not waited for.
#[derive(Default)]
pub(super) struct Readers {
    positions: Mutex<HashMap<Uuid, Option<Seq>>>,
    moved: Notify,
    /// The last snapshot that somebody asked for, and when, by uptime.
    snapshot: Mutex<Option<(Duration, Arc<IndexSnapshot>)>>,
}

impl Readers {
    /// How many follow, and how many have come to this position.
    pub(super) fn reached(&self, seq: Seq) -> GuardsReached {
        let positions = self.positions.lock();
        let said = positions.values().flatten();
        let (mut following, mut applied) = (0, 0);
        for position in said {
            following += 1;
            applied += u32::from(*position >= seq);
        }
        GuardsReached { following, applied }
    }

    /// The same, once all have come there, or after the wait.
    pub(super) async fn settle(&self, seq: Seq, wait: Duration) -> GuardsReached {
        let all = async {
            loop {
                let moved = self.moved.notified();
                tokio::pin!(moved);
                // Listening begins before the look, so no word can slip in between.
                moved.as_mut().enable();
                let reached = self.reached(seq);
                if reached.applied == reached.following {
                    return;
                }
                moved.await;
            }
        };
        // Running out of time is an answer too: who has come there within it.
        let _ = tokio::time::timeout(wait, all).await;
        self.reached(seq)
    }
}

/// A service that follows the feed; it no longer does when this is dropped.
pub struct FeedReader {
    readers: Arc<Readers>,
    id: Uuid,
}

impl FeedReader {
    /// The name that it acknowledges positions with.
    pub fn id(&self) -> Uuid {
        self.id
    }
}

impl Drop for FeedReader {
    fn drop(&mut self) {
        self.readers.positions.lock().remove(&self.id);
        self.readers.moved.notify_waiters();
    }
}
