//! What comes after a connection: the contract's table of close codes, and how long to wait. Pure:
//! it may not know sockets, clocks or where chance comes from.

use std::time::Duration;

/// The close code of RFC 6455 for a close that names none.
pub(super) const NO_CODE: u16 = 1005;
/// The close code of RFC 6455 for a connection that broke off without a close.
pub(super) const BROKEN_OFF: u16 = 1006;

/// The wait before the first new attempt is at most this long.
const FIRST_WAIT_MS: u64 = 500;
/// No wait is longer, unless the server asks for it.
const LONGEST_WAIT_MS: u64 = 30_000;
/// No wait is longer, even if the server asks for it.
const LONGEST_ASKED_WAIT: Duration = Duration::from_secs(300);

/// What the client does after a close.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Comes back with the token that it has.
    Reconnect,
    /// Gets a newer token and comes back.
    RefreshFirst,
    /// Gets a newer token and comes back, unless it did just that.
    RefreshOnce,
    /// The session is over.
    Over,
    /// The session lives on, but coming back would end the same way.
    StayOut,
}

/// What follows a close with this code.
pub(super) fn after_close(code: u16) -> Next {
    match code {
        4001 => Next::RefreshFirst,
        4500 => Next::RefreshOnce,
        4501..=4503 => Next::Over,
        4504..=4999 => Next::StayOut,
        _ => Next::Reconnect,
    }
}

/// Waits that double from 0.5 to 30 seconds, with full jitter: `chance` is evenly spread over all of
/// `u32`, and the wait over everything from nothing to the longest of this attempt.
pub(super) fn backoff(attempt: u32, chance: u32) -> Duration {
    let doubled = 1_u64
        .checked_shl(attempt)
        .and_then(|factor| FIRST_WAIT_MS.checked_mul(factor));
    let longest = doubled.unwrap_or(LONGEST_WAIT_MS).min(LONGEST_WAIT_MS);
    share(Duration::from_millis(longest), chance)
}

/// A part of `whole`: nothing for the lowest chance, all of it for the highest.
pub(super) fn share(whole: Duration, chance: u32) -> Duration {
    let millis = whole.as_millis() * u128::from(chance) / u128::from(u32::MAX);
    Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX))
}

/// A wait that the server asked for, within reason.
pub(super) fn asked_wait(after_ms: u64) -> Duration {
    Duration::from_millis(after_ms).min(LONGEST_ASKED_WAIT)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_table_of_the_contract() {
        for (code, next) in [
            (4000, Next::Reconnect),
            (4001, Next::RefreshFirst),
            (4002, Next::Reconnect),
            (4003, Next::Reconnect),
            (4004, Next::Reconnect),
            (4005, Next::Reconnect),
            (4006, Next::Reconnect),
            (4499, Next::Reconnect),
            (4500, Next::RefreshOnce),
            (4501, Next::Over),
            (4502, Next::Over),
            (4503, Next::Over),
            (4505, Next::StayOut),
            (4506, Next::StayOut),
            (4507, Next::StayOut),
            (4999, Next::StayOut),
            (1000, Next::Reconnect),
            (1001, Next::Reconnect),
            (NO_CODE, Next::Reconnect),
            (BROKEN_OFF, Next::Reconnect),
            (1011, Next::Reconnect),
            (3000, Next::Reconnect),
            (5000, Next::Reconnect),
        ] {
            assert_eq!(after_close(code), next, "{code}");
        }
    }

    #[test]
    fn waits_double_up_to_half_a_minute() {
        let longest = |attempt| backoff(attempt, u32::MAX).as_millis();
        assert_eq!(
            [0, 1, 2, 5, 6, 63, 64, u32::MAX].map(longest),
            [500, 1000, 2000, 16_000, 30_000, 30_000, 30_000, 30_000]
        );
    }

    proptest! {
        #[test]
        fn no_wait_leaves_its_bounds(attempt: u32, chance: u32) {
            let wait = backoff(attempt, chance);
            prop_assert!(wait <= backoff(attempt, u32::MAX));
            prop_assert!(wait <= Duration::from_secs(30));
            prop_assert_eq!(backoff(attempt, 0), Duration::ZERO);
        }

        #[test]
        fn a_share_is_never_more_than_the_whole(millis: u64, chance: u32) {
            let whole = Duration::from_millis(millis);
            prop_assert!(share(whole, chance) <= whole);
            prop_assert_eq!(share(whole, u32::MAX), whole);
        }

        #[test]
        fn the_server_is_heard_within_reason(after_ms: u64) {
            prop_assert!(asked_wait(after_ms) <= LONGEST_ASKED_WAIT);
        }

        #[test]
        fn only_the_last_thousand_half_keeps_out(code: u16) {
            let comes_back = matches!(after_close(code), Next::Reconnect | Next::RefreshFirst);
            prop_assert_eq!(comes_back, !(4500..=4999).contains(&code));
        }
    }
}
