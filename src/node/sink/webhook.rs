//! A webhook by the Standard Webhooks specification: each event one signed POST, the next when it was
//! taken. It may not know what the receiver does with it.
//!
//! What it connects to is [`crate::node::outbound`]'s to judge.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::future::BoxFuture;
use http::header::CONTENT_TYPE;
use reqwest::Url;
use serde::Serialize;

use super::answer::judge;
use super::target::{Batch, Failure, Item, Target};
use crate::domain::audit::EventRecord;
use crate::domain::clock::{Clock, Timestamp};
use crate::domain::error::Error;
use crate::domain::secret::SharedSecret;
use crate::node::Node;
use crate::node::outbound::{self, Outbound};

/// What a webhook can be told.
#[derive(Clone, Debug)]
pub struct WebhookSettings {
    /// Where to.
    pub url: String,
    /// What it is signed with: each gives a signature, so that a receiver can go from one to the next.
    pub secrets: Vec<SharedSecret>,
    /// Whether addresses that are not public are connected to.
    pub allow_private: bool,
    /// How long an attempt may take, from the name's resolution to the answer's end.
    pub timeout: Duration,
}

/// A receiver.
pub(super) struct Webhook {
    outbound: Outbound,
    url: Url,
    keys: Vec<hmac::Key>,
    clock: Arc<dyn Clock>,
}

/// What is posted.
#[derive(Serialize)]
struct Body<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    timestamp: Timestamp,
    data: &'a EventRecord,
}

impl Webhook {
    /// Connects at the first write.
    pub(super) fn open(settings: &WebhookSettings, node: &Node) -> Result<Self, Error> {
        let keys = settings.secrets.iter();
        Ok(Self {
            outbound: Outbound::new(settings.allow_private, settings.timeout)?,
            url: settings.url.parse().map_err(Error::internal)?,
            keys: keys
                .map(|secret| hmac::Key::new(hmac::HMAC_SHA256, secret.expose()))
                .collect(),
            clock: Arc::clone(&node.inner.clock),
        })
    }

    async fn post(&self, item: &Item) -> Result<(), Failure> {
        let http = self.outbound.to(&self.url).map_err(Failure::again)?;
        let record = &item.record;
        let body = serde_json::to_string(&Body {
            kind: record.kind,
            timestamp: record.at,
            data: record,
        })?;
        let id = record.delivery_id();
        let timestamp = self.clock.now().as_seconds();
        let request = http
            .post(self.url.clone())
            .header(CONTENT_TYPE, "application/json")
            .header("webhook-signature", self.signatures(&id, timestamp, &body))
            .header("webhook-id", id)
            .header("webhook-timestamp", timestamp)
            .body(body);
        match request.send().await {
            Ok(answer) => judge(answer).await,
            Err(error) => Err(Failure::again(outbound::explain(error))),
        }
    }

    fn signatures(&self, id: &str, timestamp: i64, body: &str) -> String {
        let signed = format!("{id}.{timestamp}.{body}");
        let signatures = self.keys.iter().map(|key| {
            let tag = hmac::sign(key, signed.as_bytes());
            format!("v1,{}", STANDARD.encode(tag))
        });
        signatures.collect::<Vec<_>>().join(" ")
    }
}

impl Target for Webhook {
    fn batch_max(&self) -> usize {
        1
    }

    fn write<'a>(&'a mut self, batch: &'a Batch) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            for item in &batch.items {
                self.post(item).await?;
            }
            Ok(())
        })
    }
}
