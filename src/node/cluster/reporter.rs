//! Tells the other nodes how far this one is, and hears how far they are. It may not know who waits
//! for it.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

use super::peers::Peers;
use crate::bus::{Bus, Subscription};
use crate::domain::id::{NodeId, Seq};
use crate::domain::progress::{Delivered, Progress};
use crate::node::delivery::{Deliveries, Delivery};
use crate::node::feed::Readers;

/// How often what is under way is told of.
const AGAIN: Duration = Duration::from_millis(100);
/// For how long a delivery is waited for: the longest wait of a receipt.
const PATIENCE: Duration = Duration::from_secs(10);
/// How many are waited for at once; of others the others hear what had come of them at first.
const WAITED_FOR_MAX: usize = 256;

/// Speaks for this node.
pub(in crate::node) struct Reporter {
    pub(in crate::node) me: NodeId,
    pub(in crate::node) bus: Arc<dyn Bus>,
    pub(in crate::node) heard: Subscription<Arc<Progress>>,
    pub(in crate::node) peers: Arc<Peers>,
    pub(in crate::node) applied: watch::Receiver<Seq>,
    pub(in crate::node) deliveries: Arc<Deliveries>,
    pub(in crate::node) readers: Arc<Readers>,
}

impl Reporter {
    /// Speaks and listens for ever.
    pub(in crate::node) async fn run(mut self) {
        let mut said = *self.applied.borrow_and_update();
        let mut under_way: FuturesUnordered<BoxFuture<'static, Arc<Delivery>>> =
            FuturesUnordered::new();
        let mut waited_for: Vec<Arc<Delivery>> = Vec::new();
        let mut again = interval(AGAIN);
        again.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                moved = self.applied.changed() => {
                    if moved.is_err() {
                        return;
                    }
                    let applied = *self.applied.borrow_and_update();
                    let fresh = self.deliveries.after(said);
                    said = applied;
                    self.tell(&fresh);
                    let room = WAITED_FOR_MAX.saturating_sub(waited_for.len());
                    for delivery in fresh.into_iter().filter(|it| !it.is_settled()).take(room) {
                        under_way.push(self.wait_for(Arc::clone(&delivery)));
                        waited_for.push(delivery);
                    }
                }
                Some(delivery) = under_way.next(), if !under_way.is_empty() => {
                    waited_for.retain(|waiting| !Arc::ptr_eq(waiting, &delivery));
                    self.tell(&[delivery]);
                }
                _ = again.tick(), if !waited_for.is_empty() => self.tell(&waited_for),
                Some(progress) = self.heard.next() => {
                    if progress.node != self.me {
                        self.peers.hear(&progress);
                    }
                }
            }
        }
    }

    fn tell(&self, deliveries: &[Arc<Delivery>]) {
        self.bus.report(Progress {
            node: self.me,
            applied: *self.applied.borrow(),
            delivered: deliveries.iter().map(|it| self.describe(it)).collect(),
        });
    }

    fn describe(&self, delivery: &Delivery) -> Delivered {
        let (first, last) = delivery.span();
        // In this order: what is settled has reached everybody that it will.
        let settled = delivery.is_settled();
        let guards = self.readers.reached(last);
        Delivered {
            first,
            last,
            connections: delivery.reached(),
            guards,
            settled: settled && guards.applied == guards.following,
        }
    }

    fn wait_for(&self, delivery: Arc<Delivery>) -> BoxFuture<'static, Arc<Delivery>> {
        let readers = Arc::clone(&self.readers);
        Box::pin(async move {
            let (_, last) = delivery.span();
            let reached = futures::future::join(delivery.wait(), readers.settle(last, PATIENCE));
            // What has not come by then is nobody's to wait for any more.
            let _ = tokio::time::timeout(PATIENCE, reached).await;
            delivery
        })
    }
}
