//! REST: JSON over HTTP, prefix `/v1`. A file per resource; a handler extracts, makes one call of the
//! core, and answers.
//!
//! Read `router` first (the way of every request), `frame` (what is around them all), then `extract` (what a request must be like),
//! `problem` (how it is refused), `receipt` (what a change answers). It may not decide: rules are
//! for `service`, and whether a token holds is for `node`.

mod api_keys;
mod back_channel;
mod context;
mod delivery;
mod docs;
mod event_stream;
mod events;
mod extract;
mod feed;
mod feed_reports;
mod feed_socket;
#[cfg(test)]
mod fixture;
mod frame;
mod groups;
mod header;
mod health;
mod idempotency;
mod identities;
mod me;
mod members;
mod notices;
mod oauth;
mod page;
mod policies;
mod presence;
mod problem;
mod receipt;
mod receipts;
mod request_id;
mod revoke_all;
mod router;
mod schema;
mod sessions;
mod sign_in;
mod sign_in_token;
mod signing_keys;
mod sinks;
mod specification;
mod stream;
mod timely;
mod users;
mod verify;

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use crate::domain::clock::{Clock, Entropy};
use crate::node::issuer::Issuers;
use crate::node::sink::Sinks;
use crate::node::{Certainty, Node};
use crate::service::Core;
use crate::transport::origin::AllowedOrigins;
use crate::transport::tokens::Tokens;

pub use frame::Framed;
pub(super) use problem::Problem;
pub use router::router;
pub use specification::openapi;
pub use stream::Places;
pub(super) use stream::resumed_at;

/// What REST stands on, as every request has it.
#[derive(Clone)]
pub struct RestState(Arc<RestParts>);

impl From<RestParts> for RestState {
    fn from(parts: RestParts) -> Self {
        Self(Arc::new(parts))
    }
}

impl Deref for RestState {
    type Target = RestParts;

    fn deref(&self) -> &RestParts {
        &self.0
    }
}

/// What REST stands on.
pub struct RestParts {
    /// The writing side.
    pub core: Core,
    /// The reading side.
    pub node: Node,
    /// The readers of the log that write elsewhere.
    pub sinks: Sinks,
    /// What tokens stand for.
    pub tokens: Tokens,
    /// Who vouches for people besides.
    pub issuers: Issuers,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness, for request ids.
    pub entropy: Arc<dyn Entropy>,
    /// What the configuration says about it.
    pub settings: Arc<RestSettings>,
    /// Streams of the log for administrators.
    pub event_streams: Places,
    /// Services that follow the feed.
    pub feeds: Places,
}

/// What the configuration says about REST.
#[derive(Clone, Debug)]
pub struct RestSettings {
    /// Origins whose pages may call, besides the server's own.
    pub allowed_origins: AllowedOrigins,
    /// Proxies whose word about a client's address is believed.
    pub trusted_proxies: Vec<ipnet::IpNet>,
    /// The longest body.
    pub max_body_bytes: usize,
    /// How long a request may take.
    pub request_timeout: Duration,
    /// How sure an answer to a proxy has to be.
    pub verify_certainty: Certainty,
}
