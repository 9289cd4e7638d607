//! How every change ends: committed and announced, or previewed and rolled back. The only caller of
//! the bus.

use std::collections::BTreeSet;

use super::{Core, Result};
use crate::bus::Batch;
use crate::domain::access::{Cause, InitiatingEntity};
use crate::domain::clock::Timestamp;
use crate::domain::effect::Effect as Hears;
use crate::domain::error::Error;
use crate::domain::event::{Event, LogEntry};
use crate::domain::id::{Seq, SessionId, UserId};
use crate::storage::Tx;

/// Who asks and how.
#[derive(Clone, Debug)]
pub struct Call {
    /// Who, from where, in which request.
    pub cause: Cause,
    /// Whether it is to happen.
    pub mode: Mode,
    /// Whose sessions the caller may touch.
    pub power: Power,
}

/// Whether a change is to happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// It is.
    Commit,
    /// It is only asked what it would reach: the same rules run, and are rolled back.
    DryRun,
}

/// Whose sessions a caller may touch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Power {
    /// Anybody's.
    Full,
    /// Those of users who do not hold `sessionwire:admin`.
    SparesAdministrators,
}

impl Call {
    /// The server itself.
    pub fn system() -> Self {
        Self {
            cause: Cause::system(),
            mode: Mode::Commit,
            power: Power::Full,
        }
    }
}

/// What a changing call did.
#[derive(Clone, Debug)]
pub struct Done<T> {
    /// Its result.
    pub value: T,
    /// Its effect.
    pub effect: Effect,
}

/// The effect of a changing call.
#[derive(Clone, Debug)]
pub enum Effect {
    /// It happened.
    Committed(Change),
    /// It would happen.
    Previewed(Reach),
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// The last event; the present head where nothing changed.
    pub seq: Seq,
    /// Whether anything changed.
    pub changed: bool,
    /// How many sessions ended.
    pub sessions_ended: u64,
}

/// Whom it would reach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reach {
    /// Users whose rights would change or whose sessions would end.
    pub users: Vec<UserId>,
    /// Their live sessions.
    pub sessions: Vec<SessionId>,
    /// Connections of all these at other nodes.
    pub connections_elsewhere: u64,
    /// Until when a token issued so far could live.
    pub tokens_until: Timestamp,
}

impl<T> Done<T> {
    /// The same, where what came of it says nothing that the caller did not know.
    pub(super) fn without_value(self) -> Done<()> {
        Done {
            value: (),
            effect: self.effect,
        }
    }
}

impl Core {
    /// Commits and announces, or rolls back and says what it would have reached.
    pub(super) async fn conclude<T>(&self, call: &Call, mut tx: Tx, value: T) -> Result<Done<T>> {
        self.check_administrators(&mut tx).await?;
        let effect = match call.mode {
            Mode::Commit => Effect::Committed(self.commit_change(tx).await?),
            Mode::DryRun => {
                let reach = self.reach(&mut tx).await?;
                tx.roll_back().await?;
                Effect::Previewed(reach)
            }
        };
        Ok(Done { value, effect })
    }

    /// The last position of the log.
    pub async fn head(&self) -> Result<Seq> {
        Ok(self.look().await?.find_head().await?)
    }

    /// Commits, announces, and waits until this node has applied it, as long as it can decide at all: who was
    /// answered finds it so.
    pub(super) async fn commit(&self, tx: Tx) -> Result<()> {
        let entries = self.store.commit(tx, self.clock.now()).await?;
        self.announce(entries).await;
        Ok(())
    }

    /// The same, and says what happened.
    async fn commit_change(&self, mut tx: Tx) -> Result<Change> {
        let changes = tx.events().next().is_some();
        let head = if changes {
            None
        } else {
            Some(tx.find_head().await?)
        };
        let entries = self.store.commit(tx, self.clock.now()).await?;
        let last = entries.last().map(|entry| entry.seq);
        let change = Change {
            seq: last.or(head).unwrap_or_default(),
            changed: last.is_some(),
            sessions_ended: count_ended(&entries),
        };
        self.announce(entries).await;
        Ok(change)
    }

    async fn announce(&self, entries: Vec<LogEntry>) {
        if let Some(last) = entries.last().map(|entry| entry.seq) {
            self.bus.publish(Batch { entries }.into());
            self.listeners.until_applied(last).await;
        }
    }

    /// Nobody takes the administrators' permission from the last one who holds it. What was so before
    /// is asked of a snapshot beside the transaction.
    async fn check_administrators(&self, tx: &mut Tx) -> Result<()> {
        let at_stake = tx.events().any(|event| {
            matches!(
                event,
                Event::MembershipRemoved { .. }
                    | Event::GroupPermissionsChanged { .. }
                    | Event::GroupDeleted { .. }
                    | Event::UserSuspended { .. }
                    | Event::UserDeleted { .. }
            )
        });
        if !at_stake {
            return Ok(());
        }
        tx.lock_administrators().await?;
        if !tx.has_administrator().await? && self.look().await?.has_administrator().await? {
            return Err(Error::LastAdministrator);
        }
        Ok(())
    }

    async fn reach(&self, tx: &mut Tx) -> Result<Reach> {
        let events: Vec<Event> = tx.events().cloned().collect();
        // What would end is no longer live in here, so the world before is read beside it.
        let mut before = self.read().await?;
        let (mut users, mut sessions) = (BTreeSet::new(), BTreeSet::new());
        for event in &events {
            match event.effect() {
                Hears::SessionEnded(ended) => {
                    users.insert(ended.user_id);
                    sessions.insert(ended.session_id);
                }
                Hears::RightsOfUser(user) => {
                    users.insert(user);
                }
                Hears::PermissionsOfGroup(name) | Hears::EndOfGroup(name) => {
                    if let Some(group) = before.find_group_by_name(name).await? {
                        users.extend(before.list_members_with_sessions(group.id).await?);
                    }
                }
                // It ends nothing: who has a token of that key gets another one for the asking.
                Hears::KeyRetired(_)
                | Hears::Notice(..)
                | Hears::TakeoverRequested(_)
                | Hears::None => {}
            }
            users.extend(match event {
                Event::UserDeleted { user_id, .. } | Event::UserSuspended { user_id } => {
                    Some(*user_id)
                }
                _ => None,
            });
        }
        let now = self.clock.now();
        for event in &events {
            if let Hears::RightsOfUser(user) = event.effect() {
                sessions.extend(live_ids(&mut before, user, now).await?);
            }
            if let Hears::PermissionsOfGroup(_) | Hears::EndOfGroup(_) = event.effect() {
                for user in &users {
                    sessions.extend(live_ids(&mut before, *user, now).await?);
                }
            }
        }
        let users: Vec<UserId> = users.into_iter().collect();
        let sessions: Vec<SessionId> = sessions.into_iter().collect();
        Ok(Reach {
            connections_elsewhere: self
                .connections_elsewhere(&mut before, &users, &sessions)
                .await?,
            users,
            sessions,
            tokens_until: now.plus(self.settings.access_token_ttl),
        })
    }
}

async fn live_ids(tx: &mut Tx, user: UserId, now: Timestamp) -> Result<Vec<SessionId>> {
    let sessions = tx.list_unended_sessions(user).await?;
    Ok(sessions
        .iter()
        .filter(|session| session.is_live(now))
        .map(|session| session.id)
        .collect())
}

fn count_ended(entries: &[LogEntry]) -> u64 {
    let ended = entries
        .iter()
        .filter(|entry| matches!(entry.event, Event::SessionEnded(_)));
    u64::try_from(ended.count()).unwrap_or(u64::MAX)
}

/// A rule's own doing within somebody's call: the surplus that a policy ends, the newcomer's effect
/// on the session in the way.
pub(super) fn by_policy(cause: &Cause) -> Cause {
    cause.on_behalf_of(InitiatingEntity::Policy)
}
