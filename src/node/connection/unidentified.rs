//! A connection that has yet to say who it is: it says `auth`, in time, and nothing else. It may not
//! know whether the token is good.

use std::time::Duration;

use super::pace::Pace;
use crate::domain::client_message::ClientMessage;
use crate::domain::close::Close;

/// See the module.
pub(in crate::node) struct Unidentified {
    until: Duration,
    pace: Pace,
}

impl Unidentified {
    /// One that came at `uptime`.
    pub(in crate::node) fn new(uptime: Duration, patience: Duration) -> Self {
        Self {
            until: uptime.saturating_add(patience),
            pace: Pace::default(),
        }
    }

    /// The token of its first message, and the proof beside it.
    pub(in crate::node) fn on_text(
        &self,
        text: &str,
        uptime: Duration,
    ) -> Result<(String, Option<String>), Close> {
        // The timer may be a little late; late is late all the same.
        self.on_tick(uptime)?;
        match ClientMessage::parse(text) {
            Ok(ClientMessage::Auth { token, dpop }) => Ok((token, dpop)),
            Ok(_) | Err(_) => Err(Close::PROTOCOL_ERROR),
        }
    }

    /// A ping or pong of the transport: says nothing, and may not go on for ever.
    pub(in crate::node) fn on_control(&mut self, uptime: Duration) -> Result<(), Close> {
        if self.pace.allows(uptime) {
            Ok(())
        } else {
            Err(Close::RATE_LIMITED)
        }
    }

    /// Time has passed.
    pub(in crate::node) fn on_tick(&self, uptime: Duration) -> Result<(), Close> {
        if uptime < self.until {
            Ok(())
        } else {
            Err(Close::NOT_AUTHENTICATED)
        }
    }

    /// Until when it has to have spoken.
    pub(in crate::node) fn until(&self) -> Duration {
        self.until
    }
}
