//! What a guard decides by, and how old that is. It may not know how it is told.

use std::time::Duration;

use parking_lot::{RwLock, RwLockReadGuard};
use tokio::sync::watch;

use crate::feed::{FeedFault, FeedMessage, FeedState, Taken};
use crate::id::Seq;
use crate::revocation::RevocationIndex;

/// The feed's state and its age.
pub(super) struct Following {
    max_lag: Duration,
    known: RwLock<Known>,
    is_whole: watch::Sender<bool>,
}

/// What is known at a moment; nothing is applied while it is held.
#[derive(Default)]
pub(super) struct Known {
    state: FeedState,
    /// The server's head when this connection began.
    head_at_start: Seq,
    /// When, by uptime, everything that the server had was known.
    in_sync_at: Option<Duration>,
}

impl Known {
    pub(super) fn index(&self) -> Option<&RevocationIndex> {
        self.state.index()
    }

    pub(super) fn position(&self) -> Option<Seq> {
        self.state.position()
    }

    /// How old the knowledge is; `None` where there never was any.
    pub(super) fn lag(&self, uptime: Duration) -> Option<Duration> {
        self.in_sync_at.map(|at| uptime.saturating_sub(at))
    }

    pub(super) fn in_sync_at(&self) -> Option<Duration> {
        self.in_sync_at
    }
}

impl Following {
    pub(super) fn new(max_lag: Duration) -> Self {
        Self {
            max_lag,
            known: RwLock::default(),
            is_whole: watch::Sender::new(false),
        }
    }

    pub(super) fn read(&self) -> RwLockReadGuard<'_, Known> {
        self.known.read()
    }

    /// Whether what is known is young enough to decide by.
    pub(super) fn is_fresh(&self, known: &Known, uptime: Duration) -> bool {
        known.lag(uptime).is_some_and(|lag| lag <= self.max_lag)
    }

    /// A new request goes out; answers the position to go on from.
    pub(super) fn begin_anew(&self) -> Option<Seq> {
        let mut known = self.known.write();
        known.state.begin_anew();
        known.position()
    }

    /// Takes in a message that came at this time.
    pub(super) fn take(
        &self,
        message: FeedMessage,
        entries_max: usize,
        uptime: Duration,
    ) -> Result<Taken, FeedFault> {
        let mut known = self.known.write();
        let head = match message {
            FeedMessage::Hello { head, .. } => {
                known.head_at_start = head;
                head
            }
            FeedMessage::Changes { head, .. } => head,
            FeedMessage::Snapshot { .. }
            | FeedMessage::Reset
            | FeedMessage::Problem { .. }
            | FeedMessage::Unknown => known.head_at_start,
        };
        let taken = known.state.take(message, entries_max)?;
        match taken {
            Taken::Begun | Taken::Moved(_) => {
                if known.position() >= Some(head) {
                    known.in_sync_at = Some(uptime);
                }
                drop(known);
                self.is_whole.send_replace(true);
            }
            Taken::Forgot => {
                known.in_sync_at = None;
                drop(known);
                self.is_whole.send_replace(false);
            }
            Taken::Nothing => {}
        }
        Ok(taken)
    }

    pub(super) fn sweep(&self, now_ms: i64) {
        self.known.write().state.sweep(now_ms);
    }

    pub(super) async fn until_whole(&self) {
        // The sender is this value's own, so there always is one.
        let _ = self.is_whole.subscribe().wait_for(|whole| *whole).await;
    }
}
