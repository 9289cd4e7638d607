//! The live connections of this node, keyed by user, and what their users may do at present. It may
//! not know sockets: it puts letters into mailboxes.
//!
//! An event concerns a group's members by name: those whose standing lists the group, and those whose groups are not
//! known (`entry`), because it could.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};

use super::announcement::{Announcement, Tally};
use super::bell::Bell;
use super::delivery::Delivery;
use super::entry::{Entry, Move, Seat};
use super::mailbox::Mailbox;
use super::presence::Unreported;
use super::shared_rights::SharedRights;
use crate::domain::clock::Timestamp;
use crate::domain::close::Close;
use crate::domain::id::{ConnectionId, Seq, SessionId, UserId};
use crate::domain::session::SessionEnd;
use crate::domain::standing::{Rights, Standing};

/// Few enough to lock one after the other, enough that connections rarely meet at a lock.
const SHARDS: usize = 64;

/// Up to so many connections are told something at once; more of them have their turns.
const FEW: usize = 4;

/// In boxes: a table has more places than entries.
type Shard = HashMap<UserId, Box<Entry>>;

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
        let entry = shard
            .entry(user)
            .or_insert_with(|| Box::new(Entry::new(now)));
        if entry.seats.len() >= self.max_per_user {
            drop(shard);
            return Err(Close::CONNECTION_LIMIT);
        }
        let rights = entry
            .rights()
            .filter(|rights| rights.current && rights.standing.as_of >= needs);
        let must_read = rights.is_none();
        if let Some(rights) = rights {
            seat.mailbox.put_rights(rights);
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
            let (message, mut waiting) = (message.another(), Vec::new());
            for entry in shard.lock().values().filter(|it| it.is_known_in(group)) {
                let mailboxes = entry.seats.iter().map(|seat| &seat.mailbox);
                let left = mailboxes.filter(|it| it.leave_message(Arc::clone(&message)));
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

    /// The connected users that changes of these groups could concern, and what they are for each.
    pub(super) fn users_in(&self, groups: &[(&str, Move)]) -> Vec<(UserId, Move)> {
        let mut users = Vec::new();
        if groups.is_empty() {
            return users;
        }
        self.for_each(|user, entry| {
            let concerning = groups.iter().filter(|(name, _)| entry.may_be_in(name));
            let all = concerning.map(|(_, what)| *what).reduce(Move::and);
            users.extend(all.map(|what| (user, what)));
        });
        users
    }

    /// Looks at the user, if connected.
    pub(super) fn look_at<T>(&self, user: UserId, look: impl FnOnce(&Entry) -> T) -> Option<T> {
        self.shard(user).get(&user).map(|entry| look(entry))
    }

    /// The rights of a user who is in the groups that they name.
    pub(super) fn known_groups(&self, user: UserId) -> Option<Arc<Rights>> {
        let shard = self.shard(user);
        let known = shard.get(&user)?.known_groups()?;
        Some(Arc::clone(&known.rights))
    }

    /// Everybody who is connected.
    pub(super) fn users(&self) -> Vec<UserId> {
        let mut users = Vec::new();
        self.for_each(|user, _| users.push(user));
        users
    }

    /// Whether the user is connected.
    pub(super) fn has(&self, user: UserId) -> bool {
        self.shard(user).contains_key(&user)
    }

    /// The rights of a connected user moved: what is known of them is no longer current.
    pub(super) fn move_rights(&self, user: UserId, what: &Move, delivery: &Arc<Delivery>) {
        let mut shard = self.shard(user);
        let Some(entry) = shard.get_mut(&user) else {
            return;
        };
        entry.move_rights(what);
        for seat in &entry.seats {
            seat.mailbox.owe(what.cause.id, delivery);
        }
    }

    /// Takes in a standing that was read, unless a newer one is known, and lets the connections know.
    /// Returns whether it has to be read again, because the rights moved meanwhile.
    pub(super) fn install(&self, mut standing: Standing) -> bool {
        standing.rights = self.shared_rights.share(standing.rights);
        self.install_shared(standing)
    }

    /// Rights as others have them, where others do.
    pub(super) fn share(&self, rights: Rights) -> Arc<Rights> {
        self.shared_rights.share(Arc::new(rights))
    }

    /// As [`Self::install`], with rights that are shared already.
    pub(super) fn install_shared(&self, standing: Standing) -> bool {
        let mut shard = self.shard(standing.user_id);
        let Some(entry) = shard.get_mut(&standing.user_id) else {
            return false;
        };
        if entry.standing.is_none() {
            // Only now the user is one of those who are shown.
            self.unreported.mark(standing.user_id);
        }
        self.settle(entry, standing)
    }

    /// The same for many, where only what their groups give was read: everything up to `as_of` has been applied, so that
    /// who is known to be in these groups was in them then. Returns whose rights have to be read again.
    pub(super) fn install_given(
        &self,
        mut users: Vec<UserId>,
        rights: Rights,
        as_of: Seq,
    ) -> Vec<UserId> {
        let rights = self.shared_rights.share(Arc::new(rights));
        users.retain(|user| self.install_one_given(*user, &rights, as_of));
        users
    }

    fn install_one_given(&self, user: UserId, rights: &Arc<Rights>, as_of: Seq) -> bool {
        let mut shard = self.shard(user);
        let Some(entry) = shard.get_mut(&user) else {
            return false;
        };
        let known = entry.known_groups();
        let Some(known) = known.filter(|known| known.rights.groups == rights.groups) else {
            return true;
        };
        let standing = Standing {
            as_of,
            rights: Arc::clone(rights),
            ..Standing::clone(known)
        };
        self.settle(entry, standing)
    }

    fn settle(&self, entry: &mut Entry, standing: Standing) -> bool {
        let known = entry.standing.as_ref().map(|known| known.as_of);
        if known.is_some_and(|known| known > standing.as_of) {
            return !entry.is_current();
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
