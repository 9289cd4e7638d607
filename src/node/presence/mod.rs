//! Who is connected: to this node, as the hub has it; and what the other nodes are told of that. It may not know
//! who asks.

mod report;

use std::collections::{BTreeMap, BTreeSet};

use super::Node;
use super::entry::{Entry, Seat};
use super::hub::Hub;
use crate::domain::id::{NodeId, SessionId, UserId};
use crate::domain::presence::{Holding, PresenceFilter, Present};

pub(super) use report::{PresenceReporter, Unreported};

impl Node {
    /// How many connections the session has here.
    pub fn connections_of_session(&self, session: SessionId, user: UserId) -> u32 {
        let count = self.inner.hub.count(user, |seat| seat.session == session);
        u32::try_from(count).unwrap_or(u32::MAX)
    }

    /// Whether a connection of one of these sessions of the user is open here that could answer a
    /// question.
    pub fn is_anyone_connected(&self, user: UserId, sessions: &[SessionId]) -> bool {
        self.inner.hub.count(user, |seat| {
            seat.answers && sessions.contains(&seat.session)
        }) > 0
    }

    /// How many connections are of one of these users or one of these sessions.
    pub fn connections_reached(&self, users: &[UserId], sessions: &[SessionId]) -> u64 {
        let users: BTreeSet<UserId> = users.iter().copied().collect();
        let sessions: BTreeSet<SessionId> = sessions.iter().copied().collect();
        u64::try_from(self.inner.hub.reached(&users, &sessions)).unwrap_or(u64::MAX)
    }

    /// The users connected here after this one, by id, at most `limit`.
    pub fn presence(
        &self,
        filter: &PresenceFilter,
        after: Option<UserId>,
        limit: usize,
    ) -> Vec<Present> {
        let inner = &self.inner;
        presence(&inner.hub, inner.roster.name(), filter, after, limit)
    }

    /// What this node is called.
    pub fn name(&self) -> &str {
        self.inner.roster.name()
    }

    /// The other nodes that live, and what they are called.
    pub fn others(&self) -> BTreeMap<NodeId, String> {
        self.inner.peers.live()
    }
}

fn presence(
    hub: &Hub,
    node: &str,
    filter: &PresenceFilter,
    after: Option<UserId>,
    limit: usize,
) -> Vec<Present> {
    let mut ids = Vec::new();
    hub.for_each(|user, entry| {
        if after.is_none_or(|after| user > after) && passes(filter, user, entry) {
            ids.push(user);
        }
    });
    if ids.len() > limit {
        ids.select_nth_unstable(limit);
        ids.truncate(limit);
    }
    ids.sort_unstable();
    let described = |user| {
        hub.look_at(user, |entry| {
            let is_still = passes(filter, user, entry);
            is_still.then(|| describe(node, filter, user, entry))
        })
    };
    ids.into_iter().filter_map(described).flatten().collect()
}

fn passes(filter: &PresenceFilter, user: UserId, entry: &Entry) -> bool {
    // Whose rights have not been read yet has not been welcomed yet.
    let Some(standing) = &entry.standing else {
        return false;
    };
    let is_in = |name: &String| standing.rights.groups.contains(name.as_str());
    filter.user.is_none_or(|wanted| user == wanted)
        && filter.group.as_ref().is_none_or(|(_, name)| is_in(name))
        && entry.seats.iter().any(|seat| is_on(filter, seat))
}

fn is_on(filter: &PresenceFilter, seat: &Seat) -> bool {
    filter.device.is_none_or(|wanted| seat.device == wanted)
}

fn describe(node: &str, filter: &PresenceFilter, user_id: UserId, entry: &Entry) -> Present {
    let on_it = entry.seats.iter().filter(|seat| is_on(filter, seat));
    let seats: Vec<&Seat> = on_it.collect();
    Present {
        user_id,
        connections: u32::try_from(seats.len()).unwrap_or(u32::MAX),
        devices: seats.iter().map(|seat| seat.device).collect(),
        nodes: BTreeSet::from([node.to_owned()]),
        since: entry.since,
    }
}

/// What this node holds of the user's sessions, by session.
fn holdings(hub: &Hub, user_id: UserId) -> Vec<Holding> {
    let held = hub.look_at(user_id, |entry| {
        let sessions: BTreeSet<SessionId> = match entry.standing {
            Some(_) => entry.seats.iter().map(|seat| seat.session).collect(),
            None => BTreeSet::new(),
        };
        let of = |session_id| {
            let seats = || {
                entry
                    .seats
                    .iter()
                    .filter(move |it| it.session == session_id)
            };
            Some(Holding {
                session_id,
                user_id,
                device_id: seats().next()?.device,
                connections: u32::try_from(seats().count()).unwrap_or(u32::MAX),
                answering: u32::try_from(seats().filter(|it| it.answers).count())
                    .unwrap_or(u32::MAX),
                since: entry.since,
            })
        };
        sessions.into_iter().filter_map(of).collect()
    });
    held.unwrap_or_default()
}
