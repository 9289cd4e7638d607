//! A group: a name, permissions, and a priority among policies. It may not know its members.

use std::collections::BTreeSet;

use super::error::Error;
use super::id::GroupId;
use super::text::{NAME_CHARS_MAX, check_line};

/// A group as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Its id.
    pub id: GroupId,
    /// Its name, which tokens list; unique.
    pub name: String,
    /// Of several groups with a policy the one with the highest priority wins.
    pub priority: i32,
    /// What its members may do.
    pub permissions: BTreeSet<String>,
}

/// A group name: 1 to 128 characters, without control characters or surrounding space.
pub fn check_group_name(name: &str) -> Result<(), Error> {
    check_line("name", name, NAME_CHARS_MAX)?;
    if name.trim() != name {
        return Err(Error::validation("`name` must not begin or end with space"));
    }
    Ok(())
}
