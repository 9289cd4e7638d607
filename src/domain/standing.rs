//! The present state of a connected user's rights. It may not know who loads it.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::id::{Seq, UserId};

/// What somebody may do, and by which groups: as it is, or as a client was last told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Rights {
    /// Names of the groups.
    pub groups: BTreeSet<String>,
    /// The union over the groups.
    pub permissions: BTreeSet<String>,
}

impl Rights {
    /// What a token says.
    pub fn by_token(groups: &[String], permissions: &[String]) -> Self {
        Self {
            groups: groups.iter().cloned().collect(),
            permissions: permissions.iter().cloned().collect(),
        }
    }
}

/// What a user may do, as read at a position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The user.
    pub user_id: UserId,
    /// The name the user signs in with.
    pub username: Box<str>,
    /// The log position at which it was read, or earlier.
    pub as_of: Seq,
    /// What the user may do; many users may do the same.
    pub rights: Arc<Rights>,
}
