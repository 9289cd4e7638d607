//! The system's clock and randomness: the one place where they are read.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::domain::clock::{Clock, Entropy, Timestamp};

/// The system's clock.
pub struct SystemClock {
    started: Instant,
}

impl SystemClock {
    /// The uptime counts from here.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the seam that everybody else uses"
    )]
    pub fn new() -> Self {
        Self {
            started: Instant::now(),
        }
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
    fn now(&self) -> Timestamp {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    fn uptime(&self) -> Duration {
        self.started.elapsed()
    }
}

/// The system's randomness.
#[derive(Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        let filled = aws_lc_rs::rand::fill(bytes);
        assert!(
            filled.is_ok(),
            "the system gives no randomness, and secrets must not be guessable"
        );
    }
}
