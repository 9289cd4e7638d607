//! What a node can be told. It may not know where the numbers come from.

use std::num::NonZeroU32;
use std::time::Duration;

/// What a node can be told.
#[derive(Clone, Debug)]
pub struct NodeSettings {
    /// `iss` of genuine tokens.
    pub issuer: String,
    /// `aud` of genuine tokens.
    pub audience: String,
    /// Between two protocol pings.
    pub heartbeat: Duration,
    /// How long a connection may take to say who it is, and the node to welcome it then.
    pub auth_timeout: Duration,
    /// How long the log may be out of reach before this node decides nothing any more.
    pub lease: Duration,
    /// How long it keeps its connections then.
    pub lost_lease_grace: Duration,
    /// Whether the other nodes are told who is connected here.
    pub presence: bool,
    /// Connections let in within a second.
    pub max_arrivals_per_s: NonZeroU32,
    /// Connections in all.
    pub max_connections: usize,
    /// Connections of one user.
    pub max_connections_per_user: usize,
    /// Connections from one address.
    pub max_connections_per_address: usize,
    /// Connections that have not said yet who they are.
    pub max_unauthenticated: usize,
}

impl Default for NodeSettings {
    fn default() -> Self {
        Self {
            issuer: "sessionwire".to_owned(),
            audience: "sessionwire".to_owned(),
            heartbeat: Duration::from_mins(1),
            auth_timeout: Duration::from_secs(10),
            lease: Duration::from_secs(2),
            lost_lease_grace: Duration::from_secs(30),
            presence: true,
            max_arrivals_per_s: NonZeroU32::MAX,
            max_connections: 15_000,
            max_connections_per_user: 100,
            max_connections_per_address: 1000,
            max_unauthenticated: 1000,
        }
    }
}
