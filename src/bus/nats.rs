//! NATS core: whole batches on one subject, to every node that listens. Nothing is kept there; what it
//! loses is read from the log. It may not know what it carries.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_nats::{Client, ConnectOptions, Event, Subject};
use futures::StreamExt as _;
use reqwest::Url;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::exchange::{Exchange, Subscription};
use super::letter::{Letter, News, Seal};
use super::{Batch, Bus, BusError};
use crate::domain::progress::Progress;

/// Letters that wait for the network; while it is away, newer ones are left out.
const OUTBOX: usize = 1_024;
/// How long a server may take to answer that it is there.
const CONNECT: Duration = Duration::from_secs(5);
/// How often the server is asked whether it still is there.
const PING: Duration = Duration::from_secs(2);
/// The longest that passes before a lost server is tried again.
const AGAIN_MAX: Duration = Duration::from_secs(1);

/// What a NATS bus can be told.
#[derive(Clone)]
pub struct NatsBusSettings {
    /// `nats://…` or `tls://…`, several with commas between; may hold a user and a password, or a token
    /// in the place of the user.
    pub addresses: String,
    /// The certificates of those who may have signed the server's; unless set, the system's.
    pub ca_file: Option<PathBuf>,
    /// What the nodes of one database speak on.
    pub subject: String,
}

/// Carries batches between processes.
pub struct NatsBus {
    exchange: Exchange,
    outbox: mpsc::Sender<Letter>,
    tasks: Vec<JoinHandle<()>>,
}

impl Drop for NatsBus {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl NatsBus {
    /// Connects in the background, as often as it takes: a server that is away costs time only.
    pub async fn open(settings: &NatsBusSettings, seal: Seal) -> Result<Self, BusError> {
        let (addresses, options) = account(settings)?;
        let connecting = options
            .name("sessionwire")
            .retry_on_initial_connect()
            .connection_timeout(CONNECT)
            .ping_interval(PING)
            .reconnect_delay_callback(|attempts| {
                let doubled = Duration::from_millis(10 << attempts.min(10));
                doubled.min(AGAIN_MAX)
            })
            .event_callback(|event| async move { note(&event) })
            .connect(addresses);
        let client = connecting.await.map_err(unusable)?;
        let exchange = Exchange::new();
        let (outbox, letters) = mpsc::channel(OUTBOX);
        let subject = Subject::from(settings.subject.as_str());
        let subscription = client.subscribe(subject.clone()).await.map_err(unusable)?;
        let tasks = vec![
            tokio::spawn(read(subscription, seal.clone(), exchange.clone())),
            tokio::spawn(write(client, subject, seal, letters)),
        ];
        Ok(Self {
            exchange,
            outbox,
            tasks,
        })
    }

    fn post(&self, letter: Letter) {
        // A full outbox loses the letter; the log has what it would have said.
        drop(self.outbox.try_send(letter));
    }
}

impl Bus for NatsBus {
    fn publish(&self, batch: Arc<Batch>) {
        let news = News::Batch(batch);
        self.exchange.hand_out(Letter::News(news.clone()));
        self.post(Letter::News(news));
    }

    fn report(&self, progress: Progress) {
        self.post(Letter::Progress(progress));
    }

    fn subscribe(&self) -> Subscription<News> {
        self.exchange.subscribe()
    }

    fn progress(&self) -> Subscription<Arc<Progress>> {
        self.exchange.progress()
    }
}

async fn read(mut subscription: async_nats::Subscriber, seal: Seal, exchange: Exchange) {
    while let Some(message) = subscription.next().await {
        if let Some(letter) = seal.open(&message.payload) {
            exchange.hand_out(letter);
        } else {
            tracing::debug!("something on the bus is none of our letters");
        }
    }
}

async fn write(client: Client, subject: Subject, seal: Seal, mut letters: mpsc::Receiver<Letter>) {
    while let Some(letter) = letters.recv().await {
        let Some(sealed) = fitting(&client, &seal, letter) else {
            continue;
        };
        if let Err(error) = client.publish(subject.clone(), sealed.into()).await {
            tracing::debug!(%error, "a letter was lost on its way to the bus");
        }
    }
}

/// The letter sealed; of a batch that is too large for the server, that there is one.
fn fitting(client: &Client, seal: &Seal, letter: Letter) -> Option<Vec<u8>> {
    let sealed = seal.close(&letter)?;
    if sealed.len() <= client.server_info().max_payload {
        return Some(sealed);
    }
    match letter {
        Letter::News(News::Batch(batch)) => seal.close(&Letter::News(News::Head(batch.last_seq()))),
        Letter::News(News::Head(_)) | Letter::Progress(_) => None,
    }
}

fn note(event: &Event) {
    match event {
        Event::Connected => tracing::info!("the bus is there"),
        Event::Disconnected => tracing::warn!("the bus is away; the log is read instead"),
        other => tracing::debug!(event = %other, "the bus"),
    }
}

fn account(settings: &NatsBusSettings) -> Result<(Vec<String>, ConnectOptions), BusError> {
    let mut options = ConnectOptions::new();
    if let Some(path) = &settings.ca_file {
        options = options
            .add_root_certificates(path.clone())
            .require_tls(true);
    }
    let mut addresses = Vec::new();
    let mut named = None;
    for address in settings.addresses.split(',') {
        let mut url: Url = address.trim().parse().map_err(unusable)?;
        let user = decoded(url.username())?;
        let password = url.password().map(decoded).transpose()?;
        named = named.or(Some((user, password)).filter(|(user, _)| !user.is_empty()));
        // An address without a host is refused by the connection.
        let _ = (url.set_username(""), url.set_password(None));
        addresses.push(url.to_string());
    }
    let options = match named {
        Some((user, Some(password))) => options.user_and_password(user, password),
        Some((token, None)) => options.token(token),
        None => options,
    };
    Ok((addresses, options))
}

fn decoded(text: &str) -> Result<String, BusError> {
    let text = percent_encoding::percent_decode_str(text).decode_utf8();
    Ok(text.map_err(unusable)?.into_owned())
}

fn unusable(error: impl std::fmt::Display) -> BusError {
    BusError::Unusable(error.to_string())
}
