//! A connection as a state machine without I/O: what comes in, what goes out.
//!
//! Sockets, timers and services belong to the driver in `transport`. A connection remembers what its
//! client was last told; what it owes is the difference.

use std::time::Duration;

use sessionwire_guard::Claims;

use super::hub::Known;
use super::mailbox::Slots;
use crate::domain::clock::Timestamp;
use crate::domain::close::Close;
use crate::domain::error::{Error, ErrorCode};
use crate::domain::id::{ConnectionId, Seq, SessionId, TakeoverRequestId};
use crate::domain::message::{
    ClientMessage, RightsCause, ServerMessage, Unreadable, Welcome, owed, session_revoked,
};
use crate::domain::session::SessionEnd;
use crate::domain::standing::Told;

/// So long before its token runs out a client is told.
const EXPIRING_BEFORE: Duration = Duration::from_mins(1);
/// `activity` is passed on once in this time.
const ACTIVITY_EVERY: Duration = Duration::from_mins(1);
/// A client may say so many things at once …
const MESSAGES_AT_ONCE: u32 = 60;
/// … and one more in this time.
const MESSAGE_EVERY: Duration = Duration::from_millis(200);

/// What a connection wants of its driver.
#[derive(Debug, PartialEq)]
pub enum Output {
    /// Encode and write.
    Send(ServerMessage),
    /// Write: it is encoded already.
    SendShared(std::sync::Arc<str>),
    /// Write a protocol ping.
    Ping,
    /// Ask somebody, and come back with the answer if there is one.
    Ask(Intent),
    /// Write the close frame and be done.
    Close(Close),
}

/// What a client asks for.
#[derive(Debug, PartialEq, Eq)]
pub enum Intent {
    /// Look at this token, and call [`Connection::on_token`].
    CheckToken(String),
    /// Note that the person is there.
    NoteActivity,
    /// Pass on the answer of this device.
    AnswerTakeover {
        /// To which question.
        request: TakeoverRequestId,
        /// The answer.
        allow: bool,
    },
}

/// The moments that a connection knows.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// The wall clock.
    pub wall: Timestamp,
    /// Time that never jumps.
    pub uptime: Duration,
}

/// A connection that has said who it is.
#[derive(Debug)]
pub struct Connection {
    id: ConnectionId,
    session_id: SessionId,
    token: Claims,
    told: Told,
    heartbeat: Duration,
    heard_at: Duration,
    pinged_at: Option<Duration>,
    next_ping_at: Duration,
    told_expiring: bool,
    activity_at: Option<Duration>,
    /// The moment until which what the client said fills its allowance.
    busy_until: Duration,
}

impl Connection {
    /// Opens with the present state; where the token said otherwise the difference follows.
    pub fn open(
        id: ConnectionId,
        token: Claims,
        known: &Known,
        fallback: RightsCause,
        heartbeat: Duration,
        now: Now,
    ) -> (Self, Vec<Output>) {
        let told = Told::by_token(&token.groups, &token.permissions);
        let standing = &known.standing;
        let welcome = ServerMessage::Welcome(Welcome {
            connection_id: id,
            session_id: token.sid,
            user_id: token.sub,
            device_id: token.device_id,
            groups: standing.groups.iter().cloned().collect(),
            permissions: standing.permissions.iter().cloned().collect(),
            as_of: standing.as_of,
            token_expires_at: expiry(&token),
            heartbeat_seconds: heartbeat.as_secs(),
        });
        let mut connection = Self {
            id,
            session_id: token.sid,
            token,
            told,
            heartbeat,
            heard_at: now.uptime,
            pinged_at: None,
            next_ping_at: now.uptime + heartbeat,
            told_expiring: false,
            activity_at: None,
            busy_until: Duration::ZERO,
        };
        let mut outputs = vec![Output::Send(welcome)];
        outputs.extend(connection.on_standing(known, fallback));
        (connection, outputs)
    }

    /// Its id.
    pub fn id(&self) -> ConnectionId {
        self.id
    }

    /// Any frame came in: the client lives.
    pub fn on_heard(&mut self, now: Now) {
        self.heard_at = now.uptime;
        self.pinged_at = None;
    }

    /// A text frame.
    pub fn on_text(&mut self, text: &str, now: Now) -> Vec<Output> {
        self.on_heard(now);
        if self.is_flooding(now) {
            return vec![Output::Close(Close::RateLimited)];
        }
        match ClientMessage::parse(text) {
            Ok(message) => self.on_message(message, now),
            Err(Unreadable::NotAnObject) => vec![Output::Close(Close::ProtocolError)],
            Err(problem @ (Unreadable::UnknownType | Unreadable::WrongMembers)) => {
                vec![error(ErrorCode::ValidationFailed, &problem)]
            }
        }
    }

    fn on_message(&mut self, message: ClientMessage, now: Now) -> Vec<Output> {
        match message {
            ClientMessage::Auth { .. } => vec![Output::Close(Close::ProtocolError)],
            ClientMessage::TokenRefresh { token } => vec![Output::Ask(Intent::CheckToken(token))],
            ClientMessage::Ping {} => vec![Output::Send(ServerMessage::Pong)],
            ClientMessage::Ack { id: Seq(_) } => {
                metrics::counter!(crate::domain::metric::ACKS).increment(1);
                Vec::new()
            }
            ClientMessage::Activity {} => self.on_activity(now),
            ClientMessage::TakeoverAnswer { request_id, allow } => {
                vec![Output::Ask(Intent::AnswerTakeover {
                    request: request_id,
                    allow,
                })]
            }
        }
    }

    fn on_activity(&mut self, now: Now) -> Vec<Output> {
        let recent = self
            .activity_at
            .is_some_and(|at| now.uptime < at + ACTIVITY_EVERY);
        if recent {
            return Vec::new();
        }
        self.activity_at = Some(now.uptime);
        vec![Output::Ask(Intent::NoteActivity)]
    }

    fn is_flooding(&mut self, now: Now) -> bool {
        self.busy_until = self.busy_until.max(now.uptime) + MESSAGE_EVERY;
        self.busy_until > now.uptime + MESSAGE_EVERY * MESSAGES_AT_ONCE
    }

    /// The answer to [`Intent::CheckToken`].
    pub fn on_token(&mut self, checked: Result<Claims, Error>) -> Vec<Output> {
        match checked {
            Ok(token) if token.sid != self.session_id => {
                vec![Output::Close(Close::OtherSession)]
            }
            Ok(token) => {
                let refreshed = ServerMessage::TokenRefreshed {
                    as_of: token.as_of,
                    token_expires_at: expiry(&token),
                };
                self.told_expiring = false;
                self.token = token;
                vec![Output::Send(refreshed)]
            }
            Err(problem) => vec![error(problem.code(), &problem)],
        }
    }

    /// What an asked service refused.
    pub fn on_refusal(&self, problem: &Error) -> Vec<Output> {
        vec![error(problem.code(), problem)]
    }

    /// The rights were read anew: what the client is owed.
    pub fn on_standing(&mut self, known: &Known, fallback: RightsCause) -> Vec<Output> {
        let cause = known.cause.unwrap_or(fallback);
        let owed = owed(&self.told, &known.standing, cause);
        self.told = Told::by_standing(&known.standing);
        owed.map(|message| Output::Send(ServerMessage::PermissionsChanged(message)))
            .into_iter()
            .collect()
    }

    /// The session ended.
    pub fn on_end(&self, end: &SessionEnd) -> Vec<Output> {
        revoked(self.session_id, end)
    }

    /// What waits, apart from rights.
    pub fn on_slots(&mut self, slots: &mut Slots, now: Now) -> Vec<Output> {
        if let Some(end) = &slots.end {
            return self.on_end(end);
        }
        if slots.overflow {
            return vec![Output::Close(Close::TooSlow)];
        }
        let mut outputs: Vec<Output> = slots.notices.drain(..).map(Output::SendShared).collect();
        if let Some(after_ms) = slots.drain_after_ms {
            outputs.push(Output::Send(ServerMessage::Reconnect { after_ms }));
            outputs.push(Output::Close(Close::Draining));
        } else if slots.due {
            outputs.extend(self.on_due(now));
        }
        outputs
    }

    fn on_due(&mut self, now: Now) -> Vec<Output> {
        let expires_at = expiry(&self.token);
        if expires_at <= now.wall {
            return vec![Output::Close(Close::TokenExpired)];
        }
        let mut outputs = Vec::new();
        if !self.told_expiring && expires_at.minus(EXPIRING_BEFORE) <= now.wall {
            self.told_expiring = true;
            outputs.push(Output::Send(ServerMessage::TokenExpiring { expires_at }));
        }
        if now.uptime >= self.next_ping_at {
            if self.pinged_at.is_some() {
                return vec![Output::Close(Close::HeartbeatMissed)];
            }
            self.pinged_at = Some(now.uptime);
            self.next_ping_at = now.uptime + self.heartbeat;
            outputs.push(Output::Ping);
        }
        outputs
    }

    /// The moment (uptime) at which something becomes due.
    pub fn due_at(&self, now: Now) -> Duration {
        let expires_at = expiry(&self.token);
        let next = if self.told_expiring {
            expires_at
        } else {
            expires_at.minus(EXPIRING_BEFORE)
        };
        (now.uptime + next.since(now.wall)).min(self.next_ping_at)
    }
}

/// The frames for a session that ended, here or before.
pub fn revoked(session_id: SessionId, end: &SessionEnd) -> Vec<Output> {
    vec![
        Output::Send(ServerMessage::SessionRevoked(session_revoked(
            session_id, end,
        ))),
        Output::Close(Close::Ended(end.reason)),
    ]
}

fn expiry(token: &Claims) -> Timestamp {
    Timestamp::from_seconds(token.exp)
}

fn error(code: ErrorCode, problem: &impl ToString) -> Output {
    Output::Send(ServerMessage::Error {
        code: code.as_str(),
        message: problem.to_string(),
    })
}
