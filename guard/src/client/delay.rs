//! How long messages of the feed are under way: what came late is told from what happened late. It may not
//! know what they say.
//!
//! The two clocks differ by an amount that nobody knows, and each message adds its time under way. The least sum of
//! the last messages is that of the quickest, so what a message has beyond it is its delay.

use std::collections::VecDeque;
use std::time::Duration;

/// Messages that are compared: about a minute of heartbeats, since clocks drift and are set.
const MESSAGES: usize = 64;

/// The messages of the last while.
#[derive(Default)]
pub(super) struct Delays(VecDeque<i128>);

impl Delays {
    /// A message came at this time, sent at that one (milliseconds since the Unix epoch, by the server's clock).
    /// Answers how much longer it was under way than the quickest.
    pub(super) fn note(&mut self, uptime: Duration, sent_ms: i64) -> Duration {
        let micros = i128::try_from(uptime.as_micros()).unwrap_or(i128::MAX);
        let sum = micros.saturating_sub(i128::from(sent_ms) * 1000);
        if self.0.len() >= MESSAGES {
            self.0.pop_front();
        }
        self.0.push_back(sum);
        let least = self.0.iter().min().copied().unwrap_or(sum);
        let beyond = u64::try_from(sum.saturating_sub(least)).unwrap_or(u64::MAX);
        Duration::from_micros(beyond)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_held_up_is_told_from_what_was_not() {
        let mut delays = Delays::default();
        let at = Duration::from_millis;
        // The clocks are far apart, and a message takes 20 ms.
        assert_eq!(delays.note(at(1020), 1_790_000_001_000), at(0));
        assert_eq!(delays.note(at(2030), 1_790_000_002_000), at(10));
        assert_eq!(delays.note(at(3900), 1_790_000_003_000), at(880));
        assert_eq!(
            delays.note(at(4010), 1_790_000_004_000),
            at(0),
            "quicker than any"
        );
        assert_eq!(delays.note(at(5020), 1_790_000_005_000), at(10));
        // A clock that was set is believed after a while.
        for beat in 0..64_u32 {
            delays.note(
                at(6000 + u64::from(beat) * 1000),
                1_780_000_000_000 + i64::from(beat) * 1000,
            );
        }
        assert_eq!(delays.note(at(80_000), 1_780_000_074_000), at(0));
    }
}
