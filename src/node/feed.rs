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
use super::gate::keep_until;
use crate::domain::error::Error;
use crate::domain::id::Seq;
use crate::domain::receipt::GuardsReached;

/// Events that one piece covers at most.
const PAGE: u32 = 1000;

/// A piece of the feed: every change of the index after one position, up to another.
#[derive(Clone, Debug)]
pub struct Covered {
    /// After this position.
    pub after: Seq,
    /// Up to this one.
    pub upto: Seq,
    /// What changed; most events change nothing for tokens.
    pub notes: Vec<Note>,
}

impl Node {
    /// The index as it is now, and its position.
    pub fn feed_snapshot(&self) -> (Seq, Vec<Note>) {
        self.inner.gate.snapshot()
    }

    /// What changed after a position, as far as this node has applied it.
    pub async fn changes_after(&self, after: Seq) -> Result<Covered, Error> {
        let head = self.head();
        if head <= after {
            return Ok(Covered {
                after,
                upto: after,
                notes: Vec::new(),
            });
        }
        let mut entries = self.inner.source.entries_after(after, PAGE).await?;
        entries.retain(|entry| entry.seq <= head);
        let mut upto = after;
        let now = self.inner.clock.now();
        let mut notes = Vec::new();
        for entry in &entries {
            if entry.seq != upto.next() {
                return Err(Error::internal(format!("the log has a gap after {upto}")));
            }
            upto = entry.seq;
            notes.extend(entry.event.changes().map(|change| Note {
                seq: entry.seq,
                keep_until: keep_until(entry, now),
                change,
            }));
        }
        Ok(Covered { after, upto, notes })
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
