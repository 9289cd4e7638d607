//! What the tests stand on: a clock that stands still, a log in memory, a node on both.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use futures::future::BoxFuture;
use parking_lot::Mutex;
use sessionwire_guard::{KeySet, VerificationKey};
use tokio::sync::{Semaphore, watch};
use uuid::Uuid;

use crate::bus::Batch;
use crate::domain::access::InitiatingEntity;
use crate::domain::clock::{Clock, Entropy, Timestamp};
use crate::domain::error::Error;
use crate::domain::event::{Event, LogEntry};
use crate::domain::id::{GroupId, Seq, SessionId, UserId};
use crate::domain::session::Session;
use crate::domain::standing::{Given, Rights, Standing};
use crate::node::{Read, Source};

/// The name of the one signing key.
pub(crate) const KID: &str = "key-1";

/// A clock that moves only when it is told to.
pub(crate) struct ManualClock(Mutex<(Timestamp, Duration)>);

impl Default for ManualClock {
    fn default() -> Self {
        let start = Timestamp::from_seconds(1_800_000_000);
        Self(Mutex::new((start, Duration::from_secs(100))))
    }
}

impl ManualClock {
    /// A clock that shows this.
    pub(crate) fn at(now: Timestamp) -> Self {
        Self(Mutex::new((now, Duration::from_secs(100))))
    }

    /// Both clocks go on.
    pub(crate) fn advance(&self, by: Duration) {
        let mut time = self.0.lock();
        time.0 = time.0.plus(by);
        time.1 += by;
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        self.0.lock().0
    }

    fn uptime(&self) -> Duration {
        self.0.lock().1
    }
}

/// Counts instead of drawing lots.
#[derive(Default)]
pub(crate) struct Counting(AtomicU64);

impl Entropy for Counting {
    fn fill(&self, bytes: &mut [u8]) {
        let count = self.0.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        for (byte, value) in bytes.iter_mut().rev().zip(count.iter().rev()) {
            *byte = *value;
        }
    }
}

/// The user of this number.
pub(crate) fn user(number: u128) -> UserId {
    UserId(Uuid::from_u128(number))
}

/// The session of this number.
pub(crate) fn session(number: u128) -> SessionId {
    SessionId(Uuid::from_u128(number))
}

/// A user comes into a group.
pub(crate) fn joins(who: u128, group: &str) -> Event {
    Event::MembershipAdded {
        user_id: user(who),
        group_id: GroupId(Uuid::nil()),
        group: group.to_owned(),
    }
}

/// A user leaves a group.
pub(crate) fn leaves(who: u128, group: &str) -> Event {
    Event::MembershipRemoved {
        user_id: user(who),
        group_id: GroupId(Uuid::nil()),
        group: group.to_owned(),
    }
}

/// A group has these permissions besides.
pub(crate) fn grants(group: &str, permission: &str) -> Event {
    Event::GroupPermissionsChanged {
        group_id: GroupId(Uuid::nil()),
        name: group.to_owned(),
        added: vec![permission.to_owned()],
        removed: Vec::new(),
    }
}

/// Something that concerns nobody.
pub(crate) fn nothing() -> Event {
    Event::UserResumed { user_id: user(0) }
}

#[derive(Default)]
struct State {
    entries: Vec<LogEntry>,
    members: HashMap<UserId, BTreeSet<String>>,
    permissions: BTreeMap<String, BTreeSet<String>>,
    sessions: HashMap<SessionId, Session>,
    gone: BTreeSet<UserId>,
}

/// A log in memory and the state that its events make.
pub(crate) struct MemoryLog {
    clock: Arc<ManualClock>,
    state: Mutex<State>,
    /// Reads of rights wait here before they answer, with what they have read.
    pub(crate) hold: Semaphore,
    /// How many reads of rights have begun.
    pub(crate) standing_reads: watch::Sender<u64>,
    /// The standings of how many users were read.
    pub(crate) users_read: AtomicU64,
    /// How many reads of the log there were.
    pub(crate) log_reads: AtomicU64,
    /// Whether reads fail.
    pub(crate) broken: AtomicBool,
    /// The one signing key, if there is one.
    pub(crate) key: Option<VerificationKey>,
}

impl MemoryLog {
    pub(crate) fn new(clock: Arc<ManualClock>) -> Self {
        Self {
            clock,
            state: Mutex::default(),
            hold: Semaphore::new(Semaphore::MAX_PERMITS),
            standing_reads: watch::Sender::new(0),
            users_read: AtomicU64::new(0),
            log_reads: AtomicU64::new(0),
            broken: AtomicBool::new(false),
            key: None,
        }
    }

    /// Appends events as one commit, and changes the state accordingly.
    pub(crate) fn commit(&self, events: impl IntoIterator<Item = Event>) -> Arc<Batch> {
        let at = self.clock.now();
        let mut state = self.state.lock();
        let mut entries = Vec::new();
        for event in events {
            state.take(&event);
            let seq = Seq(u64::try_from(state.entries.len()).unwrap() + 1);
            let entry = LogEntry {
                seq,
                at,
                initiating_entity: InitiatingEntity::Admin,
                event,
            };
            state.entries.push(entry.clone());
            entries.push(entry);
        }
        Arc::new(Batch { entries })
    }

    /// What the user may do.
    pub(crate) fn rights(&self, user: UserId) -> Rights {
        let standing = self.state.lock().standing(user);
        standing.map_or_else(Rights::default, |it| Rights::clone(&it.rights))
    }

    /// What is kept of a session.
    pub(crate) fn keep_session(&self, session: Session) {
        self.state.lock().sessions.insert(session.id, session);
    }

    /// From now on reads of rights wait.
    pub(crate) fn hold_standings(&self) {
        self.hold.forget_permits(Semaphore::MAX_PERMITS);
    }

    /// Returns once that many reads of rights have begun.
    pub(crate) async fn until_read(&self, reads: u64) {
        let mut seen = self.standing_reads.subscribe();
        seen.wait_for(|count| *count >= reads).await.unwrap();
    }

    /// The same, for rights.
    fn read_rights<T: Send + 'static>(&self, read: impl FnOnce(&State) -> T) -> Read<'_, T> {
        let answer = self.read(read);
        self.standing_reads.send_modify(|count| *count += 1);
        Box::pin(async move {
            let permit = self.hold.acquire().await.unwrap();
            // While reads are held, each release lets one of them answer.
            if self.hold.available_permits() < Semaphore::MAX_PERMITS / 2 {
                permit.forget();
            }
            answer.await
        })
    }

    fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&State) -> T,
    ) -> BoxFuture<'static, Result<T, Error>> {
        let answer = if self.broken.load(Ordering::Relaxed) {
            Err(Error::internal("broken for the test"))
        } else {
            Ok(read(&self.state.lock()))
        };
        Box::pin(std::future::ready(answer))
    }
}

impl State {
    fn take(&mut self, event: &Event) {
        match event {
            Event::MembershipAdded { user_id, group, .. } => {
                let groups = self.members.entry(*user_id).or_default();
                groups.insert(group.clone());
            }
            Event::MembershipRemoved { user_id, group, .. } => {
                self.members.entry(*user_id).or_default().remove(group);
            }
            Event::GroupPermissionsChanged {
                name,
                added,
                removed,
                ..
            } => {
                let permissions = self.permissions.entry(name.clone()).or_default();
                permissions.extend(added.iter().cloned());
                permissions.retain(|it| !removed.contains(it));
            }
            Event::GroupUpdated { old_name, name, .. } => {
                for groups in self.members.values_mut() {
                    if groups.remove(old_name) {
                        groups.insert(name.clone());
                    }
                }
                let permissions = self.permissions.remove(old_name).unwrap_or_default();
                self.permissions.insert(name.clone(), permissions);
            }
            Event::UserDeleted { user_id, .. } => {
                self.gone.insert(*user_id);
            }
            _ => {}
        }
    }

    fn head(&self) -> Seq {
        self.entries.last().map_or(Seq(0), |entry| entry.seq)
    }

    fn standing(&self, user_id: UserId) -> Option<Standing> {
        let groups = self.members.get(&user_id).cloned().unwrap_or_default();
        let permissions = groups
            .iter()
            .filter_map(|group| self.permissions.get(group))
            .flatten()
            .cloned()
            .collect();
        (!self.gone.contains(&user_id)).then(|| Standing {
            user_id,
            as_of: self.head(),
            rights: Arc::new(Rights {
                groups,
                permissions,
            }),
        })
    }
}

impl Source for MemoryLog {
    fn head(&self) -> Read<'_, Seq> {
        self.read(State::head)
    }

    fn entries_after(&self, after: Seq, limit: u32) -> Read<'_, Vec<LogEntry>> {
        self.log_reads.fetch_add(1, Ordering::Relaxed);
        self.read(|state| {
            let rest = state.entries.iter().filter(|entry| entry.seq > after);
            rest.take(limit as usize).cloned().collect()
        })
    }

    fn standings<'a>(&'a self, users: &'a [UserId]) -> Read<'a, Vec<Standing>> {
        let count = u64::try_from(users.len()).unwrap();
        self.users_read.fetch_add(count, Ordering::Relaxed);
        self.read_rights(|state| {
            let found = users.iter().filter_map(|user| state.standing(*user));
            found.collect()
        })
    }

    fn given<'a>(&'a self, groups: &'a BTreeSet<String>) -> Read<'a, Given> {
        self.read_rights(|state| {
            let known = |group: &String| state.permissions.get_key_value(group);
            let known = groups.iter().filter_map(known);
            Given {
                as_of: state.head(),
                by_group: known.map(|(name, it)| (name.clone(), it.clone())).collect(),
            }
        })
    }

    fn find_session(&self, id: SessionId) -> Read<'_, Option<Session>> {
        self.read(|state| state.sessions.get(&id).cloned())
    }

    fn position_before(&self, at: Timestamp) -> Read<'_, Seq> {
        self.read(move |state| {
            let first = state.entries.iter().find(|entry| entry.at >= at);
            first.map_or(state.head(), |entry| Seq(entry.seq.0 - 1))
        })
    }

    fn retired_keys(&self) -> Read<'_, Vec<String>> {
        self.read(|_| Vec::new())
    }

    fn fill_keys(&self, _: Timestamp, mut set: KeySet) -> Read<'_, KeySet> {
        if let Some(key) = self.key.clone() {
            set.insert(KID, key).unwrap();
        }
        self.read(|_| set)
    }
}
