//! What a node reads from: the log, and the state that it tells people about. It may not know what
//! database that is; tests run on a log in memory.

use futures::future::BoxFuture;
use sessionwire_guard::KeySet;

use crate::domain::error::Error;
use crate::domain::event::LogEntry;
use crate::domain::id::{Seq, SessionId, UserId};
use crate::domain::session::Session;
use crate::domain::standing::Standing;

/// A read that is under way.
pub type Reading<'a, T> = BoxFuture<'a, Result<T, Error>>;

/// Where a node reads. Nothing here writes.
pub trait Source: Send + Sync + 'static {
    /// The last position of the log; 0 while it is empty.
    fn head(&self) -> Reading<'_, Seq>;

    /// The events after a position, in order and without a gap, at most `limit`.
    fn events_after(&self, after: Seq, limit: u32) -> Reading<'_, Vec<LogEntry>>;

    /// The standings of these users; users that are gone are left out. `as_of` is the head, read
    /// before the rights are.
    fn standings<'a>(&'a self, users: &'a [UserId]) -> Reading<'a, Vec<Standing>>;

    /// A session, live or ended.
    fn find_session(&self, id: SessionId) -> Reading<'_, Option<Session>>;

    /// The event at a position.
    fn entry_at(&self, seq: Seq) -> Reading<'_, Option<LogEntry>>;

    /// The keys that genuine tokens are signed with.
    fn verification_keys(&self) -> Reading<'_, KeySet>;
}
