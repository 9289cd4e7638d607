//! What nodes tell each other of themselves: how far they are, and whom they told. It may not know
//! how that is carried.

use serde::{Deserialize, Serialize};

use super::id::{NodeId, Seq};
use super::receipt::{ConnectionsReached, GuardsReached};

/// How far a node is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Which node.
    pub node: NodeId,
    /// The last position that it has applied.
    pub applied: Seq,
    /// What came of batches that concerned somebody there.
    pub delivered: Vec<Delivered>,
}

/// What came of a batch at a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivered {
    /// The batch's first position.
    pub first: Seq,
    /// Its last one.
    pub last: Seq,
    /// The connections that were told.
    pub connections: ConnectionsReached,
    /// The services that follow the feed.
    pub guards: GuardsReached,
    /// Whether everybody concerned was told or has gone.
    pub settled: bool,
}

impl Delivered {
    /// Whether the position is of this batch.
    pub fn covers(&self, seq: Seq) -> bool {
        self.first <= seq && seq <= self.last
    }
}

/// What the database knows of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeRecord {
    /// Which node.
    pub id: NodeId,
    /// What people call it.
    pub name: String,
    /// Grows whenever it checks in: whoever sees it stand still for a lease knows that the node
    /// decides nothing any more, and needs no clock that both agree on.
    pub beat: u64,
    /// The last position that it had applied when it checked in.
    pub applied: Seq,
}

/// What a node says when it checks in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Membership {
    /// The last position that it has applied.
    pub applied: Seq,
    /// Nodes that have not moved since these beats and are to be struck out.
    pub gone: Vec<(NodeId, u64)>,
    /// The duty is to be taken from this node, or from nobody; `None`: it is in good hands.
    pub take_duty_from: Option<Option<NodeId>>,
}

/// Who shares the database.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listed {
    /// The nodes.
    pub nodes: Vec<NodeRecord>,
    /// Who of them does what is to be done once.
    pub on_duty: Option<NodeId>,
}
