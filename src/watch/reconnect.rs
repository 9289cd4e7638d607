//! What to do after a close. Pure: CONTRACT "close code".

use std::time::Duration;

/// The first wait, before jitter.
const FIRST: Duration = Duration::from_millis(500);
/// The longest wait, before jitter.
const LONGEST: Duration = Duration::from_secs(30);

/// What a client does after a close.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Comes back after a wait.
    Reconnect,
    /// Refreshes, then comes back.
    Refresh,
    /// Refreshes once, else signs in.
    RefreshOnce,
    /// The session is over.
    Over,
    /// Stays out and reports.
    StayOut,
}

/// What a close code asks for; everything outside 4500–4999 means to come back.
pub(super) fn next(code: u16) -> Next {
    match code {
        4001 => Next::Refresh,
        4500 => Next::RefreshOnce,
        4501..=4503 => Next::Over,
        4504..=4999 => Next::StayOut,
        _ => Next::Reconnect,
    }
}

/// The wait before an attempt, counted from 0: exponential with full jitter.
pub(super) fn back_off(attempt: u32, fraction: f64) -> Duration {
    let longest = FIRST
        .saturating_mul(2_u32.saturating_pow(attempt.min(16)))
        .min(LONGEST);
    longest.mul_f64(fraction.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn close_codes_mean_what_the_contract_says() {
        let table = [
            (1000, Next::Reconnect),
            (1001, Next::Reconnect),
            (1006, Next::Reconnect),
            (4000, Next::Reconnect),
            (4001, Next::Refresh),
            (4005, Next::Reconnect),
            (4499, Next::Reconnect),
            (4500, Next::RefreshOnce),
            (4501, Next::Over),
            (4502, Next::Over),
            (4503, Next::Over),
            (4505, Next::StayOut),
            (4507, Next::StayOut),
            (5000, Next::Reconnect),
        ];
        for (code, expected) in table {
            assert_eq!(next(code), expected, "{code}");
        }
    }

    proptest::proptest! {
        #[test]
        fn waits_are_bounded(attempt in 0..u32::MAX, fraction in 0.0..=1.0_f64) {
            proptest::prop_assert!(back_off(attempt, fraction) <= LONGEST);
        }
    }
}
