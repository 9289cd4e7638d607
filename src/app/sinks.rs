//! Wires the sinks: what the configuration says of them, where their places are kept, and who writes down
//! that one gave up.

use std::sync::Arc;

use futures::future::BoxFuture;

use super::AppError;
use super::cluster::DutyTurns;
use crate::config::{
    Addresses, Config, KafkaSink, LogoutSink, NatsSink, RedisSink, Sink, SinkStart, SinkTarget,
    SinkUrl, WebhookSink,
};
use crate::domain::clock::Timestamp;
use crate::domain::error::Error;
use crate::domain::event::SessionEnded;
use crate::domain::secret::{Password, SharedSecret};
use crate::node::Node;
use crate::node::sink::{
    Beginning, KafkaSettings, LogoutSettings, LogoutSigner, NatsSettings, Notary, Pace,
    RedisSettings, SinkSpec, Sinks, TargetSpec, WebhookSettings,
};
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

struct CoreSigner(Core);

impl LogoutSigner for CoreSigner {
    fn sign(&self, audience: &str, ended: &SessionEnded, jti: String) -> Result<String, Error> {
        self.0.sign_logout(audience, ended, jti)
    }
}

/// The sinks that are configured.
pub(super) fn specs(config: &Config) -> Vec<SinkSpec> {
    config.sinks.iter().map(spec).collect()
}

/// What they are called.
pub(super) fn names(config: &Config) -> Vec<String> {
    specs(config).into_iter().map(|spec| spec.name).collect()
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
    let signer = Arc::new(CoreSigner(core.clone()));
    let journal = Arc::new(store.clone());
    Ok(Sinks::start(
        node,
        journal,
        notary,
        Arc::new(DutyTurns(node.clone())),
        signer,
        specs,
    )
    .await?)
}

fn spec(sink: &Sink) -> SinkSpec {
    let (pace, target) = match &sink.target {
        SinkTarget::Redis(redis, password) => of_redis(redis, password.clone()),
        SinkTarget::Nats(nats, password) => of_nats(nats, password.clone()),
        SinkTarget::Kafka(kafka) => of_kafka(kafka),
        SinkTarget::Webhook(webhook, secrets) => of_webhook(webhook, secrets.clone()),
        SinkTarget::Logout(logout) => of_logout(logout),
    };
    SinkSpec {
        name: sink.basics.name.as_str().to_owned(),
        events: sink.basics.events.0.clone(),
        pace,
        target,
    }
}

fn of_redis(redis: &RedisSink, password: Option<Password>) -> (Pace, TargetSpec) {
    let settings = RedisSettings {
        url: redis.url.expose().to_owned(),
        password,
        prefix: redis.prefix.as_str().to_owned(),
        stream_max_length: redis.stream_max_length.into(),
        timeout: redis.timeout,
    };
    let pace = Pace {
        // What a Redis lacks it is given at the first contact.
        beginning: Beginning::Now,
        retry_max: redis.retry_max,
        patience: None,
    };
    (pace, TargetSpec::Redis(settings))
}

fn of_nats(nats: &NatsSink, password: Option<Password>) -> (Pace, TargetSpec) {
    let settings = NatsSettings {
        url: nats.url.expose().to_owned(),
        password,
        stream: nats.stream.as_str().to_owned(),
        prefix: nats.prefix.as_str().to_owned(),
        stream_max_length: nats.stream_max_length.into(),
        timeout: nats.timeout,
    };
    let pace = Pace {
        beginning: beginning(nats.start),
        retry_max: nats.retry_max,
        patience: None,
    };
    (pace, TargetSpec::Nats(settings))
}

fn of_kafka(kafka: &KafkaSink) -> (Pace, TargetSpec) {
    let settings = KafkaSettings {
        brokers: kafka.brokers.0.clone(),
        topic: kafka.topic.as_str().to_owned(),
        timeout: kafka.timeout,
    };
    let pace = Pace {
        beginning: beginning(kafka.start),
        retry_max: kafka.retry_max,
        patience: None,
    };
    (pace, TargetSpec::Kafka(settings))
}

fn of_webhook(webhook: &WebhookSink, secrets: Vec<SharedSecret>) -> (Pace, TargetSpec) {
    let url = webhook.url.as_ref().map(SinkUrl::expose);
    let settings = WebhookSettings {
        url: url.unwrap_or_default().to_owned(),
        secrets,
        allow_private: webhook.addresses == Addresses::Any,
        timeout: webhook.timeout,
    };
    let pace = Pace {
        beginning: beginning(webhook.start),
        retry_max: webhook.retry_max,
        patience: Some(webhook.disable_after),
    };
    (pace, TargetSpec::Webhook(settings))
}

fn of_logout(logout: &LogoutSink) -> (Pace, TargetSpec) {
    let url = logout.url.as_ref().map(SinkUrl::expose);
    let settings = LogoutSettings {
        url: url.unwrap_or_default().to_owned(),
        audience: logout.audience.clone().unwrap_or_default(),
        allow_private: logout.addresses == Addresses::Any,
        timeout: logout.timeout,
    };
    let pace = Pace {
        // Whom a session was over for before is none of its business.
        beginning: Beginning::Now,
        retry_max: logout.retry_max,
        patience: Some(logout.disable_after),
    };
    (pace, TargetSpec::Logout(settings))
}

fn beginning(start: SinkStart) -> Beginning {
    match start {
        SinkStart::Now => Beginning::Now,
        SinkStart::Beginning => Beginning::Log,
    }
}
