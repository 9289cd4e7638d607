//! How a sink fares, for people and for metrics. It may not know who looks.

use std::time::Duration;

use parking_lot::Mutex;

use crate::domain::clock::Timestamp;
use crate::domain::id::Seq;
use crate::domain::metric;

/// What a sink is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SinkState {
    /// It writes, or has written everything.
    Running,
    /// Another node runs it.
    Standby,
    /// Its target fails; it tries again.
    Failing,
    /// Its target failed for too long; it waits for somebody to enable it.
    Disabled,
    /// The log no longer holds what it has yet to write.
    Lost,
}

impl SinkState {
    /// Every state.
    pub const ALL: [Self; 5] = [
        Self::Running,
        Self::Standby,
        Self::Failing,
        Self::Disabled,
        Self::Lost,
    ];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Standby => "standby",
            Self::Failing => "failing",
            Self::Disabled => "disabled",
            Self::Lost => "lost",
        }
    }
}

/// A sink as others see it.
#[derive(Clone, Debug)]
pub struct SinkReport {
    /// Its name.
    pub name: String,
    /// What it writes to.
    pub kind: &'static str,
    /// What it is at.
    pub state: SinkState,
    /// Everything up to this position has been written.
    pub seq: Seq,
    /// How many events it is behind this node.
    pub lag_events: u64,
    /// How old the first event is that it has yet to write.
    pub lag: Duration,
    /// Since when no write has succeeded.
    pub failing_since: Option<Timestamp>,
    /// What went wrong last, while it fails.
    pub last_error: Option<String>,
    /// When it is tried again.
    pub next_attempt_at: Option<Timestamp>,
}

/// What changes of a sink.
#[derive(Clone, Debug)]
struct Progress {
    state: SinkState,
    seq: Seq,
    oldest: Option<Timestamp>,
    failing_since: Option<Timestamp>,
    last_error: Option<String>,
    next_attempt_at: Option<Timestamp>,
}

/// One sink's status; its driver writes it.
pub(super) struct Status {
    name: String,
    kind: &'static str,
    progress: Mutex<Progress>,
}

impl Status {
    /// It goes on after this position.
    pub(super) fn new(name: &str, kind: &'static str, seq: Seq) -> Self {
        Self {
            name: name.to_owned(),
            kind,
            progress: Mutex::new(Progress {
                state: SinkState::Running,
                seq,
                oldest: None,
                failing_since: None,
                last_error: None,
                next_attempt_at: None,
            }),
        }
    }

    /// What it is at.
    pub(super) fn state(&self) -> SinkState {
        self.progress.lock().state
    }

    /// It is at something that needs no explanation.
    pub(super) fn is(&self, state: SinkState) {
        let mut progress = self.progress.lock();
        progress.state = state;
        progress.failing_since = None;
        progress.last_error = None;
        progress.next_attempt_at = None;
    }

    /// It came this far; `oldest`: when the first event happened that it has yet to write.
    pub(super) fn reached(&self, seq: Seq, oldest: Option<Timestamp>) {
        let mut progress = self.progress.lock();
        progress.seq = seq;
        progress.oldest = oldest;
    }

    /// It is in trouble.
    pub(super) fn suffers(
        &self,
        state: SinkState,
        what: &str,
        since: Option<Timestamp>,
        next_attempt_at: Option<Timestamp>,
    ) {
        let mut progress = self.progress.lock();
        progress.state = state;
        progress.last_error = Some(what.to_owned());
        progress.failing_since = since;
        progress.next_attempt_at = next_attempt_at;
    }

    /// As it is at this moment.
    pub(super) fn report(&self, head: Seq, now: Timestamp) -> SinkReport {
        let progress = self.progress.lock().clone();
        SinkReport {
            name: self.name.clone(),
            kind: self.kind,
            state: progress.state,
            seq: progress.seq,
            lag_events: head.0.saturating_sub(progress.seq.0),
            lag: progress.oldest.map_or(Duration::ZERO, |at| now.since(at)),
            failing_since: progress.failing_since,
            last_error: progress.last_error,
            next_attempt_at: progress.next_attempt_at,
        }
    }

    /// Events that went out.
    pub(super) fn count_written(&self, events: usize) {
        let events = u64::try_from(events).unwrap_or(u64::MAX);
        metrics::counter!(metric::SINK_WRITTEN, "sink" => self.name.clone()).increment(events);
    }

    /// An attempt that failed.
    pub(super) fn count_failure(&self) {
        metrics::counter!(metric::SINK_FAILURES, "sink" => self.name.clone()).increment(1);
    }

    /// A target that had lost what it had.
    pub(super) fn count_refill(&self) {
        metrics::counter!(metric::SINK_REFILLS, "sink" => self.name.clone()).increment(1);
    }
}

impl SinkReport {
    /// Sets the gauges.
    pub(super) fn publish(&self) {
        let sink = &self.name;
        #[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
        metrics::gauge!(metric::SINK_LAG_EVENTS, "sink" => sink.clone())
            .set(self.lag_events as f64);
        metrics::gauge!(metric::SINK_LAG_SECONDS, "sink" => sink.clone())
            .set(self.lag.as_secs_f64());
        for state in SinkState::ALL {
            let is = if state == self.state { 1.0 } else { 0.0 };
            metrics::gauge!(metric::SINK_STATE, "sink" => sink.clone(), "state" => state.as_str())
                .set(is);
        }
    }
}
