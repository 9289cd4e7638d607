//! The present state of a connected user's rights. It may not know who loads it.

use std::collections::{BTreeMap, BTreeSet};
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
    /// What these groups give, of which some give this.
    pub fn by_groups(
        groups: &BTreeSet<String>,
        given: &BTreeMap<String, BTreeSet<String>>,
    ) -> Self {
        let permissions = groups.iter().filter_map(|group| given.get(group));
        Self {
            groups: groups.clone(),
            permissions: permissions.flatten().cloned().collect(),
        }
    }

    /// What a token says.
    pub fn by_token(groups: &[String], permissions: &[String]) -> Self {
        Self {
            groups: groups.iter().cloned().collect(),
            permissions: permissions.iter().cloned().collect(),
        }
    }
}

/// What groups give, as read at a position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    /// The log position at which it was read, or earlier.
    pub as_of: Seq,
    /// The permissions by the names of the groups; those that are gone are left out.
    pub by_group: BTreeMap<String, BTreeSet<String>>,
}

/// What a user may do, as read at a position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The user.
    pub user_id: UserId,
    /// The log position at which it was read, or earlier.
    pub as_of: Seq,
    /// What the user may do; many users may do the same.
    pub rights: Arc<Rights>,
}
