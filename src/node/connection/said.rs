//! What a client that is known may say, and what comes of it. It may not know what the service makes
//! of it.

use std::time::Duration;

use sessionwire_guard::{Claims, Verdict};

use super::ahead::Accepted;
use super::{Examine, Identified, Intent, Output};
use crate::domain::client_message::{ClientMessage, Unreadable};
use crate::domain::clock::Timestamp;
use crate::domain::close::Close;
use crate::domain::error::{Error, ErrorCode};
use crate::domain::message::ServerMessage;

/// How often word of the person's activity is passed on.
const ACTIVITY_EVERY: Duration = Duration::from_mins(1);

impl Identified {
    /// What was said, however it is read.
    pub(in crate::node) fn on_said(
        &mut self,
        read: impl FnOnce() -> Result<ClientMessage, Unreadable>,
        now: Timestamp,
        uptime: Duration,
        tokens: &dyn Examine,
        outputs: &mut Vec<Output>,
    ) {
        if !self.hear(uptime, outputs) {
            return;
        }
        match read() {
            Ok(message) => self.on_message(message, now, uptime, tokens, outputs),
            Err(Unreadable::NotAnObject) => outputs.push(Output::Close(Close::PROTOCOL_ERROR)),
            Err(what @ (Unreadable::UnknownType | Unreadable::WrongMembers)) => {
                let code = ErrorCode::ValidationFailed.as_str();
                outputs.push(Output::error(code, what.to_string()));
            }
        }
    }

    /// A ping or pong of the transport.
    pub(in crate::node) fn on_control(&mut self, uptime: Duration, outputs: &mut Vec<Output>) {
        self.hear(uptime, outputs);
    }

    /// Notes that the client is there; whether it keeps its pace.
    fn hear(&mut self, uptime: Duration, outputs: &mut Vec<Output>) -> bool {
        self.heard_at = uptime;
        let allowed = self.pace.allows(uptime);
        if !allowed {
            outputs.push(Output::Close(Close::RATE_LIMITED));
        }
        allowed
    }

    fn on_message(
        &mut self,
        message: ClientMessage,
        now: Timestamp,
        uptime: Duration,
        tokens: &dyn Examine,
        outputs: &mut Vec<Output>,
    ) {
        match message {
            ClientMessage::Auth { .. } => outputs.push(Output::Close(Close::PROTOCOL_ERROR)),
            ClientMessage::TokenRefresh { token } => {
                self.on_refresh(&token, now, tokens, outputs);
            }
            ClientMessage::Ping {} => outputs.push(Output::send(ServerMessage::Pong)),
            ClientMessage::Ack { id } => outputs.push(Output::Call(Intent::Acknowledged(id))),
            ClientMessage::Activity {} => {
                let due = self.active_at.map(|at| at.saturating_add(ACTIVITY_EVERY));
                if due.is_none_or(|due| uptime >= due) {
                    self.active_at = Some(uptime);
                    outputs.push(Output::Call(Intent::Activity));
                }
            }
            ClientMessage::TakeoverAnswer { request_id, allow } => {
                outputs.push(Output::Call(Intent::AnswerTakeover { request_id, allow }));
            }
        }
    }

    /// A newer token: only the expiry changes, because what the client was told did not.
    fn on_refresh(
        &mut self,
        token: &str,
        now: Timestamp,
        tokens: &dyn Examine,
        outputs: &mut Vec<Output>,
    ) {
        match self.accept(token, now, tokens) {
            Ok(claims) => {
                self.expires_at = Timestamp::from_seconds(claims.exp);
                self.kid.clone_from(&claims.kid);
                self.warned = false;
                outputs.push(Output::send(ServerMessage::TokenRefreshed {
                    as_of: claims.as_of,
                    token_expires_at: self.expires_at,
                }));
                self.on_accepted(Accepted::from(&claims), now, outputs);
            }
            Err(Refused::Foreign) => outputs.push(Output::Close(Close::TOKEN_INVALID)),
            Err(Refused::Bad(error)) => {
                outputs.push(Output::error(error.code().as_str(), error.to_string()));
            }
        }
    }

    fn accept(&self, token: &str, now: Timestamp, tokens: &dyn Examine) -> Result<Claims, Refused> {
        let (claims, verdict) = tokens.examine(token).map_err(Refused::Bad)?;
        if claims.sid != self.identity.session || claims.sub != self.identity.user {
            return Err(Refused::Foreign);
        }
        // Shown when the socket opened, and not again: nobody else speaks on it.
        if claims.cnf.as_ref() != self.cnf.as_deref() {
            return Err(Refused::Bad(Error::TokenInvalid));
        }
        let expires_at = Timestamp::from_seconds(claims.exp);
        if expires_at < self.expires_at || expires_at <= now {
            let what = "the token is older than the one in use";
            return Err(Refused::Bad(Error::validation(what)));
        }
        match verdict {
            Verdict::Ended(_, reason) => Err(Refused::Bad(Error::SessionEnded(reason))),
            // As at the handshake, a stale token is good enough for a socket.
            Verdict::Good | Verdict::Stale(_) => Ok(claims),
        }
    }
}

/// Why a newer token is none.
enum Refused {
    /// It is of another session.
    Foreign,
    /// It is not good, or not newer.
    Bad(Error),
}
