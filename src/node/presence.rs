//! Presence: who is connected to this node.

use std::collections::BTreeSet;

use super::hub::Hub;
use crate::domain::clock::Timestamp;
use crate::domain::id::UserId;

/// A connected user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Present {
    /// Who.
    pub user_id: UserId,
    /// The name that the user signs in with.
    pub username: String,
    /// How many connections.
    pub connections: u32,
    /// On how many devices.
    pub devices: u32,
    /// Since when without a gap.
    pub since: Timestamp,
}

/// Connected users in order of id.
pub fn list(hub: &Hub, after: Option<UserId>, limit: usize) -> Vec<Present> {
    let mut users = hub.users();
    users.retain(|user| after.is_none_or(|after| *user > after));
    users.sort_unstable();
    users
        .into_iter()
        .filter_map(|user| present(hub, user))
        .take(limit)
        .collect()
}

fn present(hub: &Hub, user: UserId) -> Option<Present> {
    let connections = hub.connections(user);
    let devices: BTreeSet<_> = connections.iter().map(|handle| handle.device_id).collect();
    Some(Present {
        user_id: user,
        username: hub.latest(user)?.standing.username.clone(),
        connections: u32::try_from(connections.len()).ok()?,
        devices: u32::try_from(devices.len()).ok()?,
        since: connections.iter().map(|handle| handle.since).min()?,
    })
}
