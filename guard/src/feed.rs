//! The feed as its reader takes it in: which message changes what, and when something is missing
//! (`docs/feed.md`). It may not know how messages travel, nor what time it is.

use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use crate::id::Seq;
use crate::revocation::{Change, Note, RevocationIndex};

/// A message of the feed.
#[derive(Clone, Debug, PartialEq)]
pub enum FeedMessage {
    /// The first one.
    Hello {
        /// The name that this reader acknowledges with.
        reader: Uuid,
        /// The server's last position.
        head: Seq,
        /// Between two messages, in milliseconds.
        heartbeat_ms: u64,
        /// When it was sent, by the server's clock: milliseconds since the Unix epoch.
        now_ms: Option<i64>,
    },
    /// A piece of the index.
    Snapshot {
        /// The position of the whole.
        seq: Seq,
        /// Its entries.
        changes: Vec<Heard>,
        /// Whether another piece follows.
        more: bool,
    },
    /// Every change after a position, up to another.
    Changes {
        /// After this position.
        after: Seq,
        /// Up to this one.
        seq: Seq,
        /// The server's last position.
        head: Seq,
        /// When it was sent, by the server's clock: milliseconds since the Unix epoch.
        now_ms: Option<i64>,
        /// What changed.
        changes: Vec<Heard>,
    },
    /// Forget everything.
    Reset,
    /// The end, and why.
    Problem {
        /// The stable code.
        code: String,
    },
    /// A message of a name that is not known here.
    Unknown,
}

/// A change as it travels.
#[derive(Clone, Debug, PartialEq)]
pub struct Heard {
    /// The change.
    pub note: Note,
    /// How long before it was sent it happened, in milliseconds; not in snapshots.
    pub age_ms: Option<u64>,
}

/// Why the feed can't be gone on with: read on from the position by a new request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FeedFault {
    /// Something lies between the position and this message.
    #[error("something is missing in the feed")]
    Gap,
    /// It can't be read.
    #[error("a message of the feed can't be read")]
    Unreadable,
    /// The index has more entries than its reader wants to hold.
    #[error("the index has more entries than are allowed")]
    TooLarge,
}

/// What a message was taken for.
#[derive(Clone, Debug, PartialEq)]
pub enum Taken {
    /// Nothing that changes the index.
    Nothing,
    /// The index is whole, from a snapshot.
    Begun,
    /// The position moved; these changes were applied.
    Moved(Vec<Heard>),
    /// Everything was forgotten.
    Forgot,
}

/// The index, and how far its reader has come.
#[derive(Debug, Default)]
pub struct FeedState {
    index: Option<RevocationIndex>,
    /// The pieces of a snapshot that is not whole yet.
    pieces: Vec<Note>,
}

/// The members of all messages; which are there depends on its name.
#[derive(Deserialize)]
struct Wire {
    event: String,
    data: Value,
}

#[derive(Deserialize)]
struct WireHello {
    reader: Uuid,
    head: Seq,
    heartbeat_ms: u64,
    now_ms: Option<i64>,
}

#[derive(Deserialize)]
struct WireSnapshot {
    seq: Seq,
    changes: Vec<WireChange>,
    more: bool,
}

#[derive(Deserialize)]
struct WireStretch {
    after: Seq,
    seq: Seq,
    head: Seq,
    now_ms: Option<i64>,
    changes: Vec<WireChange>,
}

#[derive(Deserialize)]
struct WireProblem {
    code: String,
}

#[derive(Deserialize)]
struct WireChange {
    seq: Seq,
    keep_until: i64,
    age_ms: Option<u64>,
    #[serde(flatten)]
    change: Change,
}

impl From<WireChange> for Heard {
    fn from(wire: WireChange) -> Self {
        Self {
            note: Note {
                seq: wire.seq,
                keep_until: wire.keep_until.saturating_mul(1000),
                change: wire.change,
            },
            age_ms: wire.age_ms,
        }
    }
}

impl FeedMessage {
    /// Reads `{"event": …, "data": …}`.
    ///
    /// # Errors
    /// [`FeedFault::Unreadable`].
    pub fn read(text: &str) -> Result<Self, FeedFault> {
        let Wire { event, data } = serde_json::from_str(text).map_err(|_| FeedFault::Unreadable)?;
        Self::named(&event, data)
    }

    /// Reads the body of a message of this name.
    ///
    /// # Errors
    /// [`FeedFault::Unreadable`].
    pub fn named(event: &str, data: Value) -> Result<Self, FeedFault> {
        fn body<T: for<'de> Deserialize<'de>>(data: Value) -> Result<T, FeedFault> {
            serde_json::from_value(data).map_err(|_| FeedFault::Unreadable)
        }
        let heard = |changes: Vec<WireChange>| changes.into_iter().map(Heard::from).collect();
        Ok(match event {
            "hello" => {
                let WireHello {
                    reader,
                    head,
                    heartbeat_ms,
                    now_ms,
                } = body(data)?;
                Self::Hello {
                    reader,
                    head,
                    heartbeat_ms,
                    now_ms,
                }
            }
            "snapshot" => {
                let WireSnapshot { seq, changes, more } = body(data)?;
                let changes = heard(changes);
                Self::Snapshot { seq, changes, more }
            }
            "changes" => {
                let stretch: WireStretch = body(data)?;
                Self::Changes {
                    after: stretch.after,
                    seq: stretch.seq,
                    head: stretch.head,
                    now_ms: stretch.now_ms,
                    changes: heard(stretch.changes),
                }
            }
            "reset" => Self::Reset,
            "problem" => {
                let WireProblem { code } = body(data)?;
                Self::Problem { code }
            }
            _ => Self::Unknown,
        })
    }
}

impl FeedState {
    /// The index, once it is whole.
    pub fn index(&self) -> Option<&RevocationIndex> {
        self.index.as_ref()
    }

    /// Up to where the index is complete.
    pub fn position(&self) -> Option<Seq> {
        self.index.as_ref().map(RevocationIndex::position)
    }

    /// A new request goes out: what of a snapshot has come in pieces is worth nothing.
    pub fn begin_anew(&mut self) {
        self.pieces = Vec::new();
    }

    /// Forgets entries that no living token can be concerned by. `now`: milliseconds since the Unix
    /// epoch.
    pub fn sweep(&mut self, now: i64) {
        if let Some(index) = &mut self.index {
            index.sweep(now);
        }
    }

    /// Takes in the next message. `entries_max`: as many entries as the index may have.
    ///
    /// # Errors
    /// The position is as it was; read on from it by a new request.
    pub fn take(&mut self, message: FeedMessage, entries_max: usize) -> Result<Taken, FeedFault> {
        match message {
            FeedMessage::Hello { .. } | FeedMessage::Problem { .. } | FeedMessage::Unknown => {
                Ok(Taken::Nothing)
            }
            FeedMessage::Reset => {
                *self = Self::default();
                Ok(Taken::Forgot)
            }
            FeedMessage::Snapshot { seq, changes, more } => {
                if self.pieces.len() + changes.len() > entries_max {
                    return Err(FeedFault::TooLarge);
                }
                self.pieces.extend(changes.into_iter().map(|it| it.note));
                if more {
                    return Ok(Taken::Nothing);
                }
                let notes = std::mem::take(&mut self.pieces);
                self.index = Some(RevocationIndex::restored(seq, notes));
                Ok(Taken::Begun)
            }
            FeedMessage::Changes {
                after,
                seq,
                changes,
                ..
            } => self.go_on(after, seq, changes, entries_max),
        }
    }

    fn go_on(
        &mut self,
        after: Seq,
        seq: Seq,
        changes: Vec<Heard>,
        entries_max: usize,
    ) -> Result<Taken, FeedFault> {
        let index = self.index.as_mut().ok_or(FeedFault::Gap)?;
        if after != index.position() || seq < after {
            return Err(FeedFault::Gap);
        }
        if index.len() + changes.len() > entries_max {
            return Err(FeedFault::TooLarge);
        }
        let is_within = |heard: &Heard| heard.note.seq > after && heard.note.seq <= seq;
        if !changes.iter().all(is_within) {
            return Err(FeedFault::Unreadable);
        }
        for Heard { note, .. } in &changes {
            index.apply(note.seq, [note.change.clone()], note.keep_until);
        }
        index.apply(seq, [], 0);
        Ok(Taken::Moved(changes))
    }
}
