//! A clock that stands still, a log in memory, and tokens.

use std::time::Duration;

use parking_lot::Mutex;

use crate::domain::clock::{Clock, Timestamp};

/// A clock that moves only when it is told to.
#[derive(Default)]
pub(crate) struct ManualClock(Mutex<(Timestamp, Duration)>);

impl ManualClock {
    /// Both clocks go on.
    pub(crate) fn advance(&self, by: Duration) {
        let mut time = self.0.lock();
        time.0 = time.0.plus(by);
        time.1 += by;
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        self.0.lock().0
    }

    fn uptime(&self) -> Duration {
        self.0.lock().1
    }
}
