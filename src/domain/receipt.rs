//! The receipt of a change: what it reached, and when. It may not know how that is measured.

use serde::{Deserialize, Serialize};

use super::id::Seq;

/// What a revocation or a change of rights reached. CONTRACT "Receipt".
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Receipt {
    /// The position of the change's last event; the present head where nothing changed.
    pub seq: Seq,
    /// Whether anything changed.
    pub changed: bool,
    /// The nodes.
    pub nodes: NodesReached,
    /// How many sessions ended.
    pub sessions_ended: u64,
    /// The connections.
    pub connections: SpreadReached,
    /// The services that follow the feed.
    pub guards: GuardsReached,
    /// From the request to this receipt, in milliseconds.
    pub elapsed_ms: u64,
}

/// The nodes that live and that have applied the change.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct NodesReached {
    /// How many live.
    pub live: u32,
    /// How many of them have applied it.
    pub applied: u32,
    /// Those that have not.
    pub late: Vec<String>,
    /// Those that live no more as far as anybody knows: they decide nothing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub lost: Vec<String>,
}

/// The connections of all nodes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SpreadReached {
    /// Were sent the message.
    pub told: u64,
    /// Were sent the close frame.
    pub closed: u64,
    /// The same of each node, where there are several.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub by_node: Vec<NodeShare>,
    /// Nodes of which nobody knows whom they told; they are not counted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unknown: Vec<String>,
}

/// A node's share.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NodeShare {
    /// What the node is called.
    pub node: String,
    /// Its connections.
    #[serde(flatten)]
    pub connections: ConnectionsReached,
}

/// Connections whose frame went to the kernel within the wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectionsReached {
    /// Were sent the message.
    pub told: u64,
    /// Were sent the close frame.
    pub closed: u64,
}

/// The services that follow the feed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuardsReached {
    /// How many follow.
    pub following: u32,
    /// How many have applied it.
    pub applied: u32,
}
