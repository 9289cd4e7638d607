//! How a node lets its connections go when the server stops. It may not know why it stops.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::Inner;

/// The least time that closes get to reach the kernel, however short the window.
const WINDOW_MIN: Duration = Duration::from_millis(500);

impl Inner {
    /// See [`super::Node::drain`].
    pub(super) async fn drain(&self, window: Duration) {
        self.set_spread(window);
        for mailbox in self.limits.begin_drain() {
            mailbox.put_drain(self.spread());
        }
        self.send_away(window);
        let gone = self.limits.empty();
        if tokio::time::timeout(window.max(WINDOW_MIN), gone)
            .await
            .is_err()
        {
            tracing::warn!("connections are still open at the end of the drain");
        }
    }

    /// Sends those who are connected elsewhere, to come back spread over the window.
    pub(super) fn send_away(&self, window: Duration) {
        self.set_spread(window);
        self.hub.for_each(|_, entry| {
            for seat in &entry.seats {
                seat.mailbox.put_drain(self.spread());
            }
        });
    }

    /// Those who come back find other nodes, which let in so many a second only.
    fn set_spread(&self, window: Duration) {
        let window = window.max(self.pace.time_for(self.hub.size().1));
        let millis = u64::try_from(window.as_millis()).unwrap_or(u64::MAX);
        self.spread_ms.store(millis, Ordering::Release);
    }

    /// When one of those who are sent away is to come back, in milliseconds.
    pub(super) fn spread(&self) -> u64 {
        let spread_ms = self.spread_ms.load(Ordering::Acquire);
        self.entropy.below(spread_ms.saturating_add(1))
    }
}
