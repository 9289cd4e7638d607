//! The one reader of the log on a node: every event once, in order, whatever the bus does. It may not
//! know what the events mean to connections.
//!
//! A batch from the bus is applied if it is the next one. Where it is not, and at least once in a part
//! of the lease, the log itself is read; only that renews the lease, counted from before the read, so
//! a node that reports ready has applied everything that is older than the lease.

use std::sync::Arc;
use std::time::Duration;

use sessionwire_guard::KeySet;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

use super::cluster::{Look, Peers, Roster};
use super::fanout::Fanout;
use super::gate::{Gate, TOKEN_LIFE_MAX};
use super::source::Source;
use crate::bus::{News, Subscription};
use crate::domain::clock::Clock;
use crate::domain::error::Error;
use crate::domain::event::{Event, LogEntry, is_unbroken};
use crate::domain::id::Seq;
use crate::domain::metric;

/// Events of one read.
const PAGE: u32 = 1000;
/// How many times the log is read within one lease.
const READS_PER_LEASE: u32 = 4;
/// What said that there was something to apply: the bus, or the log itself, where the bus had not.
const BY_BUS: &str = "bus";
const BY_LOG: &str = "log";
/// How often the index forgets, and how often keys are read again because of tokens that none fits.
const UPKEEP: Duration = Duration::from_secs(10);
/// How much older than a token's longest life the events are that the index is rebuilt from: the
/// clocks of writers differ.
pub(super) const CLOCK_SPREAD: Duration = Duration::from_mins(10);

/// The reader.
pub(super) struct Follower {
    pub(super) source: Arc<dyn Source>,
    pub(super) roster: Arc<dyn Roster>,
    pub(super) peers: Arc<Peers>,
    pub(super) news: Subscription<News>,
    /// An empty set of keys, for this issuer and audience.
    pub(super) no_keys: KeySet,
    pub(super) gate: Arc<Gate>,
    pub(super) fanout: Fanout,
    pub(super) applied: watch::Sender<Seq>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) health: Health,
}

/// What the follower knows of itself.
#[derive(Default)]
pub(super) struct Health {
    rebuilt: bool,
    failing: bool,
    upkeep_at: Duration,
}

impl Follower {
    /// Follows for ever.
    pub(super) async fn run(mut self, lease: Duration) {
        let mut look = interval((lease / READS_PER_LEASE).max(Duration::from_millis(1)));
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            // A bus that is gone is silent; the log can be followed without one.
            let news = tokio::select! {
                Some(news) = self.news.next() => Some(news),
                _ = look.tick() => None,
                // While reads fail the next look is soon enough: asking more often helps nobody.
                () = self.gate.wanted(), if !self.health.failing => None,
            };
            let outcome = match news {
                // Before the index is rebuilt, batches wait in the log.
                Some(_) if !self.health.rebuilt => continue,
                Some(News::Batch(batch)) => self.take(&batch.entries).await,
                Some(News::Head(head)) => self.take_up_to(head).await,
                None => self.look().await,
            };
            self.note(outcome.err());
        }
    }

    fn applied(&self) -> Seq {
        *self.applied.borrow()
    }

    /// A batch from the bus. In the model: `Take`.
    async fn take(&mut self, entries: &[LogEntry]) -> Result<(), Error> {
        let (Some(first), Some(last)) = (entries.first(), entries.last()) else {
            return Ok(());
        };
        if last.seq <= self.applied() {
            return Ok(());
        }
        if first.seq > self.applied().next() {
            if self.health.failing {
                // The next look tries again; every batch trying too would only be more load.
                return Ok(());
            }
            self.read_until(Seq(first.seq.0 - 1), BY_LOG).await?;
        }
        self.apply_rest(entries).await
    }

    /// The log is said to reach this position.
    async fn take_up_to(&mut self, head: Seq) -> Result<(), Error> {
        if head <= self.applied() || self.health.failing {
            return Ok(());
        }
        // The log knows how far it reaches, whatever is said.
        let head = self.source.head().await?.min(head);
        self.read_until(head, BY_BUS).await
    }

    /// Says that this node lives, reads the log itself, and what else has to be looked after. In this
    /// order: who commits after this and looks for the nodes that have to know finds this one.
    async fn look(&mut self) -> Result<(), Error> {
        let began = self.clock.uptime();
        if !self.health.rebuilt {
            self.rebuild().await?;
        }
        let said = self.peers.membership(self.applied());
        // In the model: `CheckIn`.
        let listed = self.roster.check_in(&said).await?;
        let ended = self.clock.uptime();
        self.peers.observe(listed, Look { began, ended });
        // Before the head is read: what a token has seen is in the log by then.
        let known = self.applied().max(self.gate.seen_by_tokens());
        // In the model: `FindHead`.
        let head = self.source.head().await?;
        if head < known {
            return Err(Error::internal(format!(
                "the log ends at {head}, before {known}, which this server has given: the database was brought \
                 back from a copy; stop all nodes and run `sessionwire restore`"
            )));
        }
        #[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
        metrics::gauge!(metric::LOG_LAG).set((head.0 - self.applied().0) as f64);
        self.read_until(head, BY_LOG).await?;
        // In the model: `Renew`.
        self.gate.renew(began);
        if std::mem::take(&mut self.health.failing) {
            self.gate.set_trouble(None);
            tracing::info!("the log can be followed again");
        }
        self.upkeep(began).await
    }

    /// The index from the log: from the oldest event that a living token could not have seen.
    async fn rebuild(&mut self) -> Result<(), Error> {
        let head = self.source.head().await?;
        // After the head, so that none is missing that an event up to there speaks of.
        self.read_keys().await?;
        let age = TOKEN_LIFE_MAX + CLOCK_SPREAD;
        let since = self.clock.now().minus(age);
        let mut position = self.source.position_before(since).await?;
        self.gate.restart_at(position);
        while position < head {
            let page = self.page(position, head).await?;
            self.gate.apply(&page);
            position = page.last().map_or(position, |entry| entry.seq);
        }
        // The log that is read again reaches back as far as honest tokens live.
        self.gate.disown(self.source.retired_keys().await?);
        self.applied.send_replace(position);
        self.health.rebuilt = true;
        tracing::info!(seq = position.0, "the log has been read");
        Ok(())
    }

    /// Applies what the log holds up to a position.
    async fn read_until(&mut self, last: Seq, by: &'static str) -> Result<(), Error> {
        while self.applied() < last {
            let page = self.page(self.applied(), last).await?;
            self.apply(&page, by).await?;
        }
        Ok(())
    }

    /// The events after a position, up to another. Fails rather than skip one.
    async fn page(&self, after: Seq, last: Seq) -> Result<Vec<LogEntry>, Error> {
        let mut page = self.source.entries_after(after, PAGE).await?;
        page.retain(|entry| entry.seq <= last);
        if page.is_empty() || !is_unbroken(after, &page) {
            return Err(Error::internal(format!(
                "the log has a gap after {after}, before {last}"
            )));
        }
        Ok(page)
    }

    /// Applies those of the entries that were not applied before.
    async fn apply_rest(&mut self, entries: &[LogEntry]) -> Result<(), Error> {
        let applied = self.applied();
        let done = entries.partition_point(|entry| entry.seq <= applied);
        let rest = entries.get(done..).unwrap_or_default();
        if is_unbroken(applied, rest) {
            self.apply(rest, BY_BUS).await
        } else {
            // A batch that is none: the log knows better.
            self.look().await
        }
    }

    /// Applies entries that come next: first what refuses tokens, then what tells connections.
    async fn apply(&mut self, entries: &[LogEntry], by: &'static str) -> Result<(), Error> {
        let Some(last) = entries.last() else {
            return Ok(());
        };
        let is_of_keys = |entry: &LogEntry| {
            matches!(
                entry.event,
                Event::SigningKeyRotated { .. } | Event::SigningKeyRetired { .. }
            )
        };
        // Before: what is signed with a new key comes after its event.
        if entries.iter().any(is_of_keys) {
            self.read_keys().await?;
        }
        self.gate.apply(entries);
        self.fanout.dispatch(entries);
        self.applied.send_replace(last.seq);
        #[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
        metrics::gauge!(metric::APPLIED_POSITION).set(last.seq.0 as f64);
        let count = u64::try_from(entries.len()).unwrap_or(u64::MAX);
        metrics::counter!(metric::APPLIED, "from" => by).increment(count);
        Ok(())
    }

    async fn read_keys(&mut self) -> Result<(), Error> {
        let now = self.clock.now();
        let keys = self.source.fill_keys(now, self.no_keys.clone()).await?;
        self.gate.set_keys(keys);
        Ok(())
    }

    async fn upkeep(&mut self, uptime: Duration) -> Result<(), Error> {
        if uptime < self.health.upkeep_at {
            return Ok(());
        }
        self.health.upkeep_at = uptime + UPKEEP;
        self.gate.sweep(self.clock.now());
        if self.gate.take_suspicion() {
            self.read_keys().await?;
        }
        Ok(())
    }

    /// Logs a failure, the first of several.
    fn note(&mut self, failure: Option<Error>) {
        let Some(error) = failure else { return };
        self.gate.set_trouble(Some(match error {
            Error::Unavailable(_) => "the database can't be reached, or does not answer in time",
            _ => "the log can't be followed; the error is in this server's own log",
        }));
        if !std::mem::replace(&mut self.health.failing, true) {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            tracing::error!(%error, cause, "the log can't be followed; trying again");
        }
    }
}
