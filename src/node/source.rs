//! What a node reads from: the log and the present state. A trait, so that the follower and the hub
//! can be tested on a log in memory.

use std::collections::BTreeSet;
use std::future::Future;
use std::time::Duration;

use futures::future::BoxFuture;
use sessionwire_guard::{KeySet, VerificationKey};
use tokio::time::timeout;

use crate::domain::clock::Timestamp;
use crate::domain::error::Error;
use crate::domain::event::LogEntry;
use crate::domain::id::{Seq, SessionId, UserId};
use crate::domain::session::Session;
use crate::domain::standing::{Given, Standing};
use crate::storage::Store;

/// What a read answers.
pub type Read<'a, T> = BoxFuture<'a, Result<T, Error>>;

/// The log and the present state.
pub trait Source: Send + Sync {
    /// The last position of the log; 0 while it is empty.
    fn head(&self) -> Read<'_, Seq>;
    /// The position before the first entry that is not older than this.
    fn position_before(&self, at: Timestamp) -> Read<'_, Seq>;
    /// The entries after a position, ascending.
    fn entries_after(&self, after: Seq, limit: u32) -> Read<'_, Vec<LogEntry>>;
    /// The standings of these users, read after the head that they name. Users that are gone are
    /// left out.
    fn standings<'a>(&'a self, users: &'a [UserId]) -> Read<'a, Vec<Standing>>;
    /// What the groups of these names give.
    fn given<'a>(&'a self, groups: &'a BTreeSet<String>) -> Read<'a, Given>;
    /// A session, live or ended.
    fn find_session(&self, id: SessionId) -> Read<'_, Option<Session>>;
    /// The signing keys that are trusted no more.
    fn retired_keys(&self) -> Read<'_, Vec<String>>;
    /// Puts the listed signing keys into a set.
    fn fill_keys(&self, now: Timestamp, set: KeySet) -> Read<'_, KeySet>;
}

/// How long a read of the follower may take. A connection that the network swallowed says nothing; the node
/// has to come back by another one.
const READ: Duration = Duration::from_secs(5);
/// How long reading the head of the log may take: where it takes longer, the node learns by that why it is not
/// ready.
const READ_HEAD: Duration = Duration::from_secs(2);
/// How long reading the rights of many users may take.
const READ_MANY: Duration = Duration::from_secs(30);

/// The answer of the database, or that it gave none in this time.
pub(super) fn within<'a, T: Send>(
    time: Duration,
    read: impl Future<Output = Result<T, Error>> + Send + 'a,
) -> Read<'a, T> {
    let late = || Error::unavailable("the database does not answer in time");
    Box::pin(async move { timeout(time, read).await.unwrap_or_else(|_| Err(late())) })
}

impl Source for Store {
    fn head(&self) -> Read<'_, Seq> {
        within(READ_HEAD, async move {
            Ok(self.look().await?.find_head().await?)
        })
    }

    fn position_before(&self, at: Timestamp) -> Read<'_, Seq> {
        within(READ, async move {
            Ok(self.look().await?.find_position_before(at).await?)
        })
    }

    fn entries_after(&self, after: Seq, limit: u32) -> Read<'_, Vec<LogEntry>> {
        within(READ, async move {
            Ok(self.look().await?.list_entries(after, limit).await?)
        })
    }

    fn standings<'a>(&'a self, users: &'a [UserId]) -> Read<'a, Vec<Standing>> {
        within(READ_MANY, async move {
            Ok(self.look().await?.list_standings(users).await?)
        })
    }

    fn given<'a>(&'a self, groups: &'a BTreeSet<String>) -> Read<'a, Given> {
        within(READ_MANY, async move {
            Ok(self.read().await?.find_given(groups).await?)
        })
    }

    fn find_session(&self, id: SessionId) -> Read<'_, Option<Session>> {
        within(READ, async move {
            Ok(self.look().await?.find_session(id).await?)
        })
    }

    fn retired_keys(&self) -> Read<'_, Vec<String>> {
        Box::pin(async move { Ok(self.look().await?.list_retired_keys().await?) })
    }

    fn fill_keys(&self, now: Timestamp, mut set: KeySet) -> Read<'_, KeySet> {
        within(READ, async move {
            for row in self.look().await?.list_signing_keys(now).await? {
                let key = VerificationKey::from_jwk(row.algorithm, &row.public_jwk)
                    .map_err(Error::internal)?;
                set.insert(row.kid, key).map_err(Error::internal)?;
            }
            Ok(set)
        })
    }
}
