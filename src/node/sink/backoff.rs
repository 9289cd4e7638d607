//! How long to wait before the next attempt: twice as long each time, up to a bound, and never as long
//! as somebody else who failed at the same moment. It may not know what is attempted.

use std::time::Duration;

use crate::domain::clock::Entropy;

/// The longest first wait.
const FIRST: Duration = Duration::from_millis(250);

/// Waits that grow.
#[derive(Clone, Debug)]
pub(super) struct Backoff {
    next: Duration,
    max: Duration,
}

impl Backoff {
    /// Waits of at most this.
    pub(super) fn up_to(max: Duration) -> Self {
        Self {
            next: FIRST.min(max),
            max,
        }
    }

    /// The next wait: between half of what it has grown to and all of it.
    pub(super) fn next(&mut self, entropy: &dyn Entropy) -> Duration {
        let whole = self.next;
        self.next = (whole * 2).min(self.max);
        let half = whole / 2;
        let spread = u64::try_from(half.as_millis()).unwrap_or(u64::MAX);
        half + Duration::from_millis(entropy.below(spread.saturating_add(1)))
    }

    /// It went well: the next failure is a first one.
    pub(super) fn reset(&mut self) {
        self.next = FIRST.min(self.max);
    }

    /// The longest wait.
    pub(super) fn max(&self) -> Duration {
        self.max
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::tests::Counting;

    #[test]
    fn waits_grow_up_to_the_bound_and_differ() {
        let entropy = Counting::default();
        let mut backoff = Backoff::up_to(Duration::from_secs(4));
        let mut bound = FIRST;
        for _ in 0..10 {
            let wait = backoff.next(&entropy);
            assert!(wait >= bound / 2 && wait <= bound, "{wait:?} of {bound:?}");
            bound = (bound * 2).min(Duration::from_secs(4));
        }
        let waits: std::collections::BTreeSet<_> =
            (0..50).map(|_| backoff.next(&entropy)).collect();
        assert!(waits.len() > 1, "they are spread");
        backoff.reset();
        assert!(backoff.next(&entropy) <= FIRST);
    }
}
