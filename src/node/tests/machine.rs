//! A connection by itself: what a client says to it, and what it hears, without a node.

use std::sync::Arc;
use std::time::Duration;

use sessionwire_guard::{Claims, Verdict};
use uuid::Uuid;

use super::support::{ManualClock, session, user};
use super::world::hear;
use crate::domain::client_message::ClientMessage;
use crate::domain::clock::Clock;
use crate::domain::error::Error;
use crate::domain::id::{ConnectionId, DeviceId, Seq};
use crate::domain::standing::{Rights, Standing};
use crate::node::connection::{Examine, Identified, Identity, Intent, Output, Past, Timing};
use crate::node::mailbox::RightsUpdate;

pub(super) const TIMING: Timing = Timing {
    heartbeat: Duration::from_mins(1),
    patience: Duration::from_secs(10),
};

/// Knows one token, `good`, and what is to be said of it.
pub(super) struct Known(pub(super) Claims, pub(super) Verdict);

impl Examine for Known {
    fn examine(&self, token: &str) -> Result<(Claims, Verdict), Error> {
        match token {
            "good" => Ok((self.0.clone(), self.1)),
            "expired" => Err(Error::TokenExpired),
            _ => Err(Error::TokenInvalid),
        }
    }
}

pub(super) struct Machine {
    pub(super) clock: ManualClock,
    pub(super) state: Identified,
    pub(super) tokens: Known,
}

impl Machine {
    pub(super) fn arriving() -> Self {
        let clock = ManualClock::default();
        let claims = claims(&clock, 300);
        Self::arriving_with(clock, claims)
    }

    pub(super) fn arriving_with(clock: ManualClock, claims: Claims) -> Self {
        let identity = Identity {
            connection: ConnectionId(Uuid::nil()),
            session: session(1),
            user: user(1),
            device: DeviceId(Uuid::nil()),
        };
        let state = Identified::new(
            identity,
            claims.clone(),
            Past::default(),
            clock.uptime(),
            TIMING,
        );
        Self {
            tokens: Known(claims, Verdict::Good),
            state,
            clock,
        }
    }

    pub(super) fn live() -> Self {
        let mut machine = Self::arriving();
        assert_eq!(machine.has(5, &[]).unwrap()[0], "welcome");
        let now = machine.clock.now();
        machine.state.on_outlook(None, now, &mut Vec::new());
        machine
    }

    /// The user's groups at a position, and what is said of them.
    pub(super) fn has(&mut self, as_of: u64, groups: &[&str]) -> Option<Vec<String>> {
        self.shown(as_of, groups).map(hear)
    }

    pub(super) fn shown(&mut self, as_of: u64, groups: &[&str]) -> Option<Vec<Output>> {
        let rights = RightsUpdate {
            standing: Arc::new(Standing {
                user_id: user(1),
                as_of: Seq(as_of),
                rights: Arc::new(Rights {
                    groups: groups.iter().map(|it| (*it).to_owned()).collect(),
                    permissions: [].into(),
                }),
            }),
            cause: None,
            current: true,
        };
        let mut outputs = Vec::new();
        let outcome = self
            .state
            .on_rights(&rights, self.clock.now(), &mut outputs);
        outcome.map(|_| outputs)
    }

    pub(super) fn outputs(&mut self, text: &str) -> Vec<Output> {
        let mut outputs = Vec::new();
        let (now, uptime) = (self.clock.now(), self.clock.uptime());
        self.state.on_said(
            || ClientMessage::parse(text),
            now,
            uptime,
            &self.tokens,
            &mut outputs,
        );
        outputs
    }

    pub(super) fn says(&mut self, text: &str) -> Vec<String> {
        hear(self.outputs(text))
    }

    pub(super) fn intents(&mut self, text: &str) -> Vec<Intent> {
        intents(self.outputs(text))
    }

    pub(super) fn after(&mut self, seconds: u64) -> Vec<String> {
        self.clock.advance(Duration::from_secs(seconds));
        let mut outputs = Vec::new();
        let (now, uptime) = (self.clock.now(), self.clock.uptime());
        self.state.on_tick(now, uptime, &mut outputs);
        hear(outputs)
    }
}

pub(super) fn intents(outputs: Vec<Output>) -> Vec<Intent> {
    let intents = outputs.into_iter().filter_map(|output| match output {
        Output::Call(intent) => Some(intent),
        _ => None,
    });
    intents.collect()
}

pub(super) fn claims(clock: &ManualClock, lives_s: i64) -> Claims {
    let now = clock.now().as_seconds();
    Claims {
        iss: String::new(),
        sub: user(1),
        aud: String::new(),
        client_id: String::new(),
        iat: now,
        exp: now + lives_s,
        jti: Uuid::nil(),
        sid: session(1),
        device_id: DeviceId(Uuid::nil()),
        auth_time: now,
        groups: Vec::new(),
        permissions: Vec::new(),
        as_of: Seq(5),
        fence: Seq(1),
        generation: 0,
        session_exp: None,
        cnf: None,
        kid: None,
    }
}
