//! Reads the standings of connected users anew when an event may concern them.
//!
//! What piles up merges: a set of users, read some hundred at a time. Sign-outs do not come this way,
//! so that they overtake. It may not know what clients are told.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::hub::{Hub, Known};
use super::source::Source;
use crate::domain::error::Error;
use crate::domain::id::UserId;

/// How many users are read at once.
const BATCH: usize = 500;
/// How long to wait before reading again after a failure.
const RETRY_AFTER: Duration = Duration::from_millis(200);

/// The users whose standing is to be read anew.
#[derive(Default)]
pub struct Dirty {
    users: Mutex<HashSet<UserId>>,
    some: Notify,
}

impl Dirty {
    /// These users' standings are to be read anew.
    pub fn add(&self, users: Vec<UserId>) {
        if !users.is_empty() {
            self.users.lock().extend(users);
            self.some.notify_one();
        }
    }

    fn take(&self) -> Vec<UserId> {
        let mut users = self.users.lock();
        let batch: Vec<UserId> = users.iter().take(BATCH).copied().collect();
        for user in &batch {
            users.remove(user);
        }
        batch
    }
}

/// Reads standings for as long as the node lives.
pub async fn keep_reading(dirty: Arc<Dirty>, hub: Arc<Hub>, source: Arc<dyn Source>) {
    loop {
        let batch = dirty.take();
        if batch.is_empty() {
            dirty.some.notified().await;
        } else if let Err(error) = read(&batch, &hub, source.as_ref()).await {
            tracing::warn!(error = %error, "standings can't be read; trying again");
            dirty.add(batch);
            tokio::time::sleep(RETRY_AFTER).await;
        }
    }
}

async fn read(users: &[UserId], hub: &Hub, source: &dyn Source) -> Result<(), Error> {
    let versions: Vec<(UserId, u64)> = users
        .iter()
        .filter_map(|user| Some((*user, hub.version(*user)?)))
        .collect();
    let connected: Vec<UserId> = versions.iter().map(|(user, _)| *user).collect();
    for standing in source.standings(&connected).await? {
        let version = versions.iter().find(|(user, _)| *user == standing.user_id);
        if let Some((_, version)) = version {
            hub.set_standing(standing, *version);
        }
    }
    Ok(())
}

/// The standing of a user who has just registered: read again for as long as an event that may
/// concern it was applied meanwhile. None if the user is gone.
pub async fn read_for_newcomer(
    user: UserId,
    hub: &Hub,
    source: &dyn Source,
) -> Result<Option<Known>, Error> {
    loop {
        if let Some(known) = hub.current(user) {
            return Ok(Some(known));
        }
        let Some(version) = hub.version(user) else {
            return Ok(None);
        };
        let Some(standing) = source.standings(&[user]).await?.pop() else {
            return Ok(None);
        };
        hub.set_standing(standing, version);
    }
}
