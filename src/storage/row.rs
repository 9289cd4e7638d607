//! Between columns and the domain's types.

use super::{Error, Result};
use crate::domain::device::Platform;
use crate::domain::id::Seq;
use crate::domain::user::UserStatus;

pub(super) fn corrupt(table: &'static str) -> Error {
    Error::Corrupt(table)
}

/// A position from its column.
pub(super) fn seq(column: i64) -> Seq {
    Seq(u64::try_from(column).unwrap_or(0))
}

/// A position for its column.
pub(super) fn position(seq: Seq) -> i64 {
    i64::try_from(seq.0).unwrap_or(i64::MAX)
}

/// A count from its column.
pub(super) fn count(column: i64) -> u64 {
    u64::try_from(column).unwrap_or(0)
}

/// Seconds from their column.
pub(super) fn seconds(column: Option<i64>) -> Option<u32> {
    column.map(|value| u32::try_from(value).unwrap_or(u32::MAX))
}

pub(super) fn platform(table: &'static str, text: &str) -> Result<Platform> {
    Platform::ALL
        .into_iter()
        .find(|platform| platform.as_str() == text)
        .ok_or(corrupt(table))
}

pub(super) fn user_status(text: &str) -> Result<UserStatus> {
    [UserStatus::Active, UserStatus::Suspended]
        .into_iter()
        .find(|status| status.as_str() == text)
        .ok_or(corrupt("users"))
}

/// A pattern for `LIKE … ESCAPE '\'` that finds the text anywhere, in lower case.
pub(super) fn pattern(search: &str) -> String {
    let mut pattern = String::from("%");
    for c in search.to_lowercase().chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}
