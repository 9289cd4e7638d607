//! Sinks: readers of the log that write elsewhere, each from a place of its own that survives restarts.
//! At least once, in order, and what the target does not take yet stays in the log.
//!
//! A node never writes state. A sink's place is none: it is this reader's own bookkeeping, no event
//! tells of it, and nobody decides anything by it. So it is kept through [`Journal`], which can write
//! nothing but that. That a sink gave up is state, told by an event: it goes through [`Notary`] to the
//! writers, whom this module may not know.
//!
//! To add a kind: a file with a `target::Target`, a variant of [`TargetSpec`], its settings.

mod answer;
mod backoff;
mod driver;
mod journal;
mod kafka;
mod logout;
mod nats;
mod redis;
mod status;
mod target;
#[cfg(test)]
mod tests;
mod webhook;

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::Node;
use crate::domain::clock::{Clock, Timestamp};
use crate::domain::error::Error;
use crate::domain::id::Seq;

pub use journal::Journal;
pub use kafka::KafkaSettings;
pub use logout::{LogoutSettings, LogoutSigner};
pub use nats::NatsSettings;
pub use redis::RedisSettings;
pub use status::{SinkReport, SinkState};
pub use webhook::WebhookSettings;

use backoff::Backoff;
use driver::{Driver, Place};
use kafka::Kafka;
use logout::Logout;
use nats::Nats;
use redis::Redis;
use status::Status;
use target::{Filter, Target};
use webhook::Webhook;

/// How often the gauges are set.
const REPORT: Duration = Duration::from_secs(1);

/// Writes down what becomes of sinks.
pub trait Notary: Send + Sync {
    /// A sink has failed since then, and is tried no more.
    fn disabled<'a>(
        &'a self,
        sink: &'a str,
        failing_since: Timestamp,
        error: &'a str,
    ) -> BoxFuture<'a, Result<(), Error>>;
}

/// Which node runs a sink: one at a time.
pub trait Turns: Send + Sync {
    /// Whether it is this one, now. Asked before every page of the log.
    fn is_mine(&self, sink: &str) -> bool;
}

/// Where a sink begins that has never written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beginning {
    /// With the first event of the log.
    Log,
    /// With the next one.
    Now,
}

/// A sink, as it is wanted.
#[derive(Clone, Debug)]
pub struct SinkSpec {
    /// Its name: its place in the log is kept under it.
    pub name: String,
    /// Types of events, or families such as `session.*`; all of them where nothing is named.
    pub events: Vec<String>,
    /// How it goes about it.
    pub pace: Pace,
    /// Where it writes to.
    pub target: TargetSpec,
}

/// How a sink goes through the log.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Where it begins.
    pub beginning: Beginning,
    /// The longest wait between two attempts.
    pub retry_max: Duration,
    /// How long it may fail before it is disabled; for ever where there is none.
    pub patience: Option<Duration>,
}

/// Where a sink writes to.
#[derive(Clone, Debug)]
pub enum TargetSpec {
    /// A Redis server.
    Redis(RedisSettings),
    /// A stream of NATS JetStream.
    Nats(NatsSettings),
    /// A topic of Kafka.
    Kafka(KafkaSettings),
    /// A receiver of signed POSTs.
    Webhook(WebhookSettings),
    /// A client that wants to know when sessions are over.
    Logout(LogoutSettings),
}

impl TargetSpec {
    fn kind(&self) -> &'static str {
        match self {
            Self::Redis(_) => "redis",
            Self::Nats(_) => "nats",
            Self::Kafka(_) => "kafka",
            Self::Webhook(_) => "webhook",
            Self::Logout(_) => "logout",
        }
    }

    fn open(&self, node: &Node, signer: &Arc<dyn LogoutSigner>) -> Result<Box<dyn Target>, Error> {
        Ok(match self {
            Self::Redis(settings) => Box::new(Redis::open(settings, node)?),
            Self::Nats(settings) => Box::new(Nats::open(settings)?),
            Self::Kafka(settings) => Box::new(Kafka::open(settings)),
            Self::Webhook(settings) => Box::new(Webhook::open(settings, node)?),
            Self::Logout(settings) => Box::new(Logout::open(settings, signer)?),
        })
    }
}

/// The sinks of a node; cloning shares them. They end with the last handle.
#[derive(Clone, Default)]
pub struct Sinks(Option<Arc<Running>>);

struct Running {
    statuses: Vec<Arc<Status>>,
    applied: watch::Receiver<Seq>,
    clock: Arc<dyn Clock>,
    stop: watch::Sender<bool>,
    drivers: Mutex<Vec<JoinHandle<()>>>,
    reporter: Mutex<Option<JoinHandle<()>>>,
}

impl Sinks {
    /// Starts them on a node that is ready. From here on no event is skipped, also by those that begin
    /// now for the first time.
    pub async fn start(
        node: &Node,
        journal: Arc<dyn Journal>,
        notary: Arc<dyn Notary>,
        turns: Arc<dyn Turns>,
        signer: Arc<dyn LogoutSigner>,
        specs: Vec<SinkSpec>,
    ) -> Result<Self, Error> {
        let (stop, stopped) = watch::channel(false);
        // The log's own end: the node may have yet to apply what was just written.
        let head = node.inner.source.head().await?;
        // Not all of the log is kept for ever.
        let first = journal.entries_after(Seq(0), 1).await?.pop();
        let mut drivers = Vec::with_capacity(specs.len());
        for spec in specs {
            let beginning = match spec.pace.beginning {
                Beginning::Log => first.as_ref().map_or(head, |it| Seq(it.entry.seq.0 - 1)),
                Beginning::Now => head,
            };
            let row = journal.begin(&spec.name, beginning).await?;
            let status = Arc::new(Status::new(&spec.name, spec.target.kind(), row.seq));
            if row.disabled_at.is_some() {
                let what = "it was disabled before";
                status.suffers(SinkState::Disabled, what, row.failing_since, None);
            }
            drivers.push(Driver {
                target: spec.target.open(node, &signer)?,
                name: spec.name,
                filter: Filter(spec.events),
                journal: Arc::clone(&journal),
                notary: Arc::clone(&notary),
                turns: Arc::clone(&turns),
                clock: Arc::clone(&node.inner.clock),
                entropy: Arc::clone(&node.inner.entropy),
                applied: node.inner.applied.clone(),
                stop: stopped.clone(),
                status,
                backoff: Backoff::up_to(spec.pace.retry_max),
                patience: spec.pace.patience,
                place: Place {
                    seq: row.seq,
                    failing_since: row.failing_since,
                    kept: (row.seq, Instant::now()),
                },
            });
        }
        let running = Arc::new(Running {
            statuses: drivers.iter().map(|it| Arc::clone(&it.status)).collect(),
            applied: node.inner.applied.clone(),
            clock: Arc::clone(&node.inner.clock),
            stop,
            drivers: Mutex::default(),
            reporter: Mutex::default(),
        });
        let reporter = tokio::spawn(keep_reporting(Arc::downgrade(&running)));
        *running.reporter.lock() = Some(reporter);
        let drivers = drivers.into_iter().map(|driver| tokio::spawn(driver.run()));
        *running.drivers.lock() = drivers.collect();
        Ok(Self(Some(running)))
    }

    /// How each of them fares, in the order of the configuration.
    pub fn reports(&self) -> Vec<SinkReport> {
        self.0.as_ref().map(|it| it.reports()).unwrap_or_default()
    }

    /// Lets each finish its write and keep its place, so long at most.
    pub async fn stop(&self, wait: Duration) {
        let Some(running) = &self.0 else { return };
        running.stop.send_replace(true);
        let mut drivers = std::mem::take(&mut *running.drivers.lock());
        let all = futures::future::join_all(&mut drivers);
        if tokio::time::timeout(wait, all).await.is_err() {
            tracing::warn!(
                "a sink did not finish in time; it goes on where it was at the next start"
            );
            drivers.iter().for_each(JoinHandle::abort);
        }
    }
}

impl Running {
    fn reports(&self) -> Vec<SinkReport> {
        let (head, now) = (*self.applied.borrow(), self.clock.now());
        let statuses = self.statuses.iter();
        statuses.map(|status| status.report(head, now)).collect()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.drivers.lock().iter().for_each(JoinHandle::abort);
        if let Some(reporter) = self.reporter.lock().take() {
            reporter.abort();
        }
    }
}

async fn keep_reporting(running: std::sync::Weak<Running>) {
    let mut ticks = tokio::time::interval(REPORT);
    loop {
        ticks.tick().await;
        let Some(running) = running.upgrade() else {
            return;
        };
        for report in running.reports() {
            report.publish();
        }
    }
}
