//! What is done again and again: sessions past their time are ended, and what nobody needs is forgotten.

use std::time::Duration;

use crate::service::Core;

/// How often what nobody needs is forgotten.
const FORGET_EVERY: Duration = Duration::from_mins(1);

pub(super) async fn keep_sweeping(core: Core, every: Duration) {
    let mut ticks = tokio::time::interval(every);
    loop {
        ticks.tick().await;
        loop {
            match core.sweep_sessions().await {
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

pub(super) async fn keep_forgetting(core: Core) {
    let mut ticks = tokio::time::interval(FORGET_EVERY);
    loop {
        ticks.tick().await;
        if let Err(error) = core.forget().await {
            tracing::warn!(error = ?error, "outdated rows can't be forgotten; trying again");
        }
    }
}
