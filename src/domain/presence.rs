//! Who is connected, and where: what each node holds, put together. It may not know how a node learns of the
//! others.

use std::collections::{BTreeMap, BTreeSet};

use super::clock::Timestamp;
use super::id::{DeviceId, GroupId, SessionId, UserId};

/// What a node holds of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holding {
    /// Which session.
    pub session_id: SessionId,
    /// Whose.
    pub user_id: UserId,
    /// On which device.
    pub device_id: DeviceId,
    /// Open connections.
    pub connections: u32,
    /// How many of them could answer a question.
    pub answering: u32,
    /// Since when the user is connected to the node.
    pub since: Timestamp,
}

/// What a node says of what it holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PresenceChange {
    /// Whether nothing holds any more that it said before.
    pub anew: bool,
    /// What it holds now, of sessions of which it held something else.
    pub held: Vec<Holding>,
    /// Sessions of which it holds nothing any more.
    pub gone: Vec<SessionId>,
}

/// A connected user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Present {
    /// The user.
    pub user_id: UserId,
    /// Open connections.
    pub connections: u32,
    /// Devices that they are on.
    pub devices: BTreeSet<DeviceId>,
    /// Nodes that they are to.
    pub nodes: BTreeSet<String>,
    /// When the first of them came that has had company ever since, at its node.
    pub since: Timestamp,
}

/// Of whom one wants to know.
#[derive(Clone, Debug, Default)]
pub struct PresenceFilter {
    /// Of this user.
    pub user: Option<UserId>,
    /// Of members of this group, which has this name.
    pub group: Option<(GroupId, String)>,
    /// On this device.
    pub device: Option<DeviceId>,
}

impl Present {
    fn join(&mut self, other: Self) {
        self.connections = self.connections.saturating_add(other.connections);
        self.devices.extend(other.devices);
        self.nodes.extend(other.nodes);
        self.since = self.since.min(other.since);
    }
}

/// What several nodes say, each user once, by id, at most `limit`. Each of them said all that it had up to some
/// user, and had at least `limit` users to tell of where it stopped.
pub fn together(said: impl IntoIterator<Item = Present>, limit: usize) -> Vec<Present> {
    let mut users: BTreeMap<UserId, Present> = BTreeMap::new();
    for present in said {
        match users.get_mut(&present.user_id) {
            Some(known) => known.join(present),
            None => drop(users.insert(present.user_id, present)),
        }
    }
    users.into_values().take(limit).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    fn present(user: u128, node: &str) -> Present {
        Present {
            user_id: UserId(Uuid::from_u128(user)),
            connections: 1,
            devices: [DeviceId(Uuid::from_u128(user))].into(),
            nodes: [node.to_owned()].into(),
            since: Timestamp::from_seconds(1),
        }
    }

    proptest! {
        /// However the pages are cut, everybody is on exactly one of them, with everything that is his.
        #[test]
        fn pages_show_everybody_once(
            here in prop::collection::btree_set(0..40_u128, 0..30),
            there in prop::collection::btree_set(0..40_u128, 0..30),
            limit in 1..7_usize,
        ) {
            let mut seen = Vec::new();
            let mut after = None;
            loop {
                let page = |users: &BTreeSet<u128>, node: &str| -> Vec<Present> {
                    let rest = users.iter().filter(|user| after.is_none_or(|after| **user > after));
                    rest.take(limit).map(|user| present(*user, node)).collect()
                };
                let said = page(&here, "here").into_iter().chain(page(&there, "there"));
                let found = together(said, limit);
                let Some(last) = found.last() else { break };
                after = Some(last.user_id.0.as_u128());
                seen.extend(found);
            }
            let all: Vec<u128> = here.union(&there).copied().collect();
            prop_assert_eq!(seen.iter().map(|it| it.user_id.0.as_u128()).collect::<Vec<_>>(), all);
            for it in seen {
                let user = it.user_id.0.as_u128();
                let nodes = usize::from(here.contains(&user)) + usize::from(there.contains(&user));
                prop_assert_eq!(it.nodes.len(), nodes);
                prop_assert_eq!(usize::try_from(it.connections), Ok(nodes));
                prop_assert_eq!(it.devices.len(), 1);
            }
        }
    }
}
