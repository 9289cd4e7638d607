//! Tells the other nodes who is connected here: what has changed since they were told, many at a time. Who
//! comes and goes in between is not worth a word, so a storm costs no more than its end. It may not know where
//! what is told is kept.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

use super::holdings;
use crate::domain::error::Error;
use crate::domain::id::UserId;
use crate::domain::presence::{Holding, PresenceChange};
use crate::node::cluster::Roster;
use crate::node::hub::Hub;

/// Users of one word.
const USERS_PER_REPORT: usize = 500;
/// More than this, and everything is looked at.
const MARKS_MAX: usize = 100_000;
/// How many times within a lease the others are told.
const REPORTS_PER_LEASE: u32 = 4;

/// Whose connections are others than the other nodes were told.
#[derive(Default)]
pub(in crate::node) struct Unreported(Mutex<Marks>);

#[derive(Default)]
enum Marks {
    /// Nobody is told anything.
    #[default]
    Off,
    /// Anybody's.
    All,
    These(HashSet<UserId>),
}

impl Unreported {
    /// The user's may be.
    pub(in crate::node) fn mark(&self, user: UserId) {
        let mut marks = self.0.lock();
        match &mut *marks {
            Marks::Off | Marks::All => {}
            Marks::These(users) if users.len() >= MARKS_MAX => *marks = Marks::All,
            Marks::These(users) => {
                users.insert(user);
            }
        }
    }

    fn mark_all(&self) {
        *self.0.lock() = Marks::All;
    }

    /// All marks, and none is left.
    fn take(&self) -> Marks {
        std::mem::replace(&mut *self.0.lock(), Marks::These(HashSet::new()))
    }
}

/// Tells them.
pub(in crate::node) struct PresenceReporter {
    pub(in crate::node) hub: Arc<Hub>,
    pub(in crate::node) roster: Arc<dyn Roster>,
    /// How often this node came onto the list of nodes.
    pub(in crate::node) entries: watch::Receiver<u64>,
    /// What they were told; users with nothing are left out.
    pub(in crate::node) told: HashMap<UserId, Vec<Holding>>,
}

impl PresenceReporter {
    /// Tells them for ever, from the first entry in the list on: a node that is on none is alone.
    pub(in crate::node) async fn run(mut self, lease: Duration) {
        let mut anew = self.entries.changed().await.is_ok();
        let mut turns = interval((lease / REPORTS_PER_LEASE).max(Duration::from_millis(1)));
        turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut failing = false;
        loop {
            turns.tick().await;
            // Whoever was struck out meanwhile is remembered by nobody.
            if self.entries.has_changed().unwrap_or(false) {
                self.entries.mark_unchanged();
                anew = true;
            }
            let reported = self.report(anew).await;
            // After a failure nobody knows what was written.
            anew = reported.is_err();
            if let Err(error) = &reported
                && !failing
            {
                tracing::warn!(%error, "the other nodes can't be told who is connected; trying again");
            }
            failing = reported.is_err();
        }
    }

    async fn report(&mut self, anew: bool) -> Result<(), Error> {
        if anew {
            self.told.clear();
            self.hub.unreported().mark_all();
            let nothing = PresenceChange {
                anew,
                ..PresenceChange::default()
            };
            self.roster.report(&nothing).await?;
        }
        let users: Vec<UserId> = match self.hub.unreported().take() {
            Marks::Off => Vec::new(),
            Marks::These(users) => users.into_iter().collect(),
            Marks::All => self.everybody(),
        };
        for users in users.chunks(USERS_PER_REPORT) {
            let (change, now) = self.difference(users);
            if change != PresenceChange::default() {
                self.roster.report(&change).await?;
            }
            for (user, held) in now {
                if held.is_empty() {
                    self.told.remove(&user);
                } else {
                    self.told.insert(user, held);
                }
            }
        }
        Ok(())
    }

    /// Everybody of whom there is something to tell, or was.
    fn everybody(&self) -> Vec<UserId> {
        let mut users: HashSet<UserId> = self.told.keys().copied().collect();
        self.hub.for_each(|user, _| {
            users.insert(user);
        });
        users.into_iter().collect()
    }

    /// What these users hold now that others were told otherwise, and all that they hold.
    fn difference(&self, users: &[UserId]) -> (PresenceChange, Vec<(UserId, Vec<Holding>)>) {
        let mut change = PresenceChange::default();
        let mut now = Vec::with_capacity(users.len());
        for user in users {
            let held = holdings(&self.hub, *user);
            let told = self.told.get(user).map_or(&[][..], Vec::as_slice);
            let news = held.iter().filter(|it| !told.contains(it));
            change.held.extend(news);
            let is_held = |it: &&Holding| held.iter().any(|now| now.session_id == it.session_id);
            let gone = told.iter().filter(|it| !is_held(it));
            change.gone.extend(gone.map(|it| it.session_id));
            now.push((*user, held));
        }
        (change, now)
    }
}
