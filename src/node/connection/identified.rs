//! A connection whose user is known: first it waits for the present state, then it is live. It may
//! not know how its token was checked when it came.

use std::sync::Arc;
use std::time::Duration;

use sessionwire_guard::{Claims, Confirmation};

use super::ahead::{Accepted, Ahead};
use super::pace::Pace;
use super::{Output, Timing};
use crate::domain::access::InitiatingEntity;
use crate::domain::clock::Timestamp;
use crate::domain::close::Close;
use crate::domain::id::{ConnectionId, DeviceId, Seq, SessionId, UserId};
use crate::domain::message::{RightsCause, ServerMessage, Welcome, owed, session_revoked};
use crate::domain::standing::{Rights, Standing};
use crate::node::delivery::{Outcome, Ticket};
use crate::node::frame::Frame;
use crate::node::mailbox::{Ending, MESSAGES_MAX, RightsUpdate};
use crate::node::wheel::Due;

/// How long before its expiry a token is said to expire.
const EXPIRY_WARNING: Duration = Duration::from_mins(1);

/// Whose connection it is.
#[derive(Clone, Copy, Debug)]
pub(in crate::node) struct Identity {
    pub(in crate::node) connection: ConnectionId,
    pub(in crate::node) session: SessionId,
    pub(in crate::node) user: UserId,
    pub(in crate::node) device: DeviceId,
}

/// What is known of a client that comes.
#[derive(Clone, Debug, Default)]
pub(in crate::node) struct Past {
    /// What its token says that it may do.
    pub(in crate::node) said: Arc<Rights>,
    /// What made its token stale, where it was.
    pub(in crate::node) stale: Option<RightsCause>,
    /// The position of the last message that it heard.
    pub(in crate::node) heard: Option<Seq>,
}

/// What a connection has until it is welcomed.
struct Arrival {
    /// The position of its token.
    as_of: Seq,
    accepted: Accepted,
    past: Past,
    /// Whether the client was told its present rights by an earlier connection.
    told: bool,
    until: Duration,
    /// Messages that came before the welcome.
    held: Vec<(Frame, Ticket)>,
}

enum Phase {
    Arriving(Box<Arrival>),
    /// What the client was last told; shared with the user's other connections.
    Live(Arc<Standing>),
}

/// See the module.
pub(in crate::node) struct Identified {
    pub(super) identity: Identity,
    /// The key that vouched for the client's token, where one of ours did.
    pub(super) kid: Option<Arc<str>>,
    /// What the client showed when it came that its session's tokens are bound to.
    pub(super) cnf: Option<Box<Confirmation>>,
    phase: Phase,
    heartbeat: Duration,
    pub(super) expires_at: Timestamp,
    pub(super) warned: bool,
    pub(super) ahead: Ahead,
    pub(super) heard_at: Duration,
    pinged_at: Duration,
    pub(super) active_at: Option<Duration>,
    pub(super) pace: Pace,
}

impl Identified {
    /// One that came at `uptime` with this token.
    pub(in crate::node) fn new(
        identity: Identity,
        claims: Claims,
        past: Past,
        uptime: Duration,
        timing: Timing,
    ) -> Self {
        let accepted = Accepted::from(&claims);
        Self {
            identity,
            kid: claims.kid,
            cnf: claims.cnf.map(Box::new),
            expires_at: Timestamp::from_seconds(claims.exp),
            phase: Phase::Arriving(Box::new(Arrival {
                as_of: claims.as_of,
                accepted,
                past,
                told: false,
                until: uptime.saturating_add(timing.patience),
                held: Vec::new(),
            })),
            heartbeat: timing.heartbeat,
            warned: false,
            ahead: Ahead::default(),
            heard_at: uptime,
            pinged_at: uptime,
            active_at: None,
            pace: Pace::default(),
        }
    }

    /// Whose connection it is.
    pub(in crate::node) fn identity(&self) -> Identity {
        self.identity
    }

    /// The key that vouched for the client's token, where one of ours did.
    pub(in crate::node) fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// Whether the client was welcomed.
    pub(in crate::node) fn is_live(&self) -> bool {
        matches!(self.phase, Phase::Live(_))
    }

    /// A client whose last message was the one about what moved its rights last needs no other about it.
    /// `moved_at`: where that was. Only the message itself will do: later ones may have overtaken it.
    pub(in crate::node) fn recall(
        &mut self,
        rights: &RightsUpdate,
        moved_at: impl FnOnce(&Standing) -> Option<Seq>,
    ) {
        if let Phase::Arriving(arrival) = &mut self.phase
            && let Some(heard) = arrival.past.heard
            && heard <= rights.standing.as_of
        {
            arrival.told = moved_at(&rights.standing) == Some(heard);
        }
    }

    /// The present rights. `None`: they can't be dealt with yet; else what came of them for those who
    /// ask for a receipt.
    pub(in crate::node) fn on_rights(
        &mut self,
        rights: &RightsUpdate,
        now: Timestamp,
        outputs: &mut Vec<Output>,
    ) -> Option<Outcome> {
        let standing = &rights.standing;
        match &mut self.phase {
            Phase::Live(told) => {
                if standing.as_of < told.as_of {
                    return Some(Outcome::NothingOwed);
                }
                let before = std::mem::replace(told, Arc::clone(standing));
                // Most wakes find what was there before; then nothing is copied to compare it.
                if before.rights == standing.rights {
                    return Some(Outcome::NothingOwed);
                }
                Some(tell(&before.rights, rights, None, now, outputs))
            }
            Phase::Arriving(arrival) => {
                // Register, then check: a state that misses an applied event is read again first.
                if !rights.current || standing.as_of < arrival.as_of {
                    return None;
                }
                let told = if arrival.told {
                    Arc::clone(&standing.rights)
                } else {
                    std::mem::take(&mut arrival.past.said)
                };
                let stale = arrival.past.stale;
                let held = std::mem::take(&mut arrival.held);
                let accepted = arrival.accepted;
                self.phase = Phase::Live(Arc::clone(standing));
                outputs.push(self.welcome(standing));
                let outcome = tell(&told, rights, stale, now, outputs);
                for (frame, ticket) in held {
                    send_shared(frame, ticket, outputs);
                }
                self.on_accepted(accepted, now, outputs);
                Some(outcome)
            }
        }
    }

    fn welcome(&self, standing: &Standing) -> Output {
        Output::send(ServerMessage::Welcome(Welcome {
            connection_id: self.identity.connection,
            session_id: self.identity.session,
            user_id: self.identity.user,
            device_id: self.identity.device,
            groups: standing.rights.groups.iter().cloned().collect(),
            permissions: standing.rights.permissions.iter().cloned().collect(),
            as_of: standing.as_of,
            token_expires_at: self.expires_at,
            heartbeat_seconds: self.heartbeat.as_secs(),
        }))
    }

    /// A message that everybody concerned shares.
    pub(in crate::node) fn on_frame(
        &mut self,
        frame: Frame,
        ticket: Ticket,
        outputs: &mut Vec<Output>,
    ) {
        match &mut self.phase {
            Phase::Live(_) => send_shared(frame, ticket, outputs),
            Phase::Arriving(arrival) if arrival.held.len() < MESSAGES_MAX => {
                arrival.held.push((frame, ticket));
            }
            Phase::Arriving(_) => outputs.push(Output::Close(Close::TOO_SLOW)),
        }
    }

    /// The session ended.
    pub(in crate::node) fn on_end(&self, ending: Ending, outputs: &mut Vec<Output>) {
        let revoked = session_revoked(self.identity.session, &ending.end);
        outputs.push(Output::send(ServerMessage::SessionRevoked(revoked)));
        outputs.push(Output::Close(ending.end.reason.into()));
        if let Some(ticket) = ending.ticket {
            outputs.push(Output::Settle(ticket, Outcome::ToldAndClosed));
        }
    }

    /// A key was retired, this client's or another's. An honest client refreshes and comes back: what it
    /// refreshes with was signed by no key.
    pub(in crate::node) fn on_look_at_key(
        retired: bool,
        tickets: Vec<Ticket>,
        outputs: &mut Vec<Output>,
    ) {
        let outcome = if retired {
            outputs.push(Output::Close(Close::TOKEN_INVALID));
            Outcome::Closed
        } else {
            Outcome::NothingOwed
        };
        outputs.extend(tickets.into_iter().map(|it| Output::Settle(it, outcome)));
    }

    /// The server is going away.
    pub(in crate::node) fn on_drain(after_ms: u64, outputs: &mut Vec<Output>) {
        outputs.push(Output::send(ServerMessage::Reconnect { after_ms }));
        outputs.push(Output::Close(Close::DRAINING));
    }

    /// Time has passed.
    pub(in crate::node) fn on_tick(
        &mut self,
        now: Timestamp,
        uptime: Duration,
        outputs: &mut Vec<Output>,
    ) {
        if now >= self.expires_at {
            outputs.push(Output::Close(Close::TOKEN_EXPIRED));
            return;
        }
        if let Phase::Arriving(arrival) = &self.phase {
            if uptime >= arrival.until {
                outputs.push(Output::Close(Close::CANNOT_DECIDE));
            }
            return;
        }
        if uptime >= self.ping_due() {
            // Silence alone proves nothing: the machine may have slept. An unanswered ping does.
            if self.pinged_at > self.heard_at {
                outputs.push(Output::Close(Close::HEARTBEAT_MISSED));
                return;
            }
            self.pinged_at = uptime;
            outputs.push(Output::Ping);
        }
        if !self.warned && now >= self.expires_at.minus(EXPIRY_WARNING) {
            self.warned = true;
            let expires_at = self.expires_at;
            outputs.push(Output::send(ServerMessage::TokenExpiring { expires_at }));
        }
        self.ahead.on_tick(now, outputs);
    }

    /// When the next ping is due, and the answer to the last one overdue.
    fn ping_due(&self) -> Duration {
        self.pinged_at.saturating_add(self.heartbeat)
    }

    /// When it has to look at the time again.
    pub(in crate::node) fn due(&self) -> Due {
        let uptime = match &self.phase {
            Phase::Arriving(arrival) => arrival.until,
            Phase::Live(_) => self.ping_due(),
        };
        let wall = if self.warned || !self.is_live() {
            self.expires_at
        } else {
            self.expires_at.minus(EXPIRY_WARNING)
        };
        let ahead = self.ahead.due().filter(|_| self.is_live());
        Due {
            wall: Some(ahead.map_or(wall, |at| at.min(wall))),
            uptime,
        }
    }
}

/// Tells the difference, if there is one.
fn tell(
    told: &Rights,
    rights: &RightsUpdate,
    stale: Option<RightsCause>,
    now: Timestamp,
    outputs: &mut Vec<Output>,
) -> Outcome {
    // Without an event that this connection saw, the one that made the token stale; without one, the
    // token's rights were read before its position's last event was.
    let cause = rights.cause.or(stale).unwrap_or(RightsCause {
        id: rights.standing.as_of,
        initiating_entity: InitiatingEntity::System,
        at: now,
        refresh_within_ms: 0,
    });
    match owed(told, &rights.standing, cause) {
        Some(changed) => {
            outputs.push(Output::send(ServerMessage::PermissionsChanged(changed)));
            Outcome::Told
        }
        None => Outcome::NothingOwed,
    }
}

fn send_shared(frame: Frame, ticket: Ticket, outputs: &mut Vec<Output>) {
    outputs.push(Output::SendShared(frame));
    outputs.push(Output::Settle(ticket, Outcome::Told));
}
