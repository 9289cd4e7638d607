//! One timer structure for all connections: an idle one has no timer of its own. It may not know what
//! becomes due.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;

use super::mailbox::Handle;
use crate::domain::clock::Clock;

/// How often it turns; a connection becomes due so much late at most.
pub const TICK: Duration = Duration::from_millis(250);

/// The connections by the moment (uptime) at which they become due.
#[derive(Default)]
pub struct Wheel {
    buckets: Mutex<BTreeMap<u128, Vec<Weak<Handle>>>>,
}

impl Wheel {
    /// Wakes the connection at this moment, or a tick later.
    pub fn schedule(&self, handle: &Arc<Handle>, at: Duration) {
        let bucket = at.as_millis().div_ceil(TICK.as_millis());
        self.buckets
            .lock()
            .entry(bucket)
            .or_default()
            .push(Arc::downgrade(handle));
    }

    fn take_due(&self, now: Duration) -> Vec<Weak<Handle>> {
        let mut buckets = self.buckets.lock();
        let later = buckets.split_off(&(now.as_millis() / TICK.as_millis() + 1));
        let due = std::mem::replace(&mut *buckets, later);
        due.into_values().flatten().collect()
    }

    /// Wakes what is due.
    pub fn turn(&self, now: Duration) {
        for handle in self.take_due(now) {
            if let Some(handle) = handle.upgrade() {
                handle.put_due();
            }
        }
    }
}

/// Turns the wheel for as long as the node lives.
pub async fn keep_turning(wheel: Arc<Wheel>, clock: Arc<dyn Clock>) {
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    loop {
        ticks.tick().await;
        wheel.turn(clock.uptime());
    }
}
