//! Wires the sinks: what the configuration says of them, where their places are kept, and who writes down
//! that one gave up.

use std::sync::Arc;

use futures::future::BoxFuture;

use super::AppError;
use crate::config::{Config, Sink, SinkTarget};
use crate::domain::clock::Timestamp;
use crate::domain::error::Error;
use crate::node::Node;
use crate::node::sink::{AllMine, Beginning, Notary, RedisSettings, SinkSpec, Sinks, TargetSpec};
use crate::service::{Call, Core};
use crate::storage::Store;

struct CoreNotary(Core);

impl Notary for CoreNotary {
    fn disabled<'a>(
        &'a self,
        sink: &'a str,
        failing_since: Timestamp,
        error: &'a str,
    ) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(self.0.disable_sink(sink, failing_since, error))
    }
}

/// The sinks that are configured.
pub(super) fn specs(config: &Config) -> Vec<SinkSpec> {
    config.sinks.iter().map(spec).collect()
}

/// Starts them, for a server and not for a command beside it. One that was disabled is tried again: whoever started the server may have mended it.
pub(super) async fn start(
    specs: Vec<SinkSpec>,
    core: &Core,
    node: &Node,
    store: &Store,
) -> Result<Sinks, AppError> {
    for spec in &specs {
        match core.enable_sink(&Call::system(), &spec.name).await {
            Ok(_) | Err(Error::NotFound(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let notary = Arc::new(CoreNotary(core.clone()));
    let journal = Arc::new(store.clone());
    Ok(Sinks::start(node, journal, notary, Arc::new(AllMine), specs).await?)
}

fn spec(sink: &Sink) -> SinkSpec {
    let (retry_max, patience, beginning, target) = match &sink.target {
        SinkTarget::Redis(redis, password) => {
            let settings = RedisSettings {
                url: redis.url.expose().to_owned(),
                password: password.clone(),
                prefix: redis.prefix.as_str().to_owned(),
                stream_max_length: redis.stream_max_length.into(),
                timeout: redis.timeout,
            };
            // What a Redis lacks it is given at the first contact.
            let beginning = Beginning::Now;
            (
                redis.retry_max,
                None,
                beginning,
                TargetSpec::Redis(settings),
            )
        }
    };
    SinkSpec {
        name: sink.basics.name.as_str().to_owned(),
        events: sink.basics.events.0.clone(),
        beginning,
        retry_max,
        patience,
        target,
    }
}
