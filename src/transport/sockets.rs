//! What every kind of socket stands on, and what they are told by the configuration. It may not know how
//! any of them carries messages.

use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use sessionwire_guard::Claims;

use super::desk::Desk;
use super::origin::AllowedOrigins;
use super::tokens::Tokens;
use crate::domain::error::Error;
use crate::node::{Certainty, Node, Seen};
use crate::service::Origin;

/// What the handlers of sockets need.
#[derive(Clone)]
pub struct SocketState {
    /// The node that holds the connections.
    pub node: Node,
    /// What tokens stand for.
    pub tokens: Tokens,
    /// The writing half.
    pub desk: Arc<dyn Desk>,
    /// What can be told.
    pub settings: Arc<SocketSettings>,
}

/// What sockets can be told.
#[derive(Clone, Debug)]
pub struct SocketSettings {
    /// Which pages may connect.
    pub allowed_origins: AllowedOrigins,
    /// Proxies whose word about a client's address is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// The longest message that a client may send.
    pub max_frame_bytes: usize,
    /// How long a client may read nothing of what waits for it.
    pub write_timeout: Duration,
}

impl SocketState {
    /// The claims of a genuine token. Whether it still holds is decided once the connection is in the
    /// hub.
    pub(super) async fn examine(&self, token: &str, origin: &Origin) -> Result<Claims, Error> {
        let token = Seen::once(token);
        let examined = self.tokens.examine(&token, origin, Certainty::Leased).await;
        examined.map(|(claims, _)| Arc::unwrap_or_clone(claims))
    }
}
