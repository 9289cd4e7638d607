//! How many may come in within a second: after an outage everybody comes at once. Who is one too many is told
//! when to come back, each at another time. It may not know who comes.

use std::num::NonZeroU32;
use std::time::Duration;

use parking_lot::Mutex;

/// How much of the rate may be used at once.
const BURST: Duration = Duration::from_secs(1);
/// The longest that anybody is asked to stay away.
const AWAY_MAX: Duration = Duration::from_mins(1);

/// Lets in so many a second.
pub(super) struct Pace {
    per_s: NonZeroU32,
    turns: Mutex<Turns>,
}

/// Both by uptime; in the past where nobody waits.
#[derive(Default)]
struct Turns {
    /// When those who were let in would all have come one by one.
    taken_until: Duration,
    /// When the last of those comes back who were told to.
    promised_until: Duration,
}

impl Pace {
    /// Nobody has come yet.
    pub(super) fn new(per_s: NonZeroU32) -> Self {
        Self {
            per_s,
            turns: Mutex::default(),
        }
    }

    /// Lets one in, or says after how long to come back.
    pub(super) fn take(&self, now: Duration) -> Result<(), Duration> {
        let each = Duration::from_secs(1) / self.per_s.get();
        let mut turns = self.turns.lock();
        let taken = turns.taken_until.max(now) + each;
        if taken <= now + BURST {
            turns.taken_until = taken;
            return Ok(());
        }
        let promised = turns.promised_until.max(now) + each;
        turns.promised_until = promised.min(now + AWAY_MAX);
        Err(turns.promised_until.saturating_sub(now))
    }

    /// How long it takes until so many have come.
    pub(super) fn time_for(&self, count: u64) -> Duration {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        Duration::from_secs(1) / self.per_s.get() * count
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pace(per_s: u32) -> Pace {
        Pace::new(NonZeroU32::new(per_s).unwrap())
    }

    #[test]
    fn those_who_were_told_to_come_back_are_let_in_when_they_do() {
        let pace = pace(100);
        let start = Duration::from_secs(10);
        let told: Vec<Duration> = (0..1000).filter_map(|_| pace.take(start).err()).collect();
        assert_eq!(told.len(), 900, "a second's worth at once");
        assert_eq!(told.first(), Some(&Duration::from_millis(10)));
        assert_eq!(told.last(), Some(&Duration::from_secs(9)));
        let refused = told
            .iter()
            .filter(|after| pace.take(start + **after).is_err());
        assert_eq!(refused.count(), 0);
    }

    #[test]
    fn nobody_is_sent_away_for_long() {
        let pace = pace(1);
        let away = (0..1000).filter_map(|_| pace.take(Duration::ZERO).err());
        assert_eq!(away.max(), Some(AWAY_MAX));
    }

    proptest! {
        /// Whenever they come, no second sees more than twice the rate, and a minute not more than the rate.
        #[test]
        fn the_rate_holds(mut comings in prop::collection::vec(0..20_000_u64, 1..600)) {
            comings.sort_unstable();
            let pace = pace(10);
            let mut entered: Vec<u64> = Vec::new();
            for at in comings {
                if pace.take(Duration::from_millis(at)).is_ok() {
                    entered.push(at);
                }
            }
            for (index, from) in entered.iter().enumerate() {
                let within = |ms: u64| entered[index..].iter().filter(|at| **at - from < ms).count();
                prop_assert!(within(1_000) <= 20);
                prop_assert!(within(10_000) <= 110);
            }
        }
    }
}
