//! What this program takes from its surroundings: the time of day, chance, and the computer's name.
//! The one place of `watch` that does; everything else is handed the values.
#![expect(
    clippy::disallowed_methods,
    reason = "this is the seam: a client at a terminal has nobody else to ask for time and chance"
)]

use std::process::{Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use uuid::Uuid;

/// Seconds since the Unix epoch.
pub(super) fn unix_seconds() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .ok()
        .and_then(|since| i64::try_from(since.as_secs()).ok())
        .unwrap_or(0)
}

/// An id that nobody else has.
pub(super) fn random_id() -> Uuid {
    Uuid::new_v4()
}

/// A number that is evenly spread over all of `u32`. For spreading load, not for secrets.
pub(super) fn chance() -> u32 {
    // The first 32 bits of a random UUID hold neither its version nor its variant.
    Uuid::new_v4().as_fields().0
}

/// What this computer is called, or a word for it.
pub(super) fn computer_name() -> String {
    let named = std::fs::read_to_string("/proc/sys/kernel/hostname")
        .ok()
        .or_else(|| std::env::var("COMPUTERNAME").ok())
        .or_else(ask_for_the_name)
        .unwrap_or_default();
    let name: String = named
        .trim()
        .chars()
        .filter(|it| !it.is_control())
        .take(100)
        .collect();
    if name.is_empty() {
        "a computer".to_owned()
    } else {
        name
    }
}

fn ask_for_the_name() -> Option<String> {
    let asked = Command::new("hostname")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    String::from_utf8(asked.stdout).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_computer_always_has_a_name_that_a_device_can_bear() {
        let name = computer_name();
        assert!(!name.is_empty() && name.len() <= 400, "{name}");
        assert!(!name.contains(char::is_control), "{name:?}");
    }

    #[test]
    fn chance_differs() {
        let drawn: std::collections::BTreeSet<u32> = (0..64).map(|_| chance()).collect();
        assert!(drawn.len() > 60);
    }
}
