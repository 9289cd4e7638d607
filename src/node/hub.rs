//! The live connections of this node, keyed by user, and what their users may do at present. It may
//! not know sockets: it puts letters into mailboxes.
//!
//! A user's entry is *current* when its standing covers the last applied event that concerns the user
//! (`moved_at`). An event concerns a group's members by name: those whose standing lists the group,
//! and those whose standing is not known or not current, because it could.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};

use super::announcement::{Announcement, Tally};
use super::bell::Bell;
use super::delivery::Delivery;
use super::mailbox::{Mailbox, RightsUpdate};
use super::presence::Unreported;
use super::shared_rights::SharedRights;
use crate::domain::clock::Timestamp;
use crate::domain::close::Close;
use crate::domain::id::{ConnectionId, DeviceId, Seq, SessionId, UserId};
use crate::domain::message::RightsCause;
use crate::domain::session::SessionEnd;
use crate::domain::standing::Standing;

/// Few enough to lock one after the other, enough that connections rarely meet at a lock.
const SHARDS: usize = 64;

/// Up to so many connections are told something at once; more of them have their turns.
const FEW: usize = 4;

/// A connection in the hub.
pub(super) struct Seat {
    pub(super) id: ConnectionId,
    pub(super) session: SessionId,
    pub(super) device: DeviceId,
    /// Whether its client has a way to answer.
    pub(super) answers: bool,
    pub(super) mailbox: Arc<Mailbox>,
}

/// A connected user.
pub(super) struct Entry {
    pub(super) seats: Vec<Seat>,
    pub(super) standing: Option<Arc<Standing>>,
    pub(super) since: Timestamp,
    moved_at: Seq,
    cause: Option<Arc<RightsCause>>,
}

impl Entry {
    fn new(since: Timestamp) -> Self {
        Self {
            seats: Vec::new(),
            standing: None,
            since,
            moved_at: Seq(0),
            cause: None,
        }
    }

    /// Whether the standing covers every event that was applied.
    fn is_current(&self) -> bool {
        self.standing
            .as_ref()
            .is_some_and(|standing| standing.as_of >= self.moved_at)
    }

    /// Whether a change of this group could concern the user.
    fn may_be_in(&self, group: &str) -> bool {
        !self.is_current() || self.is_known_in(group)
    }

    /// Whether the user is in the group as far as is known.
    fn is_known_in(&self, group: &str) -> bool {
        self.standing
            .as_ref()
            .is_some_and(|standing| standing.rights.groups.contains(group))
    }

    fn rights(&self) -> Option<RightsUpdate> {
        self.standing.as_ref().map(|standing| RightsUpdate {
            standing: Arc::clone(standing),
            cause: self.cause.as_deref().copied(),
            current: self.is_current(),
        })
    }
}

type Shard = HashMap<UserId, Entry>;

fn seats_of(shard: &Shard, user: UserId) -> &[Seat] {
    shard.get(&user).map_or(&[], |entry| &entry.seats)
}

/// The connections.
pub(super) struct Hub {
    shards: Box<[Mutex<Shard>]>,
    max_per_user: usize,
    bell: Arc<Bell>,
    shared_rights: SharedRights,
    unreported: Unreported,
}

impl Hub {
    /// Nobody is connected.
    pub(super) fn new(max_per_user: usize, bell: Arc<Bell>) -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            max_per_user,
            bell,
            shared_rights: SharedRights::default(),
            unreported: Unreported::default(),
        }
    }

    /// Whose connections are others than the other nodes were told.
    pub(super) fn unreported(&self) -> &Unreported {
        &self.unreported
    }

    /// Takes a connection in; from now on every event that is applied reaches it. What is known of
    /// its user's rights is in its mailbox at once; returns whether they have to be read.
    pub(super) fn register(
        self: &Arc<Self>,
        user: UserId,
        seat: Seat,
        now: Timestamp,
        needs: Seq,
    ) -> Result<(Registration, bool), Close> {
        let registration = Registration {
            hub: Arc::clone(self),
            user,
            id: seat.id,
        };
        let mut shard = self.shard(user);
        let entry = shard.entry(user).or_insert_with(|| Entry::new(now));
        if entry.seats.len() >= self.max_per_user {
            drop(shard);
            return Err(Close::CONNECTION_LIMIT);
        }
        let rights = entry
            .rights()
            .filter(|rights| rights.current && rights.standing.as_of >= needs);
        let must_read = rights.is_none();
        if let Some(rights) = rights
            && seat.mailbox.leave_rights(rights)
        {
            self.bell.ring(vec![Arc::clone(&seat.mailbox)]);
        }
        if entry.seats.is_empty() {
            // Most people have one.
            entry.seats.reserve_exact(1);
        }
        entry.seats.push(seat);
        self.unreported.mark(user);
        Ok((registration, must_read))
    }

    fn unregister(&self, user: UserId, id: ConnectionId) {
        let mut shard = self.shard(user);
        if let Some(entry) = shard.get_mut(&user) {
            // Only its own seat: a successor of the same session stays.
            entry.seats.retain(|seat| seat.id != id);
            if entry.seats.is_empty() {
                shard.remove(&user);
            }
            self.unreported.mark(user);
        }
    }

    /// A session ended: its connections hear it before anything else.
    pub(super) fn end(
        &self,
        user: UserId,
        session: SessionId,
        end: &SessionEnd,
        delivery: &Arc<Delivery>,
    ) {
        for seat in seats_of(&self.shard(user), user) {
            if seat.session == session {
                seat.mailbox.put_end(end.clone(), delivery);
            }
        }
    }

    /// Gives a message to the user's connections that are of these sessions; of all where none are
    /// named.
    pub(super) fn tell(
        &self,
        user: UserId,
        sessions: Option<&[SessionId]>,
        message: &Arc<Announcement>,
    ) {
        let mailboxes: Vec<_> = seats_of(&self.shard(user), user)
            .iter()
            .filter(|seat| sessions.is_none_or(|sessions| sessions.contains(&seat.session)))
            .map(|seat| Arc::clone(&seat.mailbox))
            .collect();
        if mailboxes.len() > FEW {
            let left = |it: &Arc<Mailbox>| it.leave_message(Arc::clone(message));
            self.bell.ring(mailboxes.into_iter().filter(left).collect());
            return;
        }
        let mut tally = Tally::default();
        for mailbox in mailboxes {
            mailbox.put_message(Arc::clone(message), &mut tally);
        }
        tally.count();
    }

    /// Gives a message to everybody who is in the group as far as is known.
    pub(super) fn tell_group(&self, group: &str, message: &Arc<Announcement>) {
        for shard in &self.shards {
            let mut waiting = Vec::new();
            for entry in shard.lock().values().filter(|it| it.is_known_in(group)) {
                let mailboxes = entry.seats.iter().map(|seat| &seat.mailbox);
                let left = mailboxes.filter(|it| it.leave_message(Arc::clone(message)));
                waiting.extend(left.cloned());
            }
            // Before the next shard: the first are told while the last are looked for.
            self.bell.ring(waiting);
        }
    }

    /// A signing key is trusted no more: every connection looks whether its token was of that key.
    pub(super) fn look_at_keys(&self, delivery: &Arc<Delivery>) {
        self.for_each(|_, entry| {
            for seat in &entry.seats {
                seat.mailbox.put_look_at_key(delivery.ticket());
            }
        });
    }

    /// The connected users that a change of one of these groups could concern, and which change of
    /// them comes last in the list.
    pub(super) fn users_in<'a, T: Copy>(&self, groups: &'a [(&'a str, T)]) -> Vec<(UserId, T)> {
        let mut users = Vec::new();
        if groups.is_empty() {
            return users;
        }
        self.for_each(|user, entry| {
            let last = groups.iter().rev().find(|(name, _)| entry.may_be_in(name));
            users.extend(last.map(|(_, what)| (user, *what)));
        });
        users
    }

    /// Looks at the user, if connected.
    pub(super) fn look_at<T>(&self, user: UserId, look: impl FnOnce(&Entry) -> T) -> Option<T> {
        self.shard(user).get(&user).map(look)
    }

    /// Whether the user is connected.
    pub(super) fn has(&self, user: UserId) -> bool {
        self.shard(user).contains_key(&user)
    }

    /// The rights of a connected user moved: what is known of them is no longer current.
    pub(super) fn move_rights(&self, user: UserId, cause: RightsCause, delivery: &Arc<Delivery>) {
        let mut shard = self.shard(user);
        let Some(entry) = shard.get_mut(&user) else {
            return;
        };
        entry.moved_at = entry.moved_at.max(cause.id);
        entry.cause = Some(Arc::new(cause));
        for seat in &entry.seats {
            seat.mailbox.owe(cause.id, delivery);
        }
    }

    /// Takes in a standing that was read, unless a newer one is known, and lets the connections know.
    /// Returns whether it has to be read again, because the rights moved meanwhile.
    pub(super) fn install(&self, mut standing: Standing) -> bool {
        standing.rights = self.shared_rights.share(standing.rights);
        let mut shard = self.shard(standing.user_id);
        let Some(entry) = shard.get_mut(&standing.user_id) else {
            return false;
        };
        let known = entry.standing.as_ref().map(|known| known.as_of);
        if known.is_some_and(|known| known > standing.as_of) {
            return !entry.is_current();
        }
        if entry.standing.is_none() {
            // Only now the user is one of those who are shown.
            self.unreported.mark(standing.user_id);
        }
        entry.standing = Some(Arc::new(standing));
        let mut waiting = Vec::new();
        if let Some(rights) = entry.rights() {
            for seat in &entry.seats {
                if seat.mailbox.leave_rights(rights.clone()) {
                    waiting.push(Arc::clone(&seat.mailbox));
                }
            }
        }
        self.bell.ring(waiting);
        !entry.is_current()
    }

    /// Visits every connected user, a shard at a time.
    pub(super) fn for_each(&self, mut visit: impl FnMut(UserId, &Entry)) {
        for shard in &self.shards {
            for (user, entry) in shard.lock().iter() {
                visit(*user, entry);
            }
        }
    }

    /// How many users are connected, and with how many connections.
    pub(super) fn size(&self) -> (u64, u64) {
        let (mut users, mut connections) = (0, 0);
        self.for_each(|_, entry| {
            users += 1;
            connections += entry.seats.len() as u64;
        });
        (users, connections)
    }

    /// How many connections the user has that fit.
    pub(super) fn count(&self, user: UserId, fits: impl Fn(&Seat) -> bool) -> usize {
        seats_of(&self.shard(user), user)
            .iter()
            .filter(|seat| fits(seat))
            .count()
    }

    /// How many connections are of one of these users or one of these sessions.
    pub(super) fn reached(
        &self,
        users: &BTreeSet<UserId>,
        sessions: &BTreeSet<SessionId>,
    ) -> usize {
        if sessions.is_empty() {
            return users.iter().map(|user| self.count(*user, |_| true)).sum();
        }
        let mut count = 0;
        self.for_each(|user, entry| {
            count += if users.contains(&user) {
                entry.seats.len()
            } else {
                let of_sessions = |seat: &&Seat| sessions.contains(&seat.session);
                entry.seats.iter().filter(of_sessions).count()
            };
        });
        count
    }

    fn shard(&self, user: UserId) -> MutexGuard<'_, Shard> {
        // The last bits of a UUIDv7 are random; the first ones are the time.
        let spread = usize::from(user.0.as_bytes()[15]);
        self.shards[spread % self.shards.len()].lock()
    }
}

/// A connection's place in the hub; it leaves when this is dropped.
pub(super) struct Registration {
    hub: Arc<Hub>,
    user: UserId,
    id: ConnectionId,
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.hub.unregister(self.user, self.id);
    }
}
