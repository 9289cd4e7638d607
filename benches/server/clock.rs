//! The clock that everything is measured by: it never goes back, and all processes of the machine share it, so
//! that the time between a call in one and a frame in another is a difference of two numbers.

use rustix::time::{ClockId, clock_gettime};

/// Nanoseconds since some beginning that all processes agree on.
pub(crate) fn now() -> u64 {
    read(ClockId::Monotonic)
}

/// The time on this clock at which the machine's calendar showed so many nanoseconds since the Unix epoch.
pub(crate) fn at_unix(nanoseconds: u64) -> u64 {
    let ago = read(ClockId::Realtime).saturating_sub(nanoseconds);
    now().saturating_sub(ago)
}

fn read(clock: ClockId) -> u64 {
    let time = clock_gettime(clock);
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
