//! Who is connected to this node. It may not know who asks.

use std::collections::BTreeSet;

use super::hub::{Entry, Hub};
use crate::domain::clock::Timestamp;
use crate::domain::id::UserId;

/// A connected user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Present {
    /// The user.
    pub user_id: UserId,
    /// The name the user signs in with.
    pub username: String,
    /// Open connections.
    pub connections: u32,
    /// Devices that they are on.
    pub devices: u32,
    /// When the first of them came that has had company ever since.
    pub since: Timestamp,
}

/// The connected users after this one, by id, at most `limit`.
pub(super) fn presence(hub: &Hub, after: Option<UserId>, limit: usize) -> Vec<Present> {
    let mut ids = Vec::new();
    hub.for_each(|user, entry| {
        // Whose rights have not been read yet has not been welcomed yet.
        if entry.standing.is_some() && after.is_none_or(|after| user > after) {
            ids.push(user);
        }
    });
    if ids.len() > limit {
        ids.select_nth_unstable(limit);
        ids.truncate(limit);
    }
    let wanted: BTreeSet<UserId> = ids.into_iter().collect();
    let mut present = Vec::with_capacity(wanted.len());
    hub.for_each(|user, entry| {
        if wanted.contains(&user) {
            present.extend(describe(user, entry));
        }
    });
    present.sort_unstable_by_key(|it| it.user_id);
    present
}

fn describe(user_id: UserId, entry: &Entry) -> Option<Present> {
    let devices: BTreeSet<_> = entry.seats.iter().map(|seat| seat.device).collect();
    entry.standing.as_ref().map(|standing| Present {
        user_id,
        username: standing.username.clone(),
        connections: u32::try_from(entry.seats.len()).unwrap_or(u32::MAX),
        devices: u32::try_from(devices.len()).unwrap_or(u32::MAX),
        since: entry.since,
    })
}
