//! That the session can't be used much longer: told once ahead, and again where use had moved it. The connection
//! looks again when it would be told, since use of the session is no event. It may not know policies.

use std::time::Duration;

use sessionwire_guard::Claims;

use super::{Identified, Intent, Output};
use crate::domain::clock::Timestamp;
use crate::domain::message::ServerMessage;
use crate::domain::session::{NOTICE_MAX, Outlook};

/// How long an answer may take before it is asked for again.
const AGAIN: Duration = Duration::from_mins(1);

/// What a token says of its session.
#[derive(Clone, Copy, Debug)]
pub(super) struct Accepted {
    /// See [`Claims::rotation`].
    rotation: Option<u32>,
    /// When it ends, if nobody uses it: no sooner than its tokens do.
    session_ends: Timestamp,
}

impl From<&Claims> for Accepted {
    fn from(claims: &Claims) -> Self {
        let session_exp = claims.session_exp.unwrap_or(claims.exp);
        Self {
            rotation: claims.rotation(),
            session_ends: Timestamp::from_seconds(session_exp),
        }
    }
}

/// What is known of it.
#[derive(Default)]
pub(super) struct Ahead {
    /// When to look; none while nothing can come of it.
    look_at: Option<Timestamp>,
    /// The end that the client was told.
    told: Option<Timestamp>,
}

impl Ahead {
    /// Somebody looks now.
    pub(super) fn asked(&mut self, now: Timestamp) {
        self.look_at = Some(now.plus(AGAIN));
    }

    /// When to look.
    pub(super) fn due(&self) -> Option<Timestamp> {
        self.look_at
    }

    /// Time has passed.
    pub(super) fn on_tick(&mut self, now: Timestamp, outputs: &mut Vec<Output>) {
        if self.look_at.is_some_and(|at| at <= now) {
            self.asked(now);
            outputs.push(Output::Call(Intent::LookAhead));
        }
    }
}

impl Identified {
    /// A token was accepted. If it took another's place, that is spent now. If not, nobody is asked anything before the
    /// session's end can be near.
    pub(super) fn on_accepted(
        &mut self,
        accepted: Accepted,
        now: Timestamp,
        outputs: &mut Vec<Output>,
    ) {
        if let Some(number) = accepted.rotation {
            self.ahead.asked(now);
            outputs.push(Output::Call(Intent::Presented(number)));
        } else {
            self.ahead.look_at = Some(accepted.session_ends.minus(NOTICE_MAX));
            self.ahead.on_tick(now, outputs);
        }
    }

    /// What was found; none where the session has ended, of which the log tells.
    pub(in crate::node) fn on_outlook(
        &mut self,
        outlook: Option<Outlook>,
        now: Timestamp,
        outputs: &mut Vec<Output>,
    ) {
        let ahead = &mut self.ahead;
        let Some(outlook) = outlook else {
            ahead.look_at = None;
            return;
        };
        let Outlook {
            expires_at, cause, ..
        } = outlook;
        if now < outlook.notice_at {
            ahead.look_at = Some(outlook.notice_at);
            return;
        }
        // By then somebody may have used the session.
        ahead.look_at = (expires_at > now).then_some(expires_at);
        if ahead.told != Some(expires_at) {
            ahead.told = Some(expires_at);
            outputs.push(Output::send(ServerMessage::SessionExpiring {
                expires_at,
                cause,
            }));
        }
    }
}
