//! How a node is at a moment, for people who look at it: how many are connected, and how long telling
//! takes. It may not know who looks.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use super::Node;
use crate::domain::clock::{Clock, Timestamp};
use crate::domain::id::Seq;
use crate::domain::metric;

/// As many measurements as are kept.
const KEPT: usize = 1024;
/// Older ones are left out of the summary.
const WINDOW: Duration = Duration::from_mins(1);

/// How a node is.
#[derive(Clone, Copy, Debug)]
pub struct Pulse {
    /// The last position that was applied.
    pub head: Seq,
    /// Open connections whose users are known.
    pub connections: u64,
    /// Users with a connection.
    pub users: u64,
    /// How long telling took.
    pub tell: TellTimes,
}

/// From an event's time to its frame's write, over the last minute or the last 1024 of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TellTimes {
    /// How many were told.
    pub count: u64,
    /// Half of them within so many milliseconds.
    pub p50_ms: Option<u64>,
    /// All but one in a hundred.
    pub p99_ms: Option<u64>,
}

impl Node {
    /// Sets the gauges that tell how the node is at the moment.
    pub fn gauge(&self) {
        let inner = &self.inner;
        let flag = |is_so| if is_so { 1.0 } else { 0.0 };
        metrics::gauge!(metric::READY).set(flag(self.is_ready()));
        metrics::gauge!(metric::ON_DUTY).set(flag(self.is_on_duty()));
        let (live, lost) = inner.peers.census();
        #[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
        for (state, count) in [("live", live + 1), ("lost", lost)] {
            metrics::gauge!(metric::NODES, "state" => state).set(count as f64);
        }
        if let Some(age) = inner.gate.read_age() {
            metrics::gauge!(metric::LOG_READ_AGE).set(age.as_secs_f64());
        }
    }
}

/// Measures how long telling takes. A place is taken and written without a lock: connections on all
/// workers end here.
pub(super) struct Stopwatch {
    clock: Arc<dyn Clock>,
    next: AtomicUsize,
    /// When (seconds of uptime plus one, so that zero is an empty place) and how long (milliseconds),
    /// 32 bits each.
    measured: Box<[AtomicU64]>,
}

impl Stopwatch {
    /// Nothing has been measured.
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            next: AtomicUsize::new(0),
            measured: (0..KEPT).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    /// So many were told now what happened at `at`.
    pub(super) fn note(&self, at: Timestamp, count: u64) {
        let took = self.clock.now().since(at);
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        metrics::histogram!(metric::TELL_SECONDS).record_many(took.as_secs_f64(), count);
        let millis = u32::try_from(took.as_millis()).unwrap_or(u32::MAX);
        let measured = (self.seconds() << 32) | u64::from(millis);
        let count = count.min(KEPT);
        let first = self.next.fetch_add(count, Ordering::Relaxed);
        for place in first..first.wrapping_add(count) {
            self.measured[place % KEPT].store(measured, Ordering::Relaxed);
        }
    }

    /// What was measured lately.
    pub(super) fn summary(&self) -> TellTimes {
        let since = self.seconds().saturating_sub(WINDOW.as_secs());
        let mut millis: Vec<u64> = self
            .measured
            .iter()
            .map(|place| place.load(Ordering::Relaxed))
            .filter(|measured| *measured != 0 && measured >> 32 >= since)
            .map(|measured| measured & u64::from(u32::MAX))
            .collect();
        millis.sort_unstable();
        let at = |percent: usize| millis.get(millis.len().saturating_sub(1) * percent / 100);
        TellTimes {
            count: millis.len() as u64,
            p50_ms: at(50).copied(),
            p99_ms: at(99).copied(),
        }
    }

    fn seconds(&self) -> u64 {
        (self.clock.uptime().as_secs() + 1) & u64::from(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::tests::ManualClock;

    #[test]
    fn the_last_minute_is_summed_up() {
        let clock = Arc::new(ManualClock::default());
        let stopwatch = Stopwatch::new(Arc::clone(&clock) as Arc<dyn Clock>);
        assert_eq!(stopwatch.summary(), TellTimes::default());
        let start = clock.now();
        for _ in 0..99 {
            stopwatch.note(start, 1);
        }
        clock.advance(Duration::from_millis(250));
        stopwatch.note(start, 1);
        let told = stopwatch.summary();
        assert_eq!((told.count, told.p50_ms), (100, Some(0)));
        stopwatch.note(start, 1);
        assert_eq!(stopwatch.summary().p99_ms, Some(250));
        clock.advance(WINDOW + Duration::from_secs(1));
        assert_eq!(stopwatch.summary(), TellTimes::default());
    }
}
