//! The hub: the live connections of this node, keyed by user and device, and what each user's
//! standing is. It may not know how standings are read or what is written to sockets.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::{Mutex, RwLock};

use super::delivery::Delivery;
use super::mailbox::Handle;
use crate::domain::id::{Seq, SessionId, UserId};
use crate::domain::message::RightsCause;
use crate::domain::session::SessionEnd;
use crate::domain::standing::Standing;

/// Up to so many connected users refresh at once; more are spread.
const AT_ONCE: usize = 50;
/// So much time for each of them, in milliseconds.
const SPREAD_MS_EACH: u64 = 2;
/// And never more than this, in milliseconds.
const SPREAD_MS_MAX: u64 = 60_000;

/// A connected user.
#[derive(Default)]
struct Entry {
    connections: Vec<Arc<Handle>>,
    standing: Option<Arc<Standing>>,
    /// Moves with every event that may concern the user's rights.
    version: u64,
    /// The version at which the standing began to be read.
    read_at_version: u64,
    cause: Option<RightsCause>,
}

impl Entry {
    fn is_current(&self) -> bool {
        self.standing.is_some() && self.read_at_version == self.version
    }

    /// Before the first reading anything may concern the user.
    fn is_in_group(&self, name: &str) -> bool {
        self.standing
            .as_ref()
            .is_none_or(|standing| standing.groups.contains(name))
    }
}

/// The live connections.
#[derive(Default)]
pub struct Hub {
    users: RwLock<HashMap<UserId, Arc<Mutex<Entry>>>>,
}

/// A standing, and what moved it last.
#[derive(Clone)]
pub struct Known {
    /// The standing.
    pub standing: Arc<Standing>,
    /// The last event that concerned it while the user was connected here.
    pub cause: Option<RightsCause>,
}

impl Hub {
    /// Adds a connection, unless the user has too many.
    pub fn register(&self, handle: &Arc<Handle>, max_per_user: usize) -> bool {
        let mut users = self.users.write();
        let entry = users.entry(handle.user_id).or_default();
        let mut entry = entry.lock();
        if entry.connections.len() >= max_per_user {
            return false;
        }
        entry.connections.push(Arc::clone(handle));
        true
    }

    /// Takes exactly this connection out.
    pub fn unregister(&self, handle: &Arc<Handle>) {
        let mut users = self.users.write();
        let Some(entry) = users.get(&handle.user_id) else {
            return;
        };
        let is_empty = {
            let mut entry = entry.lock();
            entry
                .connections
                .retain(|other| !Arc::ptr_eq(other, handle));
            entry.connections.is_empty()
        };
        if is_empty {
            users.remove(&handle.user_id);
        }
    }

    fn entry(&self, user: UserId) -> Option<Arc<Mutex<Entry>>> {
        self.users.read().get(&user).cloned()
    }

    /// The version of what may concern a user's rights; none if not connected.
    pub fn version(&self, user: UserId) -> Option<u64> {
        self.entry(user).map(|entry| entry.lock().version)
    }

    /// The standing, if nothing has concerned it since it was read.
    pub fn current(&self, user: UserId) -> Option<Known> {
        let entry = self.entry(user)?;
        let entry = entry.lock();
        let standing = entry.standing.clone().filter(|_| entry.is_current())?;
        Some(Known {
            standing,
            cause: entry.cause,
        })
    }

    /// The standing as it was read last.
    pub fn latest(&self, user: UserId) -> Option<Known> {
        let entry = self.entry(user)?;
        let entry = entry.lock();
        Some(Known {
            standing: entry.standing.clone()?,
            cause: entry.cause,
        })
    }

    /// Takes in a standing that began to be read at this version, and wakes the user's connections.
    /// An older reading never takes a newer one's place.
    pub fn set_standing(&self, standing: Standing, read_at_version: u64) {
        let Some(entry) = self.entry(standing.user_id) else {
            return;
        };
        let mut entry = entry.lock();
        if entry
            .standing
            .as_ref()
            .is_some_and(|known| known.as_of > standing.as_of)
        {
            return;
        }
        entry.standing = Some(Arc::new(standing));
        entry.read_at_version = entry.read_at_version.max(read_at_version);
        for handle in &entry.connections {
            handle.put_rights();
        }
    }

    /// An event may concern this user's rights. Answers whether the user is connected.
    pub fn touch_user(
        &self,
        user: UserId,
        cause: RightsCause,
        delivery: &Arc<Delivery>,
    ) -> Vec<UserId> {
        let Some(entry) = self.entry(user) else {
            return Vec::new();
        };
        touch(&mut entry.lock(), cause, delivery);
        vec![user]
    }

    /// An event may concern the rights of everybody in this group. Answers who of them is connected.
    pub fn touch_group(
        &self,
        name: &str,
        mut cause: RightsCause,
        delivery: &Arc<Delivery>,
    ) -> Vec<UserId> {
        let concerned = self.members_here(name);
        cause.refresh_within_ms = spread(concerned.len());
        for (_, entry) in &concerned {
            touch(&mut entry.lock(), cause, delivery);
        }
        concerned.into_iter().map(|(user, _)| user).collect()
    }

    fn members_here(&self, name: &str) -> Vec<(UserId, Arc<Mutex<Entry>>)> {
        let users = self.users.read();
        users
            .iter()
            .filter(|(_, entry)| entry.lock().is_in_group(name))
            .map(|(user, entry)| (*user, Arc::clone(entry)))
            .collect()
    }

    /// A session ended.
    pub fn end(
        &self,
        user: UserId,
        session: SessionId,
        end: &SessionEnd,
        delivery: &Arc<Delivery>,
    ) {
        for handle in self.connections_of_sessions(user, &[session]) {
            handle.put_end(end.clone(), delivery.ticket(end.seq));
        }
    }

    /// Something is to be said to a user.
    pub fn tell_user(&self, user: UserId, frame: &Arc<str>, seq: Seq, delivery: &Arc<Delivery>) {
        for handle in self.connections(user) {
            handle.put_notice(Arc::clone(frame), delivery.ticket(seq));
        }
    }

    /// Something is to be said to the members of a group.
    pub fn tell_group(&self, name: &str, frame: &Arc<str>, seq: Seq, delivery: &Arc<Delivery>) {
        for (user, _) in self.members_here(name) {
            self.tell_user(user, frame, seq, delivery);
        }
    }

    /// Something is to be said to these sessions.
    pub fn tell_sessions(
        &self,
        user: UserId,
        sessions: &[SessionId],
        frame: &Arc<str>,
        seq: Seq,
        delivery: &Arc<Delivery>,
    ) {
        for handle in self.connections_of_sessions(user, sessions) {
            handle.put_notice(Arc::clone(frame), delivery.ticket(seq));
        }
    }

    /// A user's connections.
    pub fn connections(&self, user: UserId) -> Vec<Arc<Handle>> {
        self.entry(user)
            .map(|entry| entry.lock().connections.clone())
            .unwrap_or_default()
    }

    /// The connections of these sessions of a user.
    pub fn connections_of_sessions(
        &self,
        user: UserId,
        sessions: &[SessionId],
    ) -> Vec<Arc<Handle>> {
        let mut connections = self.connections(user);
        connections.retain(|handle| sessions.contains(&handle.session_id));
        connections
    }

    /// Every connection.
    pub fn all(&self) -> Vec<Arc<Handle>> {
        let users = self.users.read();
        users
            .values()
            .flat_map(|entry| entry.lock().connections.clone())
            .collect()
    }

    /// The connected users.
    pub fn users(&self) -> Vec<UserId> {
        self.users.read().keys().copied().collect()
    }

    /// Whether nobody is connected.
    pub fn is_empty(&self) -> bool {
        self.users.read().is_empty()
    }
}

fn touch(entry: &mut Entry, cause: RightsCause, delivery: &Arc<Delivery>) {
    let waits_already = !entry.is_current();
    entry.version += 1;
    entry.cause = Some(match entry.cause {
        // What piles up before the next reading is one message, as patient as its hastiest part.
        Some(earlier) if waits_already => RightsCause {
            refresh_within_ms: earlier.refresh_within_ms.min(cause.refresh_within_ms),
            ..cause
        },
        _ => cause,
    });
    for handle in &entry.connections {
        handle.put_ticket(delivery.ticket(cause.id));
    }
}

fn spread(users: usize) -> u64 {
    if users <= AT_ONCE {
        return 0;
    }
    let users = u64::try_from(users).unwrap_or(u64::MAX);
    users.saturating_mul(SPREAD_MS_EACH).min(SPREAD_MS_MAX)
}
