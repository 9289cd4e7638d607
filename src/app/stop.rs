//! How a server stops: first it says that it is not ready, then it sends its clients elsewhere, then it
//! finishes what is under way; and at a second asking it waits for nothing any more. It may not know who asks.

use std::pin::pin;
use std::time::Duration;

use futures::{Stream, StreamExt as _};
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::node::Node;

/// How long somebody who polls may take to come in again.
const LAST_POLLS: Duration = Duration::from_millis(500);
/// How long requests under way may take to finish after the sockets are gone.
const LAST_REQUESTS: Duration = Duration::from_secs(5);
/// How long sinks may take to finish after that what they are writing.
const LAST_WRITES: Duration = Duration::from_secs(2);

/// How long a server that stops waits, and for what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Waits {
    /// For those to notice who send it new clients.
    pub(super) notice: Duration,
    /// For its clients to go elsewhere.
    pub(super) drain: Duration,
    /// For requests.
    pub(super) requests: Duration,
    /// For sinks.
    pub(super) writes: Duration,
}

impl Waits {
    /// By the settings.
    pub(super) const fn new(notice: Duration, drain: Duration) -> Self {
        Self {
            notice,
            drain,
            requests: LAST_REQUESTS,
            writes: LAST_WRITES,
        }
    }

    /// Those of somebody in a hurry.
    const fn none() -> Self {
        Self {
            notice: Duration::ZERO,
            drain: Duration::ZERO,
            requests: Duration::ZERO,
            writes: Duration::ZERO,
        }
    }

    /// Sends the clients elsewhere, and closes the door. Answers how long to wait for the rest.
    pub(super) async fn make_way(
        self,
        node: &Node,
        door: oneshot::Sender<()>,
        stops: impl Stream<Item = ()>,
    ) -> Self {
        let mut again = pin!(stops.chain(futures::stream::pending()));
        tokio::select! {
            () = send_away(node, self, door) => self,
            _ = again.next() => {
                tracing::warn!("asked to stop once more: nothing is waited for any longer");
                node.drain(Duration::ZERO).await;
                Self::none()
            }
        }
    }
}

/// Sends the sockets away, and lets nobody in any more.
async fn send_away(node: &Node, waits: Waits, door: oneshot::Sender<()>) {
    node.leave();
    tokio::time::sleep(waits.notice).await;
    let mut drain = pin!(node.drain(waits.drain));
    // Who polls has to come in once more to hear of it.
    if timeout(LAST_POLLS, drain.as_mut()).await.is_err() {
        drop(door);
        drain.await;
    }
}
