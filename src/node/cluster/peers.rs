//! The other nodes as this one sees them. It may not know where what it is told comes from.
//!
//! Whether another node lives is judged without a common clock: its beat grows in the database before
//! it reads the log and renews its lease, so whoever has watched a beat stand still for a whole lease,
//! by his own clock, knows that its owner decides nothing any more. Who slept meanwhile has watched nothing:
//! only what a look shows that began a lease after the first one counts.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::domain::id::{NodeId, Seq};
use crate::domain::progress::{Delivered, Listed, Membership, NodeRecord, Progress};

/// How many deliveries are remembered of each node.
const REMEMBERED: usize = 256;
/// How many leases a node stays on the list after it was lost.
const LISTED_LEASES: u32 = 30;

/// The others, and who is on duty.
pub(in crate::node) struct Peers {
    me: NodeId,
    lease: Duration,
    known: Mutex<Known>,
    changed: Notify,
}

/// When the list of nodes was looked at, by this node's uptime.
#[derive(Clone, Copy, Debug)]
pub(in crate::node) struct Look {
    /// What the list shows was so then, or came later.
    pub(in crate::node) began: Duration,
    /// What it shows was so by then.
    pub(in crate::node) ended: Duration,
}

#[derive(Default)]
struct Known {
    peers: HashMap<NodeId, Peer>,
    on_duty: Option<NodeId>,
}

struct Peer {
    name: String,
    beat: u64,
    /// When the look had ended that showed this beat first.
    seen: Duration,
    /// When the last look that showed it began.
    shown: Duration,
    applied: Seq,
    delivered: VecDeque<Delivered>,
}

/// How far another node has come with a position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::node) enum Reached {
    /// It lives and has applied it; what came of it there, as far as is known.
    Applied(Option<Delivered>),
    /// It lives and has not.
    Late,
    /// It has lost its lease: it decides nothing, and nobody knows what its clients heard.
    Lost,
}

impl Reached {
    /// Whether there is nothing more to wait for.
    pub(in crate::node) fn is_settled(&self) -> bool {
        match self {
            Self::Applied(delivered) => delivered.is_some_and(|it| it.settled),
            Self::Late => false,
            Self::Lost => true,
        }
    }
}

impl Known {
    fn take(&mut self, record: NodeRecord, look: Look) {
        let peer = self.peers.entry(record.id).or_insert_with(|| Peer {
            name: record.name,
            beat: record.beat,
            seen: look.ended,
            shown: look.began,
            applied: record.applied,
            delivered: VecDeque::new(),
        });
        if record.beat > peer.beat {
            peer.beat = record.beat;
            peer.seen = look.ended;
        }
        if record.beat == peer.beat {
            peer.shown = peer.shown.max(look.began);
        }
        peer.applied = peer.applied.max(record.applied);
    }
}

impl Peer {
    fn is_lost(&self, lease: Duration) -> bool {
        self.shown.saturating_sub(self.seen) > lease
    }

    fn reached(&self, seq: Seq, lost: bool) -> Reached {
        if lost {
            Reached::Lost
        } else if self.applied >= seq {
            let delivered = self.delivered.iter().rev().find(|it| it.covers(seq));
            Reached::Applied(delivered.copied())
        } else {
            Reached::Late
        }
    }

    fn hear(&mut self, progress: &Progress) {
        self.applied = self.applied.max(progress.applied);
        for delivered in &progress.delivered {
            let known = self.delivered.iter_mut().rev();
            match known.into_iter().find(|it| it.last == delivered.last) {
                // A word that was overtaken says less than what is known.
                Some(known) if known.settled => {}
                Some(known) => *known = *delivered,
                None => {
                    if self.delivered.len() == REMEMBERED {
                        self.delivered.pop_front();
                    }
                    self.delivered.push_back(*delivered);
                }
            }
        }
    }
}

impl Peers {
    /// Nobody else is known.
    pub(in crate::node) fn new(me: NodeId, lease: Duration) -> Self {
        Self {
            me,
            lease,
            known: Mutex::default(),
            changed: Notify::new(),
        }
    }

    /// Takes in the list.
    pub(in crate::node) fn observe(&self, listed: Listed, look: Look) {
        let mut known = self.known.lock();
        let is_listed = |id: &NodeId| listed.nodes.iter().any(|record| record.id == *id);
        known.peers.retain(|id, _| is_listed(id));
        for record in listed.nodes {
            if record.id != self.me {
                known.take(record, look);
            }
        }
        known.on_duty = listed.on_duty;
        drop(known);
        self.changed.notify_waiters();
    }

    /// Takes in what a node tells of itself. Who is not on the list is not believed.
    pub(in crate::node) fn hear(&self, progress: &Progress) {
        if let Some(peer) = self.known.lock().peers.get_mut(&progress.node) {
            peer.hear(progress);
        }
        self.changed.notify_waiters();
    }

    /// How far each of the others has come with this position.
    pub(in crate::node) fn reached(&self, seq: Seq) -> Vec<(String, Reached)> {
        let known = self.known.lock();
        let mut reached: Vec<_> = known
            .peers
            .values()
            .map(|peer| {
                let reached = peer.reached(seq, peer.is_lost(self.lease));
                (peer.name.clone(), reached)
            })
            .collect();
        drop(known);
        reached.sort_by(|a, b| a.0.cmp(&b.0));
        reached
    }

    /// How many others live, and how many are lost.
    pub(in crate::node) fn census(&self) -> (usize, usize) {
        let known = self.known.lock();
        let lost = known.peers.values().filter(|it| it.is_lost(self.lease));
        let lost = lost.count();
        (known.peers.len() - lost, lost)
    }

    /// What this node has to say when it checks in.
    pub(in crate::node) fn membership(&self, applied: Seq) -> Membership {
        let known = self.known.lock();
        let listed = self.lease * LISTED_LEASES;
        let gone = known.peers.iter().filter(|(_, it)| it.is_lost(listed));
        Membership {
            applied,
            gone: gone.map(|(id, peer)| (*id, peer.beat)).collect(),
            take_duty_from: (!self.is_in_good_hands(&known)).then_some(known.on_duty),
        }
    }

    /// Whether this node does what is to be done once, as far as it knows.
    pub(in crate::node) fn is_mine(&self) -> bool {
        self.known.lock().on_duty == Some(self.me)
    }

    fn is_in_good_hands(&self, known: &Known) -> bool {
        known.on_duty.is_some_and(|holder| {
            let peer = known.peers.get(&holder);
            holder == self.me || peer.is_some_and(|it| !it.is_lost(self.lease))
        })
    }

    /// Returns when something was taken in. To be asked for before one looks.
    pub(in crate::node) fn changed(&self) -> tokio::sync::futures::Notified<'_> {
        self.changed.notified()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    const LEASE: Duration = Duration::from_secs(2);

    fn id(number: u128) -> NodeId {
        NodeId(Uuid::from_u128(number))
    }

    fn record(number: u128, beat: u64, applied: u64) -> NodeRecord {
        NodeRecord {
            id: id(number),
            name: format!("node-{number}"),
            beat,
            applied: Seq(applied),
        }
    }

    fn delivered(last: u64, told: u64, settled: bool) -> Delivered {
        Delivered {
            first: Seq(last),
            last: Seq(last),
            connections: crate::domain::receipt::ConnectionsReached { told, closed: 0 },
            guards: crate::domain::receipt::GuardsReached::default(),
            settled,
        }
    }

    fn observe(peers: &Peers, nodes: Vec<NodeRecord>, on_duty: Option<u128>, now: Duration) {
        let on_duty = on_duty.map(id);
        let look = Look {
            began: now,
            ended: now,
        };
        peers.observe(Listed { nodes, on_duty }, look);
    }

    fn only(peers: &Peers, seq: u64) -> Reached {
        let mut reached = peers.reached(Seq(seq));
        assert_eq!(reached.len(), 1);
        reached.remove(0).1
    }

    #[test]
    fn a_beat_that_stands_still_for_a_lease_is_a_lost_node() {
        let peers = Peers::new(id(1), LEASE);
        let start = Duration::from_secs(100);
        let look = |beat, applied, now| {
            observe(&peers, vec![record(2, beat, applied)], Some(1), now);
        };
        look(1, 5, start);
        look(1, 5, start + LEASE);
        assert_eq!(only(&peers, 5), Reached::Applied(None));
        assert_eq!(only(&peers, 6), Reached::Late);
        let later = start + LEASE + Duration::from_millis(1);
        look(1, 5, later);
        assert_eq!(only(&peers, 6), Reached::Lost);
        look(2, 6, later);
        assert_eq!(only(&peers, 6), Reached::Applied(None));
    }

    #[test]
    fn who_slept_has_not_watched() {
        let peers = Peers::new(id(1), LEASE);
        let listed = |beat| Listed {
            nodes: vec![record(2, beat, 5)],
            on_duty: Some(id(1)),
        };
        let at = |began: u64, ended: u64| Look {
            began: Duration::from_secs(began),
            ended: Duration::from_secs(ended),
        };
        peers.observe(listed(1), at(0, 0));
        // It was put to sleep between the look and what it makes of it.
        peers.observe(listed(1), at(1, 3600));
        assert_eq!(only(&peers, 6), Reached::Late);
        peers.observe(listed(2), at(3600, 3601));
        assert_eq!(only(&peers, 6), Reached::Late);
        // What an overtaken look showed is no news.
        peers.observe(listed(1), at(3700, 3701));
        assert_eq!(only(&peers, 6), Reached::Late);
        peers.observe(listed(2), at(3701, 3701));
        assert_eq!(only(&peers, 6), Reached::Lost);
    }

    #[test]
    fn who_is_lost_for_long_is_struck_out_at_the_beat_that_was_seen() {
        let peers = Peers::new(id(1), LEASE);
        let look = |now| observe(&peers, vec![record(2, 7, 5)], Some(1), now);
        look(Duration::ZERO);
        look(LEASE * 2);
        assert_eq!(peers.membership(Seq(5)).gone, []);
        look(LEASE * 31);
        assert_eq!(peers.membership(Seq(5)).gone, [(id(2), 7)]);
        observe(&peers, Vec::new(), Some(1), LEASE * 31);
        assert_eq!(peers.reached(Seq(1)), []);
    }

    #[test]
    fn the_duty_is_taken_from_nobody_and_from_who_is_lost() {
        let peers = Peers::new(id(1), LEASE);
        let from = || peers.membership(Seq(5)).take_duty_from;
        assert_eq!(from(), Some(None));
        observe(&peers, vec![record(2, 1, 5)], Some(2), Duration::ZERO);
        assert_eq!(from(), None);
        assert!(!peers.is_mine());
        let later = LEASE + Duration::from_millis(1);
        observe(&peers, vec![record(2, 1, 5)], Some(2), later);
        assert_eq!(from(), Some(Some(id(2))));
        observe(&peers, vec![record(2, 2, 5)], Some(2), later);
        assert_eq!(from(), None);
        observe(&peers, Vec::new(), Some(2), later);
        assert_eq!(from(), Some(Some(id(2))), "it was struck out");
        observe(&peers, Vec::new(), Some(1), later);
        assert_eq!(from(), None);
        assert!(peers.is_mine());
    }

    #[test]
    fn a_stranger_is_not_believed() {
        let peers = Peers::new(id(1), LEASE);
        peers.hear(&Progress {
            node: id(2),
            applied: Seq(9),
            delivered: Vec::new(),
        });
        observe(&peers, vec![record(2, 1, 5)], Some(1), Duration::ZERO);
        assert_eq!(only(&peers, 6), Reached::Late);
    }

    proptest! {
        /// Whatever is lost, repeated or overtaken on the way, what is known of a node never goes back,
        /// and nothing is believed that it did not say.
        #[test]
        fn what_is_known_only_grows(order in prop::collection::vec(0..8_usize, 1..40)) {
            let said: Vec<Progress> = (0..8_u64)
                .map(|step| Progress {
                    node: id(2),
                    applied: Seq(step / 2 + 1),
                    delivered: vec![delivered(step / 2 + 1, step, step % 2 == 1)],
                })
                .collect();
            let peers = Peers::new(id(1), LEASE);
            observe(&peers, vec![record(2, 1, 0)], Some(1), Duration::ZERO);
            let mut applied = 0;
            for step in order {
                peers.hear(&said[step]);
                applied = applied.max(said[step].applied.0);
                for seq in 1..=4 {
                    match only(&peers, seq) {
                        Reached::Applied(delivered) => {
                            prop_assert!(seq <= applied);
                            if let Some(known) = delivered {
                                prop_assert_eq!(known.last, Seq(seq));
                                prop_assert_eq!(known.settled, known.connections.told % 2 == 1);
                            }
                        }
                        Reached::Late => prop_assert!(seq > applied),
                        Reached::Lost => prop_assert!(false, "its beat was just seen"),
                    }
                }
            }
        }
    }
}
