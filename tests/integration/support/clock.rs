//! A clock that goes on by itself and can be set ahead.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sessionwire::app::system::SystemClock;
use sessionwire::domain::clock::{Clock, Timestamp};

/// The system's clock, plus what the test adds.
pub(crate) struct TestClock {
    system: SystemClock,
    ahead_ms: AtomicU64,
}

impl TestClock {
    pub(crate) fn new() -> Self {
        Self {
            system: SystemClock::new(),
            ahead_ms: AtomicU64::new(0),
        }
    }

    /// Sets both clocks ahead.
    pub(crate) fn advance(&self, by: Duration) {
        self.ahead_ms
            .fetch_add(u64::try_from(by.as_millis()).unwrap(), Ordering::SeqCst);
    }

    fn ahead(&self) -> Duration {
        Duration::from_millis(self.ahead_ms.load(Ordering::SeqCst))
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        self.system.now().plus(self.ahead())
    }

    fn uptime(&self) -> Duration {
        self.system.uptime() + self.ahead()
    }
}
