//! The clock that everything is measured by: it never goes back, and all processes of the machine share it, so
//! that the time between a call in one and a frame in another is a difference of two numbers.

use rustix::time::{ClockId, clock_gettime};

/// Nanoseconds since some beginning that all processes agree on.
pub(crate) fn now() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    let nanoseconds = u64::try_from(time.tv_nsec).unwrap_or_default();
    seconds * 1_000_000_000 + nanoseconds
}

/// Seconds since the Unix epoch: for what others date.
pub(crate) fn unix_seconds() -> i64 {
    clock_gettime(ClockId::Realtime).tv_sec
}

/// Seconds since then.
pub(crate) fn seconds_since(began: u64) -> f64 {
    crate::figures::real(now().saturating_sub(began)) / 1e9
}
