//! NATS JetStream: a subject for each type of event. Each message carries its position as its id, by which
//! the broker drops a repeated one, and the next is sent when it was stored. It may not know the log.

use std::time::Duration;

use async_nats::jetstream::context::Context;
use async_nats::jetstream::stream::{Config, StorageType};
use async_nats::{ConnectOptions, HeaderMap, jetstream};
use futures::future::BoxFuture;
use reqwest::Url;

use super::target::{Batch, Failure, Item, Target};
use crate::domain::error::Error;
use crate::domain::secret::Password;

/// Messages of one batch: as many are repeated at most when one fails.
const BATCH: usize = 50;
/// For how long a stream that we make knows ids.
const DUPLICATE_WINDOW: Duration = Duration::from_mins(10);

/// What a JetStream sink can be told.
#[derive(Clone, Debug)]
pub struct NatsSettings {
    /// `nats://…`, or `tls://…`; may hold a user and a password.
    pub url: String,
    /// The password, where the address has none; without a user, a token.
    pub password: Option<Password>,
    /// The stream; made where it is missing.
    pub stream: String,
    /// What every subject begins with.
    pub prefix: String,
    /// How many messages a stream keeps that we make.
    pub stream_max_length: u64,
    /// How long each answer may take.
    pub timeout: Duration,
}

/// A stream.
pub(super) struct Nats {
    settings: NatsSettings,
    url: Url,
    /// After a failure nobody knows what the connection still carries: the next attempt has its own.
    connected: Option<Context>,
}

impl Nats {
    /// Connects at the first write.
    pub(super) fn open(settings: &NatsSettings) -> Result<Self, Error> {
        Ok(Self {
            settings: settings.clone(),
            url: settings.url.parse().map_err(Error::internal)?,
            connected: None,
        })
    }

    async fn write_batch(&mut self, batch: &Batch) -> Result<(), Failure> {
        // Taken, so that a failure lets it go.
        let context = match self.connected.take() {
            Some(context) => context,
            None => self.connect().await?,
        };
        for item in &batch.items {
            self.publish(&context, item).await?;
        }
        self.connected = Some(context);
        Ok(())
    }

    async fn connect(&self) -> Result<Context, Failure> {
        let options = self.account()?;
        let timeout = self.settings.timeout;
        let options = options
            .name("sessionwire")
            .connection_timeout(timeout)
            .request_timeout(Some(timeout))
            // It is the sink that tries again, and from its place.
            .max_reconnects(1);
        let mut address = self.url.clone();
        // What is left of a wrong address is refused by the connection.
        let _ = (address.set_username(""), address.set_password(None));
        let connecting = options.connect(address.as_str());
        let client = tokio::time::timeout(timeout, connecting).await?;
        let mut context = jetstream::new(client.map_err(explain)?);
        context.set_timeout(timeout);
        let messages = i64::try_from(self.settings.stream_max_length).unwrap_or(i64::MAX);
        let stream = Config {
            name: self.settings.stream.clone(),
            subjects: vec![format!("{}.events.>", self.settings.prefix)],
            max_messages: messages,
            storage: StorageType::File,
            duplicate_window: DUPLICATE_WINDOW,
            ..Config::default()
        };
        let stream = context.get_or_create_stream(stream).await;
        stream.map_err(explain)?;
        Ok(context)
    }

    fn account(&self) -> Result<ConnectOptions, Failure> {
        let options = ConnectOptions::new();
        let password = match (&self.settings.password, self.url.password()) {
            (Some(password), _) => Some(password.expose().to_owned()),
            (None, Some(password)) => Some(decoded(password)?),
            (None, None) => None,
        };
        let user = decoded(self.url.username())?;
        Ok(match (user.is_empty(), password) {
            (true, None) => options,
            (true, Some(token)) => options.token(token),
            (false, password) => options.user_and_password(user, password.unwrap_or_default()),
        })
    }

    async fn publish(&self, context: &Context, item: &Item) -> Result<(), Failure> {
        let record = &item.record;
        let subject = format!("{}.events.{}", self.settings.prefix, record.kind);
        let mut headers = HeaderMap::new();
        headers.insert("Nats-Msg-Id", record.seq.to_string());
        let event = serde_json::to_vec(record)?;
        let sent = context.publish_with_headers(subject, headers, event.into());
        let stored = sent.await.map_err(explain)?;
        stored.await.map_err(explain)?;
        Ok(())
    }
}

impl Target for Nats {
    fn batch_max(&self) -> usize {
        BATCH
    }

    fn write<'a>(&'a mut self, batch: &'a Batch) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(self.write_batch(batch))
    }
}

fn decoded(text: &str) -> Result<String, Failure> {
    let text = percent_encoding::percent_decode_str(text).decode_utf8()?;
    Ok(text.into_owned())
}

/// What went wrong, down to the cause.
fn explain(error: impl std::error::Error) -> Failure {
    let mut told = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !told.ends_with(&next) {
            told = format!("{told}: {next}");
        }
        cause = error.source();
    }
    Failure::again(told)
}
