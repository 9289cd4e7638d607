//! Holds a session over many connections: what to do after each, until the session is over.

use std::time::Duration;

use tokio::time::sleep;

use super::api::{Api, Tokens};
use super::output::Output;
use super::reconnect::{Next, back_off, next};
use super::socket::{Closed, Held, Over, connect};
use super::stop::Stop;
use super::{WatchError, random_fraction};

/// Watches until the session is over, or the program is asked to stop.
pub(super) async fn watch(
    api: &Api,
    mut tokens: Tokens,
    answer: Option<&str>,
    output: &mut Output,
    stop: &mut Stop,
) -> Result<(), WatchError> {
    let mut road = Road::default();
    loop {
        if road.must_refresh {
            match api.refresh(&tokens).await {
                Ok(newer) => {
                    tokens = newer;
                    road.must_refresh = false;
                }
                Err(over @ WatchError::Over(_)) => return Err(over),
                Err(error) => {
                    output.happened("error", &error.to_string())?;
                    if road.rest(None, stop).await {
                        return Ok(());
                    }
                    continue;
                }
            }
        }
        output.happened("connecting", "connecting")?;
        let over = tokio::select! {
            connected = connect(api, &tokens) => match connected {
                Ok(stream) => Held::new(stream, api, &mut tokens, answer, output).read(stop).await?,
                Err(closed) => Over::Closed(closed),
            },
            () = stop.asked() => return Ok(()),
        };
        let Over::Closed(closed) = over else {
            return Ok(());
        };
        output.closed(closed.code, &closed.reason)?;
        if road.is_at_its_end(&closed)? || road.rest(closed.after, stop).await {
            return Ok(());
        }
    }
}

/// What is remembered from connection to connection.
#[derive(Default)]
struct Road {
    /// Attempts since the last connection that lived for a while.
    attempt: u32,
    /// The token was found to be no longer good.
    must_refresh: bool,
    /// It was refreshed for that already, since that connection.
    refreshed: bool,
}

impl Road {
    /// What the close asks for; whether the person left by their own doing.
    fn is_at_its_end(&mut self, closed: &Closed) -> Result<bool, WatchError> {
        if closed.settled {
            *self = Self::default();
        }
        match next(closed.code) {
            Next::Over if closed.reason.starts_with("signed_out") => return Ok(true),
            Next::Over => return Err(WatchError::Over(closed.reason.clone())),
            Next::StayOut => return Err(WatchError::Refused(closed.reason.clone())),
            Next::RefreshOnce if self.refreshed => {
                return Err(WatchError::Refused(closed.reason.clone()));
            }
            Next::RefreshOnce => {
                self.refreshed = true;
                self.must_refresh = true;
            }
            Next::Refresh => self.must_refresh = true,
            Next::Reconnect => {}
        }
        Ok(false)
    }

    /// Waits before the next attempt; whether the program was asked to stop meanwhile.
    async fn rest(&mut self, after: Option<Duration>, stop: &mut Stop) -> bool {
        let wait = after.unwrap_or_else(|| back_off(self.attempt, random_fraction()));
        self.attempt = self.attempt.saturating_add(1);
        tokio::select! {
            () = sleep(wait) => false,
            () = stop.asked() => true,
        }
    }
}
