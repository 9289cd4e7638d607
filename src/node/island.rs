//! A node that can't follow the log any more keeps its connections for a while, since nobody's rights
//! can change either where the database is away from everybody, and sends them elsewhere after that: it
//! may be alone in this. It may not know why the log is out of reach.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use super::Inner;

/// How often it is looked, as a part of the grace.
const LOOKS_PER_GRACE: u32 = 20;
/// Over how long those who are sent away come back: as a stopping server does by default.
const SPREAD: Duration = Duration::from_secs(10);

/// Watches for ever.
pub(super) async fn watch(node: Arc<Inner>, grace: Duration) {
    let mut looks = interval((grace / LOOKS_PER_GRACE).max(Duration::from_millis(50)));
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // The log has to be read before this node decides anything at all.
    node.gate.until_ready().await;
    let mut decided_at = node.clock.uptime();
    loop {
        looks.tick().await;
        let now = node.clock.uptime();
        if node.gate.is_ready() {
            decided_at = now;
        } else if now.saturating_sub(decided_at) >= grace && node.hub.size().1 > 0 {
            tracing::error!(
                "the log is out of reach for too long; sending the connections elsewhere"
            );
            node.send_away(SPREAD);
        }
    }
}
