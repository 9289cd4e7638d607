//! Policies: how many sessions at once, what happens at the limit, how long they live. Pure: it may
//! not know where sessions are kept or who asks.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::clock::Timestamp;
use super::device::{Device, Platform};
use super::id::{GroupId, SessionId, UserId};
use super::session::{AGE_MAX, LiveSession};

/// What the limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CountBy {
    /// All sessions of a user.
    User,
    /// Those on the newcomer's platform.
    Platform,
}

/// What happens when a newcomer finds no seat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AtLimit {
    /// The oldest session ends.
    EvictOldest,
    /// The newcomer is refused.
    Reject,
    /// The newcomer is asked whether to end the other.
    Ask,
    /// The device in the way is asked.
    Approve,
}

/// The rules for the sessions of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// How many at once; `None`: any number.
    pub max_sessions: Option<u32>,
    /// What the limit counts.
    pub count_by: CountBy,
    /// What happens at the limit.
    pub at_limit: AtLimit,
    /// How long a session may be unused, in seconds; `None`: any time.
    pub idle_timeout_s: Option<u32>,
    /// How old a session may become, in seconds; `None`: any age.
    pub max_age_s: Option<u32>,
    /// The idle time-out of a remembered session, in seconds.
    pub remembered_idle_timeout_s: Option<u32>,
    /// The age of a remembered session, in seconds.
    pub remembered_max_age_s: Option<u32>,
    /// How long ago the person may have proved who they are, in seconds; `None`: any time.
    #[serde(default)]
    pub sign_in_max_age_s: Option<u32>,
}

impl Default for Policy {
    /// Any number of sessions; a day unused and thirty days in all, remembered thirty days and a year.
    fn default() -> Self {
        const DAY_S: u32 = 24 * 60 * 60;
        Self {
            max_sessions: None,
            count_by: CountBy::User,
            at_limit: AtLimit::EvictOldest,
            idle_timeout_s: Some(DAY_S),
            max_age_s: Some(30 * DAY_S),
            remembered_idle_timeout_s: Some(30 * DAY_S),
            remembered_max_age_s: Some(365 * DAY_S),
            sign_in_max_age_s: None,
        }
    }
}

/// How long a session may idle and live, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetimes {
    /// Unused.
    pub idle_timeout_s: Option<u32>,
    /// In all.
    pub max_age_s: Option<u32>,
    /// Since the person proved who they are. The session lives on, and can't be used until they do so again.
    pub sign_in_max_age_s: Option<u32>,
}

impl Lifetimes {
    /// The moment at which a session created then has lived long enough.
    pub fn age_limit(self, created_at: Timestamp) -> Timestamp {
        let age = self
            .max_age_s
            .map_or(AGE_MAX, |seconds| Duration::from_secs(seconds.into()));
        created_at.plus(age.min(AGE_MAX))
    }

    /// The moment at which a session last used then has been unused for long enough.
    pub fn idle_limit(self, last_active_at: Timestamp) -> Timestamp {
        let idle = self
            .idle_timeout_s
            .map_or(AGE_MAX, |seconds| Duration::from_secs(seconds.into()));
        last_active_at.plus(idle)
    }

    /// The moment at which a person who proved who they are then has to do so again.
    pub fn sign_in_limit(self, signed_in_at: Timestamp) -> Option<Timestamp> {
        let age = self.sign_in_max_age_s?;
        Some(signed_in_at.plus(Duration::from_secs(age.into())))
    }
}

impl Policy {
    /// The lifetimes of a session under this policy.
    pub fn lifetimes(&self, remembered: bool) -> Lifetimes {
        if remembered {
            Lifetimes {
                idle_timeout_s: self.remembered_idle_timeout_s,
                max_age_s: self.remembered_max_age_s,
                sign_in_max_age_s: self.sign_in_max_age_s,
            }
        } else {
            Lifetimes {
                idle_timeout_s: self.idle_timeout_s,
                max_age_s: self.max_age_s,
                sign_in_max_age_s: self.sign_in_max_age_s,
            }
        }
    }
}

/// For whom a policy is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PolicyScope {
    /// Everybody who has no other.
    Default,
    /// The members of a group, the one with the highest priority first.
    Group(GroupId),
    /// One user; wins over all.
    User(UserId),
}

/// A group's policy and what decides between several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupPolicy {
    /// The group.
    pub group_id: GroupId,
    /// Its priority; of two alike the older group wins.
    pub priority: i32,
    /// Its policy.
    pub policy: Policy,
}

/// The policy in force for a user.
pub fn in_force(user: Option<Policy>, groups: &[GroupPolicy], default: Policy) -> Policy {
    let of_groups = || {
        groups
            .iter()
            .max_by(|a, b| {
                a.priority
                    .cmp(&b.priority)
                    .then(b.group_id.cmp(&a.group_id))
            })
            .map(|group| group.policy)
    };
    user.or_else(of_groups).unwrap_or(default)
}

/// What happens to a newcomer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Admission {
    /// Enters.
    Enter,
    /// Enters; these sessions end first, oldest first.
    Evict(Vec<SessionId>),
    /// Is refused; these hold the seats.
    Refuse(Vec<SessionId>),
    /// Is asked whether these should end.
    Ask(Vec<SessionId>),
    /// These are asked.
    Approve(Vec<SessionId>),
}

/// Decides about a newcomer. The session on the newcomer's own device is replaced whatever happens
/// here, and never counts.
pub fn admit(policy: &Policy, live: &[LiveSession], newcomer: &Device) -> Admission {
    let counted = in_the_way(policy, live, newcomer);
    let Some(max) = policy.max_sessions else {
        return Admission::Enter;
    };
    let seats = usize::try_from(max.max(1)).unwrap_or(usize::MAX);
    if counted.len() < seats {
        return Admission::Enter;
    }
    match policy.at_limit {
        AtLimit::EvictOldest => {
            let surplus = counted.len() + 1 - seats;
            Admission::Evict(counted.into_iter().take(surplus).collect())
        }
        AtLimit::Reject => Admission::Refuse(counted),
        AtLimit::Ask => Admission::Ask(counted),
        AtLimit::Approve => Admission::Approve(counted),
    }
}

/// The sessions that count against the newcomer, oldest first.
fn in_the_way(policy: &Policy, live: &[LiveSession], newcomer: &Device) -> Vec<SessionId> {
    let mut counted: Vec<&LiveSession> = live
        .iter()
        .filter(|session| session.device_id != newcomer.id)
        .filter(|session| match policy.count_by {
            CountBy::User => true,
            CountBy::Platform => session.platform == newcomer.platform,
        })
        .collect();
    counted.sort_by_key(|session| session.fence);
    counted.into_iter().map(|session| session.id).collect()
}

/// The sessions that a policy no longer allows, oldest first.
pub fn surplus(policy: &Policy, live: &[LiveSession]) -> Vec<SessionId> {
    let Some(max) = policy.max_sessions else {
        return Vec::new();
    };
    let seats = usize::try_from(max.max(1)).unwrap_or(usize::MAX);
    let mut surplus: Vec<&LiveSession> = match policy.count_by {
        CountBy::User => beyond(live.iter().collect(), seats),
        CountBy::Platform => Platform::ALL
            .into_iter()
            .flat_map(|platform| {
                beyond(
                    live.iter()
                        .filter(|session| session.platform == platform)
                        .collect(),
                    seats,
                )
            })
            .collect(),
    };
    surplus.sort_by_key(|session| session.fence);
    surplus.into_iter().map(|session| session.id).collect()
}

fn beyond(mut sessions: Vec<&LiveSession>, seats: usize) -> Vec<&LiveSession> {
    sessions.sort_by_key(|session| session.fence);
    sessions.truncate(sessions.len().saturating_sub(seats));
    sessions
}
