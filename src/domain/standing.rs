//! The present state of a connected user's rights. It may not know who loads it.

use std::collections::BTreeSet;

use super::id::{Seq, UserId};

/// What a user may do, as read at a position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The user.
    pub user_id: UserId,
    /// The name the user signs in with.
    pub username: String,
    /// The log position at which it was read, or earlier.
    pub as_of: Seq,
    /// Names of the groups.
    pub groups: BTreeSet<String>,
    /// The union over the groups.
    pub permissions: BTreeSet<String>,
}

/// What a client was last told about its rights.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// Names of the groups.
    pub groups: BTreeSet<String>,
    /// The permissions.
    pub permissions: BTreeSet<String>,
}

impl Told {
    /// What a token tells its client.
    pub fn by_token(groups: &[String], permissions: &[String]) -> Self {
        Self {
            groups: groups.iter().cloned().collect(),
            permissions: permissions.iter().cloned().collect(),
        }
    }

    /// What a standing tells.
    pub fn by_standing(standing: &Standing) -> Self {
        Self {
            groups: standing.groups.clone(),
            permissions: standing.permissions.clone(),
        }
    }
}
