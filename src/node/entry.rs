//! A connected user in the hub: the connections, and what is known of the user's rights. It may not know other users.
//!
//! An entry is *current* when its standing covers the last applied event that concerns the user. Its groups are
//! *known* when the standing covers the last one that could have changed which they are: then it is enough to read
//! what the groups give, once for all who are in the same ones.

use std::sync::Arc;

use super::mailbox::{Mailbox, RightsUpdate};
use crate::domain::clock::Timestamp;
use crate::domain::id::{ConnectionId, DeviceId, Seq, SessionId};
use crate::domain::message::RightsCause;
use crate::domain::standing::Standing;

/// A connection in the hub.
pub(super) struct Seat {
    pub(super) id: ConnectionId,
    pub(super) session: SessionId,
    pub(super) device: DeviceId,
    /// Whether its client has a way to answer.
    pub(super) answers: bool,
    pub(super) mailbox: Arc<Mailbox>,
}

/// What moved somebody's rights.
#[derive(Clone, Copy, Debug)]
pub(super) struct Move {
    pub(super) cause: RightsCause,
    /// Whether the user may be in other groups now.
    pub(super) regroups: bool,
}

impl Move {
    /// Both, of which the later one is the cause.
    pub(super) fn and(self, other: Self) -> Self {
        let later = if self.cause.id > other.cause.id {
            self
        } else {
            other
        };
        Self {
            cause: later.cause,
            regroups: self.regroups || other.regroups,
        }
    }
}

/// A connected user.
pub(super) struct Entry {
    pub(super) seats: Vec<Seat>,
    pub(super) standing: Option<Arc<Standing>>,
    pub(super) since: Timestamp,
    regrouped_at: Seq,
    /// What moved the rights last.
    cause: Option<Arc<RightsCause>>,
}

impl Entry {
    /// Nobody is connected, and nothing known.
    pub(super) fn new(since: Timestamp) -> Self {
        Self {
            seats: Vec::new(),
            standing: None,
            since,
            regrouped_at: Seq(0),
            cause: None,
        }
    }

    /// Whether the standing covers every event that was applied.
    pub(super) fn is_current(&self) -> bool {
        let moved_at = self.cause.as_ref().map_or(Seq(0), |cause| cause.id);
        self.standing
            .as_ref()
            .is_some_and(|standing| standing.as_of >= moved_at)
    }

    /// The standing, where the user is in the groups that it names.
    pub(super) fn known_groups(&self) -> Option<&Arc<Standing>> {
        let standing = self.standing.as_ref();
        standing.filter(|standing| standing.as_of >= self.regrouped_at)
    }

    /// Whether a change of this group could concern the user.
    pub(super) fn may_be_in(&self, group: &str) -> bool {
        self.known_groups()
            .is_none_or(|standing| standing.rights.groups.contains(group))
    }

    /// Whether the user is in the group as far as is known.
    pub(super) fn is_known_in(&self, group: &str) -> bool {
        self.standing
            .as_ref()
            .is_some_and(|standing| standing.rights.groups.contains(group))
    }

    /// The rights moved.
    pub(super) fn move_rights(&mut self, what: &Move) {
        if what.regroups {
            self.regrouped_at = what.cause.id;
        }
        self.cause = Some(Arc::new(what.cause));
    }

    /// What is known of the rights.
    pub(super) fn rights(&self) -> Option<RightsUpdate> {
        self.standing.as_ref().map(|standing| RightsUpdate {
            standing: Arc::clone(standing),
            cause: self.cause.as_deref().copied(),
            current: self.is_current(),
        })
    }
}
