//! Time for a guard: one seam, so that tests can set it. It may not know what it is asked for.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// What time it is.
pub trait Clock: Send + Sync + 'static {
    /// Milliseconds since the Unix epoch; for expiry, and for people.
    fn now_ms(&self) -> i64;

    /// Since some moment; never runs back. For how old knowledge is.
    fn uptime(&self) -> Duration;
}

/// The system's clocks.
pub struct SystemClock(Instant);

impl SystemClock {
    /// A clock that counts from now.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the seam that everybody else uses"
    )]
    pub fn new() -> Self {
        Self(Instant::now())
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the seam that everybody else uses"
    )]
    fn now_ms(&self) -> i64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        since.map_or(0, |since| {
            i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
        })
    }

    fn uptime(&self) -> Duration {
        self.0.elapsed()
    }
}
