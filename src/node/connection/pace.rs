//! How many frames a client may send. It may not know what is in them.

use std::time::Duration;

/// One frame's share of time: sixty in ten seconds.
const SHARE: Duration = Duration::from_nanos(10_000_000_000 / 60);
/// How far ahead of its shares a client may be: sixty frames at once.
const BURST: Duration = Duration::from_secs(10);

/// A client's pace: when the shares of the frames so far will have passed (GCRA).
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pace(Duration);

impl Pace {
    /// Counts a frame; whether it is still within bounds.
    pub(super) fn allows(&mut self, uptime: Duration) -> bool {
        let spent = self.0.max(uptime) + SHARE;
        let allowed = spent <= uptime + BURST + SHARE;
        if allowed {
            self.0 = spent;
        }
        allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_and_then_six_a_second() {
        let mut pace = Pace::default();
        let mut at = Duration::from_secs(100);
        let burst = (0..100).take_while(|_| pace.allows(at)).count();
        assert_eq!(burst, 61);
        for _ in 0..600 {
            at += SHARE;
            assert!(pace.allows(at));
            assert!(!pace.allows(at));
        }
        at += Duration::from_mins(1);
        assert_eq!((0..100).take_while(|_| pace.allows(at)).count(), 61);
    }
}
