//! From a batch to the connections that it concerns. It may not know where the batch came from, or
//! how a connection is told.

use std::collections::HashMap;
use std::sync::Arc;

use super::announcement::Announcement;
use super::delivery::{Deliveries, Delivery};
use super::entry::Move;
use super::frame::Frame;
use super::hub::Hub;
use super::pulse::Stopwatch;
use super::standing::{Unread, Urgency};
use crate::domain::effect::Effect;
use crate::domain::event::{Audience, LogEntry, SessionEnded};
use crate::domain::id::UserId;
use crate::domain::message::{RightsCause, ServerMessage};
use crate::domain::session::SessionEnd;

/// Up to this many users may refresh their tokens at once.
const REFRESH_AT_ONCE: usize = 50;
/// Beyond that, each user's share of time for it, in milliseconds.
const REFRESH_SHARE_MS: u64 = 2;
/// The longest that a refresh is put off, in milliseconds.
const REFRESH_WITHIN_MAX_MS: u64 = 60_000;

/// Tells the connections.
pub(super) struct Fanout {
    pub(super) hub: Arc<Hub>,
    pub(super) unread: Arc<Unread>,
    pub(super) deliveries: Arc<Deliveries>,
    pub(super) stopwatch: Arc<Stopwatch>,
}

impl Fanout {
    /// Tells everybody concerned; ends of sessions first.
    pub(super) fn dispatch(&self, entries: &[LogEntry]) {
        let (Some(first), Some(last)) = (entries.first(), entries.last()) else {
            return;
        };
        let stopwatch = Arc::clone(&self.stopwatch);
        let (delivery, opening) = Delivery::begin(first.seq, last.seq, last.at, stopwatch);
        for entry in entries {
            if let Effect::SessionEnded(ended) = entry.event.effect() {
                self.end(entry, ended, &delivery);
            }
        }
        for entry in entries {
            self.say(entry, &delivery);
        }
        self.move_rights(entries, &delivery);
        self.deliveries.remember(delivery);
        drop(opening);
    }

    fn end(&self, entry: &LogEntry, ended: &SessionEnded, delivery: &Arc<Delivery>) {
        let end = SessionEnd {
            seq: entry.seq,
            at: entry.at,
            reason: ended.reason,
            initiating_entity: entry.initiating_entity,
            replaced_by: ended.replaced_by.clone(),
        };
        self.hub
            .end(ended.user_id, ended.session_id, &end, delivery);
    }

    /// Notices and questions.
    fn say(&self, entry: &LogEntry, delivery: &Arc<Delivery>) {
        match entry.event.effect() {
            Effect::Notice(audience, content) => {
                let frame = Frame::of(&ServerMessage::Notice {
                    id: entry.seq,
                    content: content.clone(),
                    at: entry.at,
                });
                let message = Announcement::new(frame, delivery);
                match audience {
                    Audience::User(user) => self.hub.tell(*user, None, &message),
                    Audience::Group { name, .. } => self.hub.tell_group(name, &message),
                }
            }
            Effect::TakeoverRequested(request) => {
                let frame = Frame::of(&ServerMessage::TakeoverRequested {
                    id: entry.seq,
                    request_id: request.request_id,
                    device: request.device.clone(),
                    expires_at: request.expires_at,
                });
                let sessions = Some(request.sessions.as_slice());
                let message = Announcement::new(frame, delivery);
                self.hub.tell(request.user_id, sessions, &message);
            }
            Effect::KeyRetired(_) => self.hub.look_at_keys(delivery),
            Effect::RightsOfUser(_)
            | Effect::PermissionsOfGroup(_)
            | Effect::EndOfGroup(_)
            | Effect::SessionEnded(_)
            | Effect::None => {}
        }
    }

    fn move_rights(&self, entries: &[LogEntry], delivery: &Arc<Delivery>) {
        let mut moved: HashMap<UserId, Move> = HashMap::new();
        let mut groups: Vec<(&str, Move)> = Vec::new();
        for entry in entries {
            match entry.event.effect() {
                Effect::RightsOfUser(user) => {
                    moved.insert(user, move_by(entry, true));
                }
                Effect::PermissionsOfGroup(name) => groups.push((name, move_by(entry, false))),
                Effect::EndOfGroup(name) => groups.push((name, move_by(entry, true))),
                // What is known of anybody's rights may be what a token of this key said.
                Effect::KeyRetired(_) => {
                    let everybody = self.hub.users().into_iter();
                    moved.extend(everybody.map(|user| (user, move_by(entry, true))));
                }
                Effect::SessionEnded(_)
                | Effect::Notice(..)
                | Effect::TakeoverRequested(_)
                | Effect::None => {}
            }
        }
        moved.retain(|user, _| self.hub.has(*user));
        for (user, what) in self.hub.users_in(&groups) {
            let all = moved.entry(user).or_insert(what);
            *all = all.and(what);
        }
        if moved.is_empty() {
            return;
        }
        let refresh_within_ms = refresh_within_ms(moved.len());
        for (user, what) in &mut moved {
            what.cause.refresh_within_ms = refresh_within_ms;
            self.hub.move_rights(*user, what, delivery);
        }
        let urgency = if moved.len() <= REFRESH_AT_ONCE {
            Urgency::Now
        } else {
            Urgency::Later
        };
        self.unread.add(moved.into_keys(), urgency);
    }
}

fn move_by(entry: &LogEntry, regroups: bool) -> Move {
    let cause = RightsCause {
        id: entry.seq,
        initiating_entity: entry.initiating_entity,
        at: entry.at,
        refresh_within_ms: 0,
    };
    Move { cause, regroups }
}

/// How long a refresh that nothing else asks for may wait, where so many users are concerned.
fn refresh_within_ms(users: usize) -> u64 {
    if users <= REFRESH_AT_ONCE {
        return 0;
    }
    let users = u64::try_from(users).unwrap_or(u64::MAX);
    users
        .saturating_mul(REFRESH_SHARE_MS)
        .min(REFRESH_WITHIN_MAX_MS)
}

#[cfg(test)]
mod tests {
    use super::refresh_within_ms;

    #[test]
    fn a_crowd_spreads_its_refreshes() {
        assert_eq!(refresh_within_ms(1), 0);
        assert_eq!(refresh_within_ms(50), 0);
        assert_eq!(refresh_within_ms(51), 102);
        assert_eq!(refresh_within_ms(29_999), 59_998);
        assert_eq!(refresh_within_ms(1_000_000), 60_000);
    }
}
