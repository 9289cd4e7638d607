//! The keys in Redis: which event means which key, with what value, for how long. It may not know how
//! they are written.

use std::time::Duration;

use serde_json::json;
use sessionwire_guard::{Change, Note};

use crate::domain::Reason;
use crate::domain::clock::Timestamp;
use crate::domain::event::{Event, LogEntry};
use crate::domain::id::{Seq, SessionId, UserId};
use crate::node::follower::CLOCK_SPREAD;
use crate::node::gate::TOKEN_LIFE_MAX;

/// How old an event is when no living token can be concerned by it: the longest life of a token, and
/// what the clocks of writers may differ.
pub(super) const CONCERN: Duration = TOKEN_LIFE_MAX.saturating_add(CLOCK_SPREAD);

/// The names of the keys.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    prefix: String,
}

/// What is done to a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Op {
    pub(super) key: String,
    /// The position of the event.
    pub(super) seq: Seq,
    /// Where a later event has the last word about the key; a session ends once.
    pub(super) may_be_overtaken: bool,
    pub(super) what: What,
}

/// See [`Op`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum What {
    Set { value: String, until: Timestamp },
    Remove,
}

impl Keys {
    /// Keys that begin with this.
    pub(super) fn new(prefix: &str) -> Self {
        Self {
            prefix: prefix.to_owned(),
        }
    }

    /// Holds the position up to which everything has been written here.
    pub(super) fn position(&self) -> String {
        format!("{}:position", self.prefix)
    }

    /// The stream of events.
    pub(super) fn stream(&self) -> String {
        format!("{}:events", self.prefix)
    }

    /// What an event does.
    pub(super) fn of_entry(&self, entry: &LogEntry) -> Option<Op> {
        let until = entry.at.plus(CONCERN);
        match &entry.event {
            // Whatever else the end of a session comes with, its own key is set: then it is enough to
            // look for that one.
            Event::SessionEnded(ended) => {
                Some(self.session(ended.session_id, ended.reason, entry.seq, until))
            }
            // His sessions' keys stay; he himself may sign in again.
            Event::UserResumed { user_id } => Some(Op {
                key: self.user_key(*user_id),
                seq: entry.seq,
                may_be_overtaken: true,
                what: What::Remove,
            }),
            event => self.of_change(&event.changes()?, entry.seq, until),
        }
    }

    /// What an entry of the revocation index says.
    pub(super) fn of_note(&self, note: &Note) -> Option<Op> {
        let until = Timestamp::from_millis(note.keep_until);
        self.of_change(&note.change, note.seq, until)
    }

    fn of_change(&self, change: &Change, seq: Seq, until: Timestamp) -> Option<Op> {
        match change {
            Change::SessionEnded { session_id, reason } => {
                Some(self.session(*session_id, *reason, seq, until))
            }
            Change::UserEnded { user_id, reason } => {
                Some(not_before(self.user_key(*user_id), *reason, seq, until))
            }
            Change::EverybodyEnded { reason } => {
                let key = format!("{}:revoked:everybody", self.prefix);
                Some(not_before(key, *reason, seq, until))
            }
            Change::SigningKeyRetired { kid } => Some(Op {
                key: format!("{}:revoked:kid:{kid}", self.prefix),
                seq,
                may_be_overtaken: false,
                what: What::Set {
                    value: json!({ "seq": seq }).to_string(),
                    until,
                },
            }),
            Change::UserRightsChanged { .. } | Change::GroupRightsChanged { .. } => None,
        }
    }

    fn session(&self, id: SessionId, reason: Reason, seq: Seq, until: Timestamp) -> Op {
        Op {
            key: format!("{}:revoked:sid:{id}", self.prefix),
            seq,
            may_be_overtaken: false,
            what: What::Set {
                value: json!({ "reason": reason, "seq": seq }).to_string(),
                until,
            },
        }
    }

    fn user_key(&self, id: UserId) -> String {
        format!("{}:revoked:user:{id}", self.prefix)
    }
}

fn not_before(key: String, reason: Reason, seq: Seq, until: Timestamp) -> Op {
    Op {
        key,
        seq,
        may_be_overtaken: true,
        what: What::Set {
            value: json!({ "reason": reason, "not_before": seq }).to_string(),
            until,
        },
    }
}

impl Op {
    /// Adds the command, unless its time is over.
    pub(super) fn put(&self, pipe: &mut redis::Pipeline, now: Timestamp) {
        match &self.what {
            What::Set { value, until } => {
                let left = until.as_millis().saturating_sub(now.as_millis());
                if left > 0 {
                    pipe.cmd("SET").arg(&self.key).arg(value);
                    pipe.arg("PX").arg(left);
                }
            }
            What::Remove => {
                pipe.cmd("DEL").arg(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::domain::access::InitiatingEntity;
    use crate::domain::event::SessionEnded;
    use crate::domain::id::DeviceId;
    use crate::node::tests::support::{session, user};

    fn op(event: Event) -> Option<Op> {
        Keys::new("sw").of_entry(&LogEntry {
            seq: Seq(7),
            at: Timestamp::from_seconds(0),
            initiating_entity: InitiatingEntity::Admin,
            event,
        })
    }

    fn set(event: Event) -> (String, String) {
        match op(event).unwrap() {
            Op {
                key,
                what: What::Set { value, until },
                ..
            } => {
                assert_eq!(until, Timestamp::from_seconds(71 * 60));
                (key, value)
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_ends_tokens_is_a_key() {
        let ended = |reason| {
            Event::SessionEnded(SessionEnded {
                session_id: session(1),
                user_id: user(2),
                device_id: DeviceId(Uuid::nil()),
                reason,
                replaced_by: None,
            })
        };
        // Also where the index has one entry for the user instead.
        for reason in [Reason::SignedOut, Reason::UserSuspended] {
            let (key, value) = set(ended(reason));
            assert_eq!(key, format!("sw:revoked:sid:{}", session(1)));
            assert_eq!(
                value,
                format!(r#"{{"reason":"{}","seq":7}}"#, reason.as_str())
            );
        }
        let (key, value) = set(Event::UserSuspended { user_id: user(2) });
        assert_eq!(key, format!("sw:revoked:user:{}", user(2)));
        assert_eq!(value, r#"{"not_before":7,"reason":"user_suspended"}"#);
        let (key, _) = set(Event::RevokedAll {});
        assert_eq!(key, "sw:revoked:everybody");
        let back = op(Event::UserResumed { user_id: user(2) }).unwrap();
        assert_eq!(back.what, What::Remove);
        assert_eq!(op(Event::PasswordChanged { user_id: user(2) }), None);
    }
}
