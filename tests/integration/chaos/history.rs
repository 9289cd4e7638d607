//! What was done and what came of it, on one clock that only goes forward. It may not know what is right.

use std::collections::BTreeSet;
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::Value;
use tokio::time::Instant;

/// From the request to its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) began: Duration,
    pub(super) ended: Duration,
}

/// An answered question to a node whether a session's token is good.
#[derive(Clone, Debug)]
pub(super) struct Check {
    pub(super) session: String,
    pub(super) node: usize,
    pub(super) span: Span,
    pub(super) accepted: bool,
}

/// A session that was ended, by the answer.
#[derive(Clone, Debug)]
pub(super) struct End {
    pub(super) session: String,
    pub(super) span: Span,
    /// Whether every node that lives had applied it.
    pub(super) everywhere: bool,
}

/// What a client heard that named a session.
#[derive(Clone, Debug)]
pub(super) struct Heard {
    pub(super) of: String,
    pub(super) named: String,
}

/// A client as it was when everything had come to rest.
#[derive(Clone, Debug)]
pub(super) struct Rest {
    pub(super) session: String,
    pub(super) told: BTreeSet<String>,
    pub(super) may: BTreeSet<String>,
}

/// An event that began or ended a session.
#[derive(Clone, Debug)]
pub(super) struct Turn {
    pub(super) seq: u64,
    pub(super) user: String,
    pub(super) session: String,
    pub(super) starts: bool,
}

/// Everything.
#[derive(Clone, Debug, Default)]
pub(super) struct History {
    pub(super) checks: Vec<Check>,
    pub(super) ends: Vec<End>,
    pub(super) heard: Vec<Heard>,
    pub(super) rests: Vec<Rest>,
    /// The positions of the log, as it was read at the end.
    pub(super) positions: Vec<u64>,
    pub(super) turns: Vec<Turn>,
    /// Sessions that a list says have ended.
    pub(super) ended: BTreeSet<String>,
    /// Refresh tokens by the session that they opened a way to: each use that was answered with a new one.
    pub(super) refreshed: Vec<(String, String)>,
}

/// Writes it down.
pub(super) struct Recorder {
    began: Instant,
    history: Mutex<History>,
}

impl Recorder {
    pub(super) fn new() -> Self {
        Self {
            began: Instant::now(),
            history: Mutex::default(),
        }
    }

    pub(super) fn now(&self) -> Duration {
        self.began.elapsed()
    }

    pub(super) fn note(&self, what: impl FnOnce(&mut History)) {
        what(&mut self.history.lock());
    }

    pub(super) fn span(&self, began: Duration) -> Span {
        Span {
            began,
            ended: self.now(),
        }
    }

    /// Takes in the log.
    pub(super) fn read_log(&self, events: &[Value]) {
        let text = |event: &Value, name: &str| event["data"][name].as_str().unwrap().to_owned();
        self.note(|history| {
            for event in events {
                let seq = event["seq"].as_u64().unwrap();
                history.positions.push(seq);
                let kind = event["type"].as_str().unwrap();
                if kind == "session.started" || kind == "session.ended" {
                    history.turns.push(Turn {
                        seq,
                        user: text(event, "user_id"),
                        session: text(event, "session_id"),
                        starts: kind == "session.started",
                    });
                }
            }
        });
    }

    pub(super) fn history(&self) -> History {
        self.history.lock().clone()
    }
}
