//! Reads the present rights of connected users whose rights moved: many at a time, each user once,
//! however often they moved. Where a user's groups are known, it reads what they give, once for all who are in them.
//! It may not know what the rights mean to a connection.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{Notify, watch};

use super::hub::Hub;
use super::source::Source;
use crate::domain::error::Error;
use crate::domain::id::{Seq, UserId};
use crate::domain::standing::Rights;

/// The most users of one read.
pub(super) const USERS_PER_READ: usize = 500;
/// How long to wait after a failed read, at first and at most.
const BACK_OFF: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));

/// How soon a read is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Urgency {
    /// Somebody waits for it, or few are concerned.
    Now,
    /// One of a crowd.
    Later,
}

#[derive(Default)]
struct Lanes {
    now: HashSet<UserId>,
    later: HashSet<UserId>,
}

/// The users whose rights have to be read; each once, so it is bounded by who is connected.
#[derive(Default)]
pub(super) struct Unread {
    lanes: Mutex<Lanes>,
    wake: Notify,
}

impl Unread {
    /// Asks for reads.
    pub(super) fn add(&self, users: impl IntoIterator<Item = UserId>, urgency: Urgency) {
        let mut lanes = self.lanes.lock();
        match urgency {
            Urgency::Now => lanes.now.extend(users),
            Urgency::Later => lanes.later.extend(users),
        }
        drop(lanes);
        self.wake.notify_one();
    }

    /// The next users to read.
    async fn next(&self) -> Vec<UserId> {
        loop {
            // Of a crowd, all who are ready to ask do so before the first is read for.
            tokio::task::yield_now().await;
            let users = self.take();
            if !users.is_empty() {
                return users;
            }
            self.wake.notified().await;
        }
    }

    fn take(&self) -> Vec<UserId> {
        let mut lanes = self.lanes.lock();
        let mut users: Vec<UserId> = lanes.now.iter().copied().take(USERS_PER_READ).collect();
        let room = USERS_PER_READ - users.len();
        users.extend(
            lanes
                .later
                .iter()
                .filter(|user| !lanes.now.contains(user))
                .take(room),
        );
        for user in &users {
            lanes.now.remove(user);
            lanes.later.remove(user);
        }
        users
    }
}

/// The one who reads.
pub(super) struct StandingReader {
    pub(super) source: Arc<dyn Source>,
    pub(super) hub: Arc<Hub>,
    pub(super) unread: Arc<Unread>,
    pub(super) applied: watch::Receiver<Seq>,
}

impl StandingReader {
    /// Reads for ever.
    pub(super) async fn run(mut self) {
        let mut pause = BACK_OFF.0;
        let mut failing = false;
        loop {
            let mut users = self.unread.next().await;
            // Who has left meanwhile needs no read.
            users.retain(|user| self.hub.has(*user));
            match self.read(&users).await {
                Ok(()) => {
                    pause = BACK_OFF.0;
                    failing = false;
                }
                Err(error) => {
                    if !failing {
                        tracing::warn!(%error, "the rights of connected users can't be read");
                    }
                    failing = true;
                    self.unread.add(users, Urgency::Now);
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(BACK_OFF.1);
                }
            }
        }
    }

    async fn read(&mut self, users: &[UserId]) -> Result<(), Error> {
        let mut unknown = Vec::new();
        let mut known: HashMap<Arc<Rights>, Vec<UserId>> = HashMap::new();
        for user in users {
            let rights = self.hub.known_groups(*user);
            let whose = rights.map_or(&mut unknown, |rights| known.entry(rights).or_default());
            whose.push(*user);
        }
        let mut moved = self.read_users(&unknown).await?;
        moved.extend(self.read_groups(known).await?);
        if !moved.is_empty() {
            self.unread.add(moved, Urgency::Now);
        }
        Ok(())
    }

    /// Answers whose rights moved meanwhile.
    async fn read_users(&mut self, users: &[UserId]) -> Result<Vec<UserId>, Error> {
        if users.is_empty() {
            return Ok(Vec::new());
        }
        let standings = self.source.standings(users).await?;
        let Some(as_of) = standings.iter().map(|standing| standing.as_of).max() else {
            // All of them are gone; the log says so too, and it ends their sessions.
            return Ok(Vec::new());
        };
        if !self.has_applied(as_of).await {
            return Ok(Vec::new());
        }
        let moved = standings.into_iter().filter_map(|standing| {
            let user = standing.user_id;
            self.hub.install(standing).then_some(user)
        });
        Ok(moved.collect())
    }

    /// The same for users who are in the groups of these rights.
    async fn read_groups(
        &mut self,
        known: HashMap<Arc<Rights>, Vec<UserId>>,
    ) -> Result<Vec<UserId>, Error> {
        if known.is_empty() {
            return Ok(Vec::new());
        }
        let groups: BTreeSet<String> = known.keys().flat_map(|it| it.groups.clone()).collect();
        let given = self.source.given(&groups).await?;
        if !self.has_applied(given.as_of).await {
            return Ok(Vec::new());
        }
        let mut moved = Vec::new();
        for (before, users) in known {
            let rights = Rights::by_groups(&before.groups, &given.by_group);
            moved.extend(self.hub.install_given(users, rights, given.as_of));
        }
        Ok(moved)
    }

    /// A node never shows what it has not applied: then an event's id, its receipt and the state that came of it are
    /// told together. `false`: nobody applies anything any more.
    async fn has_applied(&mut self, as_of: Seq) -> bool {
        self.applied.wait_for(|it| *it >= as_of).await.is_ok()
    }
}
