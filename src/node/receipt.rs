//! How far a change has got: here, and at the other nodes. It may not know what changed, or who asked.

use std::time::Duration;

use tokio::time::{Instant, timeout, timeout_at};

use super::cluster::{Look, Reached};
use super::{Inner, Node};
use crate::domain::id::Seq;
use crate::domain::progress::Delivered;
use crate::domain::receipt::{
    ConnectionsReached, GuardsReached, NodeShare, NodesReached, SpreadReached,
};

/// How often the list of nodes is read again while one of them is late: what says that it has applied
/// the change may have been lost, and it itself too.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// How far a change has got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled {
    /// The nodes.
    pub nodes: NodesReached,
    /// The connections that were told.
    pub connections: SpreadReached,
    /// The services that follow the feed.
    pub guards: GuardsReached,
}

/// How far it has got here.
#[derive(Clone, Copy)]
struct Own {
    applied: bool,
    connections: ConnectionsReached,
    guards: GuardsReached,
}

impl Node {
    /// Waits until this node has applied `seq`, and then, at most that long in all, until the other
    /// live nodes have, and every connection that its batch concerned was told. The first wait is as
    /// long as the lease at least: after a receipt the old token is refused here, however short the
    /// wait that was asked for.
    pub async fn settle(&self, seq: Seq, wait: Duration) -> Settled {
        let deadline = Instant::now() + wait;
        let inner = &self.inner;
        let (own, listed) = tokio::join!(inner.settle_here(seq, wait), inner.observe(deadline));
        // Who can't read the list knows of no other node, and answers for none.
        let applied = own.applied && listed;
        if listed {
            inner.await_others(seq, deadline).await;
        }
        inner.summed_up(seq, own, applied)
    }

    /// Returns once this node has applied what a token has seen; says whether it has, within a lease.
    pub async fn catches_up(&self, as_of: Seq) -> bool {
        self.inner.gate.want();
        self.inner.until_applied(as_of, self.inner.lease).await
    }

    /// Returns once this node has applied `seq`, or the time of a lease has passed: without one it accepts
    /// nothing.
    pub async fn until_applied(&self, seq: Seq) {
        self.inner.until_applied(seq, self.inner.lease).await;
    }

    /// How far a change has got by now.
    pub async fn reached(&self, seq: Seq) -> Settled {
        self.settle(seq, Duration::ZERO).await
    }
}

impl Inner {
    async fn settle_here(&self, seq: Seq, wait: Duration) -> Own {
        let deadline = Instant::now() + wait;
        if !self.until_applied(seq, wait.max(self.lease)).await {
            return Own {
                applied: false,
                connections: ConnectionsReached::default(),
                guards: self.readers.reached(seq),
            };
        }
        let left = deadline.saturating_duration_since(Instant::now());
        let (connections, guards) = tokio::join!(
            self.deliveries.settle(seq, left),
            self.readers.settle(seq, left),
        );
        Own {
            applied: true,
            connections,
            guards,
        }
    }

    async fn until_applied(&self, seq: Seq, wait: Duration) -> bool {
        let mut applied = self.applied.clone();
        let reached = applied.wait_for(|applied| *applied >= seq);
        matches!(timeout(wait, reached).await, Ok(Ok(_)))
    }

    /// Reads the list of nodes, which is younger than the change then: nobody who could have missed
    /// the change is missing. Says whether it could be read.
    async fn observe(&self, deadline: Instant) -> bool {
        let began = self.clock.uptime();
        let patience = deadline.max(Instant::now() + self.lease);
        match timeout_at(patience, self.roster.nodes()).await {
            // In the model: `List`.
            Ok(Ok(records)) => {
                let ended = self.clock.uptime();
                self.peers.observe(records, Look { began, ended });
                true
            }
            Ok(Err(_)) | Err(_) => false,
        }
    }

    async fn await_others(&self, seq: Seq, deadline: Instant) {
        loop {
            let changed = self.peers.changed();
            tokio::pin!(changed);
            // Listening begins before the look, so that no word can slip in between.
            changed.as_mut().enable();
            let reached = self.peers.reached(seq);
            // In the model: `Settle`.
            if reached.iter().all(|(_, it)| it.is_settled()) {
                return;
            }
            let pause = deadline.min(Instant::now() + LOOK_AGAIN);
            if timeout_at(pause, changed).await.is_ok() {
                continue;
            }
            if Instant::now() >= deadline {
                return;
            }
            self.observe(deadline).await;
        }
    }

    fn summed_up(&self, seq: Seq, own: Own, applied: bool) -> Settled {
        let others = self.peers.reached(seq);
        let mut settled = Settled {
            nodes: NodesReached::default(),
            connections: SpreadReached {
                told: own.connections.told,
                closed: own.connections.closed,
                ..SpreadReached::default()
            },
            guards: own.guards,
        };
        let name = self.roster.name().to_owned();
        settled.count(applied, name.clone());
        if !others.is_empty() {
            settled.connections.by_node.push(NodeShare {
                node: name,
                connections: own.connections,
            });
        }
        for (name, reached) in others {
            settled.add(name, &reached);
        }
        let shares = &mut settled.connections.by_node;
        shares.sort_by(|a, b| a.node.cmp(&b.node));
        settled
    }
}

impl Settled {
    /// Whether every live node has applied it.
    #[cfg(test)]
    pub(crate) fn everywhere(&self) -> bool {
        self.nodes.applied == self.nodes.live
    }

    fn count(&mut self, applied: bool, name: String) {
        self.nodes.live += 1;
        if applied {
            self.nodes.applied += 1;
        } else {
            self.nodes.late.push(name);
        }
    }

    fn add(&mut self, name: String, reached: &Reached) {
        match reached {
            Reached::Lost => {
                self.nodes.lost.push(name.clone());
                self.connections.unknown.push(name);
            }
            Reached::Late => {
                self.count(false, name.clone());
                self.connections.unknown.push(name);
            }
            Reached::Applied(None) => {
                self.count(true, name.clone());
                self.connections.unknown.push(name);
            }
            Reached::Applied(Some(delivered)) => {
                self.count(true, name.clone());
                self.share(name, delivered);
            }
        }
    }

    fn share(&mut self, node: String, delivered: &Delivered) {
        let connections = delivered.connections;
        self.connections.told += connections.told;
        self.connections.closed += connections.closed;
        self.connections
            .by_node
            .push(NodeShare { node, connections });
        self.guards.following += delivered.guards.following;
        self.guards.applied += delivered.guards.applied;
    }
}
