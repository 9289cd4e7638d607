//! Permissions: strings such as `reports:read`, and what a change of them means. It may not know who
//! holds them.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::error::Error;
use super::text::{LIST_MAX, NAME_CHARS_MAX};

/// Who holds this may use the administrators' part of the REST API.
pub const ADMIN: &str = "sessionwire:admin";

/// What went and what came, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// In the new set only.
    pub came: Vec<String>,
    /// In the old set only.
    pub went: Vec<String>,
}

impl Difference {
    /// From `old` to `new`.
    pub fn between(old: &BTreeSet<String>, new: &BTreeSet<String>) -> Self {
        Self {
            came: new.difference(old).cloned().collect(),
            went: old.difference(new).cloned().collect(),
        }
    }

    /// Whether nothing differs.
    pub fn is_empty(&self) -> bool {
        self.came.is_empty() && self.went.is_empty()
    }
}

/// A group's permissions: each 1 to 128 visible ASCII characters, at most 200, each once.
pub fn check_permissions(permissions: &[String]) -> Result<BTreeSet<String>, Error> {
    if permissions.len() > LIST_MAX {
        return Err(Error::validation(format!(
            "`permissions` may have at most {LIST_MAX} items"
        )));
    }
    for permission in permissions {
        let fits = (1..=NAME_CHARS_MAX).contains(&permission.len())
            && permission.bytes().all(|byte| byte.is_ascii_graphic());
        if !fits {
            return Err(Error::validation(format!(
                "a permission needs 1 to {NAME_CHARS_MAX} visible ASCII characters without spaces, such as `reports:read`"
            )));
        }
    }
    Ok(permissions.iter().cloned().collect())
}
