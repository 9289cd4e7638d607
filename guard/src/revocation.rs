//! The revocation index: does a genuine token still hold?
//!
//! Entries by session, by user, by group name and one for everybody, each a log position that is
//! compared with the token's `as_of`. A rights change of a group of a million members is one entry.
//! It may not know where the log comes from; whoever reads the log calls [`RevocationIndex::apply`].

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::claims::Claims;
use crate::entries::{Entries, Entry};
use crate::id::{Seq, SessionId, UserId};
use crate::keys::Rejection;
use crate::reason::Reason;

/// What an event of the log means for tokens that have not seen it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Change {
    /// Tokens of this session have ended.
    SessionEnded {
        /// The session.
        session_id: SessionId,
        /// Why.
        reason: Reason,
    },
    /// Every token that this user had so far has ended.
    UserEnded {
        /// The user.
        user_id: UserId,
        /// Why.
        reason: Reason,
    },
    /// Every token of everybody has ended.
    EverybodyEnded {
        /// Why.
        reason: Reason,
    },
    /// The user's groups changed.
    UserRightsChanged {
        /// The user.
        user_id: UserId,
    },
    /// The name or the permissions of a group changed.
    GroupRightsChanged {
        /// The name that tokens list.
        group: String,
    },
    /// A signing key is in wrong hands: whatever it signed is not genuine, and says what it likes
    /// about its position.
    SigningKeyRetired {
        /// The name in the header of tokens.
        kid: String,
    },
}

impl Change {
    /// Whether a token with these claims is no longer good because of this change at this position.
    pub fn concerns(&self, seq: Seq, claims: &Claims) -> bool {
        let is_unseen = seq > claims.as_of;
        match self {
            Self::SessionEnded { session_id, .. } => *session_id == claims.sid,
            Self::UserEnded { user_id, .. } | Self::UserRightsChanged { user_id } => {
                is_unseen && *user_id == claims.sub
            }
            Self::EverybodyEnded { .. } => is_unseen,
            Self::GroupRightsChanged { group } => is_unseen && claims.groups.contains(group),
            Self::SigningKeyRetired { kid } => claims.kid.as_deref() == Some(kid),
        }
    }
}

macro_rules! kinds {
    ($($variant:ident = $name:literal;)*) => {
        /// The kinds of changes, without what they are about.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[expect(missing_docs, reason = "the variants of `Change` say it")]
        pub enum ChangeKind {
            $($variant,)*
        }

        impl ChangeKind {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The name on the wire.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }

        impl Change {
            /// Which kind it is.
            pub fn kind(&self) -> ChangeKind {
                match self { $(Self::$variant { .. } => ChangeKind::$variant,)* }
            }
        }
    };
}

kinds! {
    SessionEnded = "session_ended";
    UserEnded = "user_ended";
    EverybodyEnded = "everybody_ended";
    UserRightsChanged = "user_rights_changed";
    GroupRightsChanged = "group_rights_changed";
    SigningKeyRetired = "signing_key_retired";
}

/// One entry of an index, as it travels.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// The position of the event.
    pub seq: Seq,
    /// Milliseconds since the Unix epoch; after it no token that the entry concerns can live.
    pub keep_until: i64,
    /// What it means.
    #[serde(flatten)]
    pub change: Change,
}

/// What the index says about a genuine, unexpired token, in the contract's order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It holds.
    Good,
    /// Its session has ended; the position and reason of the event that ended it.
    Ended(Seq, Reason),
    /// Its rights are out of date since this position: refresh it.
    Stale(Seq),
}

impl<T> Entry<T> {
    fn noted(&self, change: Change) -> Note {
        Note {
            seq: self.seq,
            keep_until: self.keep_until(),
            change,
        }
    }
}

/// The entries, and the position up to which they are complete.
#[derive(Debug, Default)]
pub struct RevocationIndex {
    position: Seq,
    ended_sessions: Entries<Reason>,
    ended_users: Entries<Reason>,
    ended_everybody: Option<Entry<Reason>>,
    stale_users: Entries<()>,
    stale_groups: HashMap<String, Entry<()>>,
    retired_keys: HashMap<String, Entry<()>>,
}

impl RevocationIndex {
    /// An index that has seen the log up to `position` and found nothing that a living token could
    /// be concerned by.
    pub fn at(position: Seq) -> Self {
        Self {
            position,
            ..Self::default()
        }
    }

    /// The last position that was applied.
    pub fn position(&self) -> Seq {
        self.position
    }

    /// How many entries are held.
    pub fn len(&self) -> usize {
        self.ended_sessions.len()
            + self.ended_users.len()
            + usize::from(self.ended_everybody.is_some())
            + self.stale_users.len()
            + self.stale_groups.len()
            + self.retired_keys.len()
    }

    /// Whether no entry is held.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Applies what the event at `seq` means. `keep_until`: milliseconds since the Unix epoch, the
    /// event's time plus the longest life of a token. An event that was applied before changes
    /// nothing.
    pub fn apply(&mut self, seq: Seq, changes: impl IntoIterator<Item = Change>, keep_until: i64) {
        if seq <= self.position {
            return;
        }
        self.position = seq;
        for change in changes {
            self.note(seq, change, keep_until);
        }
    }

    /// An index as another one was at `position`, from its notes.
    pub fn restored(position: Seq, notes: impl IntoIterator<Item = Note>) -> Self {
        let mut index = Self::at(position);
        for note in notes {
            index.take(note);
        }
        index
    }

    /// Takes in what is known from elsewhere than the log.
    pub fn take(&mut self, note: Note) {
        self.note(note.seq, note.change, note.keep_until);
    }

    /// Everything that is held, in no order.
    pub fn notes(&self) -> Vec<Note> {
        let sessions = self.ended_sessions.iter().map(|(id, entry)| {
            entry.noted(Change::SessionEnded {
                session_id: SessionId(id),
                reason: entry.what,
            })
        });
        let users = self.ended_users.iter().map(|(id, entry)| {
            entry.noted(Change::UserEnded {
                user_id: UserId(id),
                reason: entry.what,
            })
        });
        let everybody = self
            .ended_everybody
            .iter()
            .map(|entry| entry.noted(Change::EverybodyEnded { reason: entry.what }));
        let stale_users = self.stale_users.iter().map(|(id, entry)| {
            entry.noted(Change::UserRightsChanged {
                user_id: UserId(id),
            })
        });
        let stale_groups = self.stale_groups.iter().map(|(name, entry)| {
            entry.noted(Change::GroupRightsChanged {
                group: name.clone(),
            })
        });
        let retired_keys = self
            .retired_keys
            .iter()
            .map(|(kid, entry)| entry.noted(Change::SigningKeyRetired { kid: kid.clone() }));
        sessions
            .chain(users)
            .chain(everybody)
            .chain(stale_users)
            .chain(stale_groups)
            .chain(retired_keys)
            .collect()
    }

    fn note(&mut self, seq: Seq, change: Change, keep_until: i64) {
        match change {
            Change::SessionEnded { session_id, reason } => {
                // A session ends once: the first reason stands.
                let entry = Entry::new(seq, reason, keep_until);
                self.ended_sessions.put_first(session_id.0, entry);
            }
            Change::UserEnded { user_id, reason } => {
                let entry = Entry::new(seq, reason, keep_until);
                self.ended_users.put(user_id.0, entry);
            }
            Change::EverybodyEnded { reason } => {
                self.ended_everybody = Some(Entry::new(seq, reason, keep_until));
            }
            Change::UserRightsChanged { user_id } => {
                let entry = Entry::new(seq, (), keep_until);
                self.stale_users.put(user_id.0, entry);
            }
            Change::GroupRightsChanged { group } => {
                let entry = Entry::new(seq, (), keep_until);
                self.stale_groups.insert(group, entry);
            }
            Change::SigningKeyRetired { kid } => {
                let entry = Entry::new(seq, (), keep_until);
                self.retired_keys.insert(kid, entry);
            }
        }
    }

    /// Whether an unexpired token holds at this index's position.
    ///
    /// # Errors
    /// [`Rejection::Invalid`] where the key that vouched for it is trusted no more.
    pub fn verdict(&self, claims: &Claims) -> Result<Verdict, Rejection> {
        if claims
            .kid
            .as_deref()
            .is_some_and(|kid| self.has_retired(kid))
        {
            return Err(Rejection::Invalid);
        }
        if let Some(ended) = self.ended(claims) {
            return Ok(ended);
        }
        Ok(match self.stale_since(claims) {
            Some(seq) => Verdict::Stale(seq),
            None => Verdict::Good,
        })
    }

    /// Whether the key of this name is trusted no more.
    pub fn has_retired(&self, kid: &str) -> bool {
        self.retired_keys.contains_key(kid)
    }

    fn ended(&self, claims: &Claims) -> Option<Verdict> {
        let session = self.ended_sessions.get(claims.sid.0);
        let not_before = [
            self.ended_users.get(claims.sub.0),
            self.ended_everybody.as_ref(),
        ]
        .into_iter()
        .flatten()
        .filter(|entry| entry.seq > claims.as_of);
        // The earliest entry is the one that ended it: the first writer's reason stands.
        session
            .into_iter()
            .chain(not_before)
            .min_by_key(|entry| entry.seq)
            .map(|entry| Verdict::Ended(entry.seq, entry.what))
    }

    fn stale_since(&self, claims: &Claims) -> Option<Seq> {
        self.rights_moved_at(claims.sub, &claims.groups)
            .filter(|seq| *seq > claims.as_of)
    }

    /// Where the rights of a user who is in these groups last moved, as far back as living tokens reach.
    pub fn rights_moved_at<'a>(
        &self,
        user: UserId,
        groups: impl IntoIterator<Item = &'a String>,
    ) -> Option<Seq> {
        let user = self.stale_users.get(user.0);
        let groups = groups
            .into_iter()
            .filter_map(|name| self.stale_groups.get(name));
        user.into_iter().chain(groups).map(|entry| entry.seq).max()
    }

    /// Forgets entries that no living token can be concerned by. `now`: milliseconds since the Unix
    /// epoch.
    pub fn sweep(&mut self, now: i64) {
        self.ended_sessions.sweep(now);
        self.ended_users.sweep(now);
        self.ended_everybody.take_if(|entry| !entry.matters_at(now));
        self.stale_users.sweep(now);
        self.stale_groups.retain(|_, entry| entry.matters_at(now));
        self.retired_keys.retain(|_, entry| entry.matters_at(now));
    }
}
