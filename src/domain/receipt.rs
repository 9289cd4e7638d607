//! The receipt of a change: what it reached, and when. It may not know how that is measured.

use serde::Serialize;

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
    pub connections: ConnectionsReached,
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
}

/// Connections whose frame went to the kernel within the wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ConnectionsReached {
    /// Were sent the message.
    pub told: u64,
    /// Were sent the close frame.
    pub closed: u64,
}

/// The services that follow the feed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct GuardsReached {
    /// How many follow.
    pub following: u32,
    /// How many have applied it.
    pub applied: u32,
}
