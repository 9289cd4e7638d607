//! The system's clock and randomness, the one place where they are read, and what it lets this process have.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::domain::clock::{Clock, Entropy, Timestamp};

/// The system's clock.
pub struct SystemClock {
    /// Since the machine started.
    started: Duration,
    /// When the machine started by the time that was agreed on, in milliseconds since the Unix epoch.
    agreed: OnceLock<AtomicI64>,
}

impl SystemClock {
    /// The uptime counts from here.
    pub fn new() -> Self {
        Self {
            started: since_boot(),
            agreed: OnceLock::new(),
        }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

/// How long ago the machine started, its sleep included: a node that wakes holds no lease from the evening before.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn since_boot() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    Duration::try_from(time).unwrap_or_default()
}

/// Elsewhere the clock that never goes back may stand still while the machine sleeps.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn since_boot() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    Duration::try_from(time).unwrap_or_default()
}

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the seam that everybody else uses"
    )]
    fn now(&self) -> Timestamp {
        if let Some(started) = self.agreed.get() {
            return Timestamp::from_millis(started.load(Ordering::Relaxed)).plus(since_boot());
        }
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    fn uptime(&self) -> Duration {
        since_boot().saturating_sub(self.started)
    }

    fn agree(&self, now: Timestamp) {
        let started = now.minus(since_boot()).as_millis();
        let agreed = self.agreed.get_or_init(|| AtomicI64::new(started));
        agreed.store(started, Ordering::Relaxed);
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

/// Lets this process have as many open files as the system grants it, a socket being one of them: shells and
/// service managers begin with few. Warns where they are fewer than so many connections may need.
pub fn raise_open_files(connections: usize) {
    /// For the database, the log, listeners, and what is about to be refused.
    const OTHERS: u64 = 200;
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::warn!(%error, "the limit of open files can't be raised");
    }
    let granted = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let needed = u64::try_from(connections)
        .unwrap_or(u64::MAX)
        .saturating_add(OTHERS);
    if granted < needed {
        tracing::warn!(
            granted,
            needed,
            "the system grants fewer open files than `max_connections` needs; raise its hard limit (`ulimit -Hn`)"
        );
    }
}
