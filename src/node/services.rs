//! API keys that were looked up a short time ago, so that a service that calls often is not looked up each time. A key
//! that is taken back is refused by the event that says so, as a token is. It may not know what scopes open.

use std::sync::Arc;
use std::time::Duration;

use sessionwire_guard::{Verified, fingerprint};

use crate::domain::access::Scope;
use crate::domain::id::ApiKeyId;

/// For how long one is known. Events that take keys back are kept for longer than that.
const KNOWN_FOR: Duration = Duration::from_mins(1);
/// How many are known.
const KNOWN_MAX: usize = 1_000;

/// Whose API key it is, and what it may do.
#[derive(Clone, Debug)]
pub struct Service {
    /// The key.
    pub id: ApiKeyId,
    /// Its scopes.
    pub scopes: Arc<[Scope]>,
}

/// See the module.
pub(super) struct Services(Verified<(Service, Duration)>);

impl Services {
    pub(super) fn new() -> Self {
        Self(Verified::new(KNOWN_MAX))
    }

    /// The service that has this key, if it is known.
    pub(super) fn find(&self, key: &str, uptime: Duration) -> Option<Service> {
        let (service, until) = self.0.get(&fingerprint(key))?;
        (uptime < until).then_some(service)
    }

    /// A key was looked up: it is good.
    pub(super) fn put(&self, key: &str, service: Service, uptime: Duration) {
        self.0.put(fingerprint(key), (service, uptime + KNOWN_FOR));
    }
}
