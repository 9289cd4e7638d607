//! How a connection comes in: let in, found to hold a token, and then, because it is in the hub
//! already, checked. It may not know how its transport shook hands.
//!
//! A token that holds says what its user may do: nothing moved it between the position that the token was issued at and
//! the one that it is checked at. So nothing is read for who comes with such a token, and of a crowd that comes back
//! nobody waits for the database.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use sessionwire_guard::{Claims, Reason, Verdict};

use super::Inner;
use super::connection::{Identified, Identity, Output, Past, Unidentified};
use super::entry::Seat;
use super::gate::Certainty;
use super::line::{Line, Visitor};
use super::mailbox::Mailbox;
use super::standing::Urgency;
use super::wheel::{Armed, Due};
use crate::domain::access::InitiatingEntity;
use crate::domain::close::Close;
use crate::domain::error::Error;
use crate::domain::event::LogEntry;
use crate::domain::id::{ConnectionId, Seq, SessionId, UserId};
use crate::domain::message::{RightsCause, ServerMessage, session_revoked};
use crate::domain::metric;
use crate::domain::session::SessionEnd;
use crate::domain::standing::{Rights, Standing};

/// How far apart those may come who are told the same time.
const JITTER_MS: u64 = 100;

/// A connection that was not let in, or not any further.
#[derive(Debug)]
pub struct Refused {
    /// What to send before the close: that the session ended, that the client may come back.
    pub last_words: Option<Box<ServerMessage>>,
    /// How to close.
    pub close: Close,
}

impl From<Close> for Refused {
    fn from(close: Close) -> Self {
        Self {
            last_words: None,
            close,
        }
    }
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        if let Error::Internal(cause) = &error {
            tracing::error!(%cause, "a connection can't be let in");
        }
        Close::from(error.code()).into()
    }
}

impl From<Refused> for Vec<Output> {
    fn from(refused: Refused) -> Self {
        let last_words = refused.last_words.map(Output::Send);
        last_words
            .into_iter()
            .chain([Output::Close(refused.close)])
            .collect()
    }
}

/// Lets a connection in, as one that has yet to say who it is.
pub(super) fn admit(node: &Arc<Inner>, address: Option<IpAddr>) -> Result<Visitor, Close> {
    let mailbox = Arc::new(Mailbox::default());
    let (pass, waiting) = node.limits.admit(address, &mailbox)?;
    let state = Unidentified::new(node.clock.uptime(), node.timing.patience);
    let due = Due {
        wall: None,
        uptime: state.until(),
    };
    node.wheel.arm(&mailbox, &mut Armed::default(), due);
    Ok(Visitor {
        pass,
        waiting,
        mailbox,
        state,
        answers: true,
        heard: None,
        timing: node.timing,
        node: Arc::clone(node),
    })
}

/// Gives a visitor, whose claims were found genuine, a place in the hub, and checks them after that:
/// whatever happens to the session from now on is caught by one of the two.
pub(super) async fn open(visitor: Visitor, claims: Claims) -> Result<Box<Line>, Refused> {
    let Visitor {
        pass,
        waiting,
        mailbox,
        node,
        answers,
        heard,
        timing,
        state: _,
    } = visitor;
    // Only now: who has no token takes nobody's turn.
    node.pace
        .take(node.clock.uptime())
        .map_err(|after| later(&node, after))?;
    let now = node.clock.now();
    let identity = Identity {
        connection: ConnectionId(node.entropy.uuid(now)),
        session: claims.sid,
        user: claims.sub,
        device: claims.device_id,
    };
    let seat = Seat {
        id: identity.connection,
        session: identity.session,
        device: identity.device,
        answers,
        mailbox: Arc::clone(&mailbox),
    };
    // In the model: `Register`.
    let (registration, must_read) = node.hub.register(identity.user, seat, now, claims.as_of)?;
    // In this order, so that a drain that begins here finds it in one of the two places.
    drop(waiting);
    if node.limits.is_draining() {
        return Err(node.turned_away());
    }
    // Before the check, which looks at this position or a later one.
    let applied = *node.applied.borrow();
    // In the model: `Check`.
    let (stale, holds_at) = match node.gate.verdict(&claims, Certainty::Leased)? {
        Verdict::Good => (None, Some(applied).filter(|at| claims.as_of <= *at)),
        Verdict::Stale(seq) => (cause_at(&node, seq).await?, None),
        Verdict::Ended(seq, reason) => {
            return Err(ended(&node, identity.session, seq, reason).await);
        }
    };
    let rights = Rights::by_token(&claims.groups, &claims.permissions);
    let said = node.hub.share(rights);
    if must_read {
        node.learn_rights(identity.user, &said, holds_at);
    }
    let uptime = node.clock.uptime();
    let past = Past { said, stale, heard };
    let mut line = Box::new(Line {
        state: Identified::new(identity, claims, past, uptime, timing),
        mailbox,
        armed: Armed::default(),
        registration,
        pass,
        node,
    });
    line.arm();
    Ok(line)
}

/// What made a token stale, for the message about it.
async fn cause_at(node: &Inner, seq: Seq) -> Result<Option<RightsCause>, Error> {
    let entry = entry_at(node, seq).await?;
    Ok(entry.map(|entry| RightsCause {
        id: entry.seq,
        initiating_entity: entry.initiating_entity,
        at: entry.at,
        refresh_within_ms: 0,
    }))
}

/// The event at a position.
async fn entry_at(node: &Inner, seq: Seq) -> Result<Option<LogEntry>, Error> {
    let before = Seq(seq.0.saturating_sub(1));
    let mut entries = node.source.entries_after(before, 1).await?;
    Ok(entries.pop().filter(|entry| entry.seq == seq))
}

/// An ended session is answered as if it ended now.
async fn ended(node: &Inner, session: SessionId, seq: Seq, reason: Reason) -> Refused {
    match end_of(node, session, seq, reason).await {
        Ok(end) => Refused {
            last_words: Some(Box::new(ServerMessage::SessionRevoked(session_revoked(
                session, &end,
            )))),
            close: end.reason.into(),
        },
        Err(error) => error.into(),
    }
}

/// How the session ended: as it is kept, or else by the event that ended it.
async fn end_of(
    node: &Inner,
    session: SessionId,
    seq: Seq,
    reason: Reason,
) -> Result<SessionEnd, Error> {
    let kept = node.source.find_session(session).await?;
    if let Some(end) = kept.and_then(|session| session.end) {
        return Ok(end);
    }
    let entry = entry_at(node, seq).await?;
    Ok(SessionEnd {
        seq,
        at: entry.as_ref().map_or(node.clock.now(), |entry| entry.at),
        reason,
        initiating_entity: entry.map_or(InitiatingEntity::System, |it| it.initiating_entity),
        replaced_by: None,
    })
}

/// What a connection hears that comes when too many do.
fn later(node: &Inner, after: Duration) -> Refused {
    let after_ms = u64::try_from(after.as_millis()).unwrap_or(u64::MAX);
    metrics::counter!(metric::ARRIVALS_PUT_OFF).increment(1);
    Refused {
        last_words: Some(Box::new(ServerMessage::Reconnect {
            // Not all of a millisecond at once, either.
            after_ms: after_ms.saturating_add(node.entropy.below(JITTER_MS)),
        })),
        close: Close::CONNECTION_LIMIT,
    }
}

impl Inner {
    /// What a newcomer's user may do: as the token said, if that holds at a position, and else as it is read.
    fn learn_rights(&self, user_id: UserId, said: &Arc<Rights>, holds_at: Option<Seq>) {
        let has_moved = holds_at.is_none_or(|as_of| {
            self.hub.install_shared(Standing {
                user_id,
                as_of,
                rights: Arc::clone(said),
            })
        });
        if has_moved {
            self.unread.add([user_id], Urgency::Now);
        }
    }

    /// What a connection hears that comes while the server goes away.
    fn turned_away(&self) -> Refused {
        Refused {
            last_words: Some(Box::new(ServerMessage::Reconnect {
                after_ms: self.spread(),
            })),
            close: Close::DRAINING,
        }
    }
}
