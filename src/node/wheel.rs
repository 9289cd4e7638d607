//! One timer for all connections: who is to look at the time, and when. An idle connection costs an
//! entry here and no timer of its own. It may not know what is due.
//!
//! Expiries are kept by the wall clock and time-outs by uptime, each as told by [`Clock`], so that a
//! jump of the wall clock expires tokens and drops nobody.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::{MissedTickBehavior, interval};

use super::bell::Bell;
use super::mailbox::Mailbox;
use crate::domain::clock::{Clock, Timestamp};

/// How often it turns, and how late a connection may look at most.
pub(super) const TURN: Duration = Duration::from_millis(250);

/// When a connection wants to look at the time, on both clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Due {
    /// By the wall clock; `None`: not at all.
    pub(super) wall: Option<Timestamp>,
    /// By uptime.
    pub(super) uptime: Duration,
}

/// The looks that a connection has pending, so that it never has two on one clock for nothing.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Armed {
    wall: Option<Timestamp>,
    uptime: Option<Duration>,
}

impl Armed {
    /// What was pending up to now is so no longer.
    pub(super) fn passed(&mut self, now: Timestamp, uptime: Duration) {
        self.wall = self.wall.filter(|wall| *wall > now);
        self.uptime = self.uptime.filter(|at| *at > uptime);
    }
}

type Buckets<K> = BTreeMap<K, Vec<Weak<Mailbox>>>;

#[derive(Default)]
struct Looks {
    wall: Buckets<i64>,
    uptime: Buckets<u128>,
}

/// The timer.
pub(super) struct Wheel {
    clock: Arc<dyn Clock>,
    bell: Arc<Bell>,
    looks: Mutex<Looks>,
}

impl Wheel {
    /// Nobody waits.
    pub(super) fn new(clock: Arc<dyn Clock>, bell: Arc<Bell>) -> Self {
        Self {
            clock,
            bell,
            looks: Mutex::default(),
        }
    }

    /// Sees to it that the connection looks when something is due; a look that is pending for before
    /// that is enough, because it will ask again.
    pub(super) fn arm(&self, mailbox: &Arc<Mailbox>, armed: &mut Armed, due: Due) {
        let mut looks = self.looks.lock();
        if let Some(wall) = due.wall
            && armed.wall.is_none_or(|pending| pending > wall)
        {
            armed.wall = Some(wall);
            let bucket = wall.as_millis().div_euclid(TURN_WALL);
            let bucket = looks.wall.entry(bucket).or_default();
            bucket.push(Arc::downgrade(mailbox));
        }
        if armed.uptime.is_none_or(|pending| pending > due.uptime) {
            armed.uptime = Some(due.uptime);
            let bucket = due.uptime.as_millis() / TURN.as_millis();
            let bucket = looks.uptime.entry(bucket).or_default();
            bucket.push(Arc::downgrade(mailbox));
        }
    }

    /// Turns for ever.
    pub(super) async fn run(self: Arc<Self>) {
        let mut turn = interval(TURN);
        turn.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            turn.tick().await;
            self.turn();
        }
    }

    /// Wakes everybody whose time has come. A bucket is opened when all of it is past, so a
    /// connection that looks finds something due.
    pub(super) fn turn(&self) {
        let wall = self.clock.now().as_millis().div_euclid(TURN_WALL);
        let uptime = self.clock.uptime().as_millis() / TURN.as_millis();
        let (early, late) = {
            let mut looks = self.looks.lock();
            (
                take_before(&mut looks.wall, &wall),
                take_before(&mut looks.uptime, &uptime),
            )
        };
        let due = early.into_values().chain(late.into_values()).flatten();
        let due = due.filter_map(|it| it.upgrade());
        self.bell
            .ring(due.filter(|mailbox| mailbox.leave_tick()).collect());
    }
}

/// [`TURN`] in milliseconds of the wall clock.
const TURN_WALL: i64 = 250;

/// Takes out the buckets before this one.
fn take_before<K: Ord>(buckets: &mut Buckets<K>, end: &K) -> Buckets<K> {
    let rest = buckets.split_off(end);
    std::mem::replace(buckets, rest)
}
