//! One sink's way through the log: reads on from its place, writes, keeps its place. It may not know
//! what the target is.
//!
//! Nothing waits in memory but the page in hand: while the target fails, what happens stays in the log.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::backoff::Backoff;
use super::journal::Journal;
use super::status::{SinkState, Status};
use super::target::{Batch, Failure, Filter, Item, Target};
use super::{Notary, Turns};
use crate::domain::audit::{AuditEntry, EventRecord};
use crate::domain::clock::{Clock, Entropy, Timestamp};
use crate::domain::error::Error;
use crate::domain::event::is_unbroken;
use crate::domain::id::Seq;

/// Events of one read.
const PAGE: u32 = 200;
/// How often a target is looked at while there is nothing to write, and a turn asked for.
const LOOK: Duration = Duration::from_secs(1);
/// How often the place is kept. After a crash a sink writes again what it wrote since.
const SAVE: Duration = Duration::from_secs(1);
/// The longest text about a failure that is kept.
const ERROR_CHARS_MAX: usize = 300;

/// What a driver stands on.
pub(super) struct Driver {
    pub(super) name: String,
    pub(super) filter: Filter,
    pub(super) target: Box<dyn Target>,
    pub(super) journal: Arc<dyn Journal>,
    pub(super) notary: Arc<dyn Notary>,
    pub(super) turns: Arc<dyn Turns>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) entropy: Arc<dyn Entropy>,
    pub(super) applied: watch::Receiver<Seq>,
    pub(super) stop: watch::Receiver<bool>,
    pub(super) status: Arc<Status>,
    pub(super) backoff: Backoff,
    /// How long the target may fail before it is no longer tried; for ever where there is none.
    pub(super) patience: Option<Duration>,
    pub(super) place: Place,
}

/// Where a sink is.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) seq: Seq,
    pub(super) failing_since: Option<Timestamp>,
    /// What was kept last, and when.
    pub(super) kept: (Seq, Instant),
}

/// Why a step did not succeed.
enum Trouble {
    /// The target's.
    Target(Failure),
    /// Ours: the log can't be read at the moment.
    Journal(Error),
    /// The log does not hold what comes next.
    Lost(String),
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Self::Target(failure)
    }
}

impl Driver {
    /// Writes until it is told to stop, and keeps its place.
    pub(super) async fn run(mut self) {
        while !*self.stop.borrow() {
            if !self.turns.is_mine(&self.name) {
                self.stand_by().await;
                continue;
            }
            let outcome = match self.status.state() {
                SinkState::Disabled => self.wait_for_a_word().await,
                SinkState::Lost => return self.until_stopped().await,
                SinkState::Standby => self.take_over().await,
                SinkState::Running | SinkState::Failing => self.step().await,
            };
            if let Err(trouble) = outcome {
                self.suffer(trouble).await;
            }
        }
        self.keep_place().await;
    }

    fn head(&self) -> Seq {
        *self.applied.borrow()
    }

    async fn step(&mut self) -> Result<(), Trouble> {
        if self.head() > self.place.seq {
            return self.advance().await;
        }
        if self.head() < self.place.seq {
            return self.wait_for_the_node().await;
        }
        self.target.look(self.place.seq).await?;
        self.went_well().await;
        self.keep_place_now_and_then().await;
        self.rest(LOOK).await;
        Ok(())
    }

    /// Another node has applied, and this sink written there, what this node has yet to apply.
    async fn wait_for_the_node(&mut self) -> Result<(), Trouble> {
        let place = self.place.seq;
        let before = Seq(place.0.saturating_sub(1));
        let read = self.journal.entries_after(before, 1).await;
        if read.map_err(Trouble::Journal)?.is_empty() {
            return Err(Trouble::Lost(format!(
                "the log ends before the sink's place {place}"
            )));
        }
        self.rest(LOOK).await;
        Ok(())
    }

    /// Writes the next page of the log.
    async fn advance(&mut self) -> Result<(), Trouble> {
        let page = self.read().await?;
        let oldest = page.first().map(|entry| entry.entry.at);
        self.status.reached(self.place.seq, oldest);
        for batch in self.batches(page)? {
            if !batch.items.is_empty() {
                self.target.write(&batch).await?;
                let written = batch.items.iter().filter(|item| item.passes).count();
                self.status.count_written(written);
                self.went_well().await;
            }
            self.place.seq = batch.upto;
            let oldest = oldest.filter(|_| batch.upto < self.head());
            self.status.reached(batch.upto, oldest);
            self.keep_place_now_and_then().await;
            if *self.stop.borrow() {
                break;
            }
        }
        Ok(())
    }

    async fn read(&self) -> Result<Vec<AuditEntry>, Trouble> {
        let (after, head) = (self.place.seq, self.head());
        let read = self.journal.entries_after(after, PAGE).await;
        let mut page = read.map_err(Trouble::Journal)?;
        page.retain(|audit| audit.entry.seq <= head);
        if page.is_empty() || !is_unbroken(after, page.iter().map(|audit| &audit.entry)) {
            return Err(Trouble::Lost(format!(
                "the log no longer holds what comes after {after}"
            )));
        }
        Ok(page)
    }

    /// Cuts a page into what the target takes at once, and leaves out what it does not want.
    fn batches(&self, page: Vec<AuditEntry>) -> Result<Vec<Batch>, Trouble> {
        let last = page.last().map_or(self.place.seq, |audit| audit.entry.seq);
        let mut items = Vec::with_capacity(page.len());
        for audit in page {
            let passes = self.filter.passes(audit.entry.event.kind());
            if passes || self.target.needs(&audit.entry.event) {
                let entry = audit.entry.clone();
                let record = EventRecord::try_from(audit)
                    .map_err(|error| Trouble::Journal(Error::internal(error)))?;
                items.push(Item {
                    entry,
                    record,
                    passes,
                });
            }
        }
        let mut batches = Vec::new();
        let mut after = self.place.seq;
        let mut items = items.into_iter().peekable();
        while after < last {
            let batch: Vec<Item> = items.by_ref().take(self.target.batch_max()).collect();
            let upto = match (batch.last(), items.peek()) {
                (Some(item), Some(_)) => item.entry.seq,
                _ => last,
            };
            batches.push(Batch {
                after,
                upto,
                items: batch,
            });
            after = upto;
        }
        Ok(batches)
    }

    async fn went_well(&mut self) {
        self.backoff.reset();
        if self.status.state() == SinkState::Failing {
            self.status.is(SinkState::Running);
        }
        if self.place.failing_since.take().is_some() {
            tracing::info!(sink = %self.name, "the sink writes again");
            self.keep_place().await;
        }
    }

    async fn suffer(&mut self, trouble: Trouble) {
        match trouble {
            Trouble::Target(Failure::Again { what, after }) => {
                self.fail(&shortened(what), after).await;
            }
            Trouble::Target(Failure::Gone(what)) => {
                self.status.count_failure();
                self.give_up(&shortened(what)).await;
            }
            Trouble::Target(Failure::Behind(seq)) => {
                let place = self.place.seq;
                tracing::warn!(sink = %self.name, %place, from = %seq, "the target lacks what was written; writing it again");
                self.status.count_refill();
                self.place.seq = seq;
                self.keep_place().await;
            }
            Trouble::Lost(what) => {
                tracing::error!(sink = %self.name, what, "the sink can't go on");
                self.status.suffers(SinkState::Lost, &what, None, None);
            }
            Trouble::Journal(error) => {
                tracing::error!(sink = %self.name, ?error, "the log can't be read; trying again");
                let wait = self.backoff.next(self.entropy.as_ref());
                self.pause(wait).await;
            }
        }
    }

    /// Notes a failure and waits for the next attempt.
    async fn fail(&mut self, what: &str, after: Option<Duration>) {
        self.status.count_failure();
        let now = self.clock.now();
        let since = self.place.failing_since.unwrap_or(now);
        if self.place.failing_since.is_none() {
            tracing::warn!(sink = %self.name, what, "the sink fails; trying again");
            self.place.failing_since = Some(since);
            self.keep_place().await;
        }
        if self
            .patience
            .is_some_and(|patience| now.since(since) >= patience)
        {
            return self.give_up(what).await;
        }
        let asked = after.unwrap_or_default().min(self.backoff.max());
        let wait = self.backoff.next(self.entropy.as_ref()).max(asked);
        let next = Some(now.plus(wait));
        self.status
            .suffers(SinkState::Failing, what, Some(since), next);
        self.pause(wait).await;
    }

    /// Is tried no more, once the log says so.
    async fn give_up(&mut self, what: &str) {
        let since = self.place.failing_since.unwrap_or(self.clock.now());
        self.keep_place().await;
        match self.notary.disabled(&self.name, since, what).await {
            Ok(()) => {
                tracing::error!(sink = %self.name, what, "the sink is disabled");
                self.status
                    .suffers(SinkState::Disabled, what, Some(since), None);
            }
            Err(error) => {
                tracing::error!(sink = %self.name, ?error, "that the sink is disabled can't be written down; trying again");
                let wait = self.backoff.next(self.entropy.as_ref());
                self.pause(wait).await;
            }
        }
    }

    /// Whoever enables the sink says so in the log.
    async fn wait_for_a_word(&mut self) -> Result<(), Trouble> {
        let found = self.journal.find(&self.name).await;
        if found.map_err(Trouble::Journal)?.disabled_at.is_none() {
            self.take_over().await
        } else {
            let seen = self.head();
            self.rest_until(LOOK * 10, seen).await;
            Ok(())
        }
    }

    /// Another node runs it.
    async fn stand_by(&mut self) {
        self.status.is(SinkState::Standby);
        self.pause(LOOK).await;
    }

    /// Goes on where it is kept to be.
    async fn take_over(&mut self) -> Result<(), Trouble> {
        let row = self.journal.find(&self.name).await;
        let row = row.map_err(Trouble::Journal)?;
        self.place = Place {
            seq: row.seq,
            failing_since: row.failing_since,
            kept: (row.seq, Instant::now()),
        };
        self.backoff.reset();
        self.status.reached(row.seq, None);
        self.status.is(SinkState::Running);
        Ok(())
    }

    async fn keep_place_now_and_then(&mut self) {
        let (kept, at) = self.place.kept;
        if kept != self.place.seq && at.elapsed() >= SAVE {
            self.keep_place().await;
        }
    }

    async fn keep_place(&mut self) {
        let Place {
            seq, failing_since, ..
        } = self.place;
        match self.journal.save(&self.name, seq, failing_since).await {
            Ok(()) => self.place.kept = (seq, Instant::now()),
            // What is not kept is only written again.
            Err(error) => {
                tracing::warn!(sink = %self.name, ?error, "the sink's place can't be kept");
            }
        }
    }

    /// Waits for a new event, so long at most.
    async fn rest(&mut self, longest: Duration) {
        self.rest_until(longest, self.place.seq).await;
    }

    /// Waits for an event after this position, so long at most.
    async fn rest_until(&mut self, longest: Duration, seq: Seq) {
        let (mut applied, mut stop) = (self.applied.clone(), self.stop.clone());
        tokio::select! {
            // A node that follows no more applies no more.
            Ok(_) = applied.wait_for(|head| *head > seq) => {}
            _ = stop.wait_for(|stop| *stop) => {}
            () = tokio::time::sleep(longest) => {}
        }
    }

    async fn pause(&mut self, wait: Duration) {
        let mut stop = self.stop.clone();
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => {}
            () = tokio::time::sleep(wait) => {}
        }
    }

    async fn until_stopped(mut self) {
        // Whoever could say so is gone, or has said so.
        let _ = self.stop.wait_for(|stop| *stop).await;
    }
}

fn shortened(what: String) -> String {
    match what.char_indices().nth(ERROR_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &what[..end]),
        None => what,
    }
}
