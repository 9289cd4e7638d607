//! The other nodes as this one sees them. It may not know where what it is told comes from.
//!
//! Whether another node lives is judged without a common clock: its beat grows in the database before
//! it reads the log and renews its lease, so whoever has watched a beat stand still for a whole lease,
//! by his own clock, knows that its owner decides nothing any more. Who slept meanwhile has watched nothing:
//! only what a look shows that began a lease after the first one counts.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{Notify, watch};

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
    entries: watch::Sender<u64>,
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
            entries: watch::Sender::new(0),
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
            } else if record.beat == 1 {
                // Also after it was struck out, and what it had said of itself with it.
                self.entries.send_modify(|count| *count += 1);
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

    /// The others that live.
    pub(in crate::node) fn live(&self) -> BTreeMap<NodeId, String> {
        let known = self.known.lock();
        let live = known.peers.iter().filter(|(_, it)| !it.is_lost(self.lease));
        live.map(|(id, peer)| (*id, peer.name.clone())).collect()
    }

    /// How often this node came onto the list.
    pub(in crate::node) fn entries(&self) -> watch::Receiver<u64> {
        self.entries.subscribe()
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
mod tests;
