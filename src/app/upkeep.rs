//! What a server does from time to time without being asked. It may not know what that is, only how often.

use std::time::Duration;

use tokio::time::timeout;

use crate::config::Config;
use crate::domain::error::Error;
use crate::node::Node;
use crate::service::Core;

/// How often what nobody needs is forgotten.
const FORGET_EVERY: Duration = Duration::from_mins(1);
/// How often the signing keys are looked at: more often than a new one waits before it signs, so that a
/// key made by another process signs when it said it would.
const LOOK_AT_KEYS_EVERY: Duration = Duration::from_secs(2);
/// How long a piece of it may take.
const WORK: Duration = Duration::from_mins(2);

pub(super) async fn keep_sweeping(core: Core, node: Node, every: Duration) {
    let mut ticks = tokio::time::interval(every);
    loop {
        ticks.tick().await;
        while node.is_on_duty() {
            match in_time(core.sweep_sessions()).await {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => {
                    tracing::warn!(error = ?error, "sessions can't be swept; trying again");
                    break;
                }
            }
        }
    }
}

/// Gives up what the network swallowed: the next time comes by another connection.
async fn in_time<T>(work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let late = || Error::unavailable("the database does not answer in time");
    timeout(WORK, work).await.unwrap_or_else(|_| Err(late()))
}

/// How long the log is kept, and who has to have read what is forgotten of it.
pub(super) struct Retention {
    kept: Option<Duration>,
    sinks: Vec<String>,
}

impl Retention {
    pub(super) fn of(config: &Config) -> Self {
        Self {
            kept: config.log_retention,
            sinks: super::sinks::names(config),
        }
    }

    async fn forget(&self, core: &Core) -> Result<(), Error> {
        core.forget().await?;
        if let Some(kept) = self.kept {
            while core.forget_events(kept, &self.sinks).await? {}
        }
        Ok(())
    }
}

pub(super) async fn keep_forgetting(core: Core, node: Node, retention: Retention) {
    let mut ticks = tokio::time::interval(FORGET_EVERY);
    loop {
        ticks.tick().await;
        if node.is_on_duty()
            && let Err(error) = in_time(retention.forget(&core)).await
        {
            tracing::warn!(error = ?error, "outdated rows can't be forgotten; trying again");
        }
    }
}

pub(super) async fn keep_signing_keys(core: Core, node: Node) {
    let mut ticks = tokio::time::interval(LOOK_AT_KEYS_EVERY);
    let mut keys_read = node.keys_read();
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            // A key that another node took back signs nothing more here.
            Ok(()) = keys_read.changed() => {}
        }
        if let Err(error) = in_time(core.tend_signing_keys()).await {
            tracing::warn!(error = ?error, "signing keys can't be looked after; trying again");
        }
    }
}
