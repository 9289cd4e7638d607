//! Calls in numbers: a process that makes prepared requests over some connections, each the next as soon as the last
//! was answered. It may not know what they mean.

pub(crate) mod calls;

use serde::{Deserialize, Serialize};

use crate::failure::{Failure, Outcome};
use crate::figures::{of_length, real};
use crate::helper::Helper;

/// The argument that makes this program such a process.
pub(crate) const LOAD: &str = "load";

/// What to call.
#[derive(Serialize, Deserialize)]
pub(crate) struct Calls {
    /// `host:port`.
    pub(crate) address: String,
    /// Over so many connections.
    pub(crate) connections: usize,
    /// The requests as they go over the wire.
    pub(crate) requests: Vec<String>,
    /// For so long, from the first again after the last; each once where nothing is said.
    pub(crate) seconds: Option<f64>,
    /// Whether the answers are wanted, in the order of the requests.
    pub(crate) keep: bool,
}

/// What came of it.
#[derive(Serialize, Deserialize)]
pub(crate) struct Done {
    /// When the first request was sent.
    pub(crate) began: u64,
    /// When the last answer was there.
    pub(crate) ended: u64,
    /// How many were answered.
    pub(crate) answers: usize,
    /// How many of them not by success.
    pub(crate) failures: usize,
    /// What the first of those said.
    pub(crate) first_failure: String,
    /// Bytes of an answer, head and body.
    pub(crate) bytes: usize,
    /// Microseconds of a call.
    pub(crate) p50_us: f64,
    /// Of the slowest of a hundred.
    pub(crate) p99_us: f64,
    /// The answers' bodies.
    pub(crate) bodies: Vec<String>,
}

impl Done {
    /// How many a second.
    pub(crate) fn rate(&self) -> f64 {
        of_length(self.answers) / self.seconds()
    }

    /// How long it took.
    pub(crate) fn seconds(&self) -> f64 {
        real(self.ended - self.began) / 1e9
    }
}

/// Such a process.
pub(crate) struct Load(Helper);

impl Load {
    /// Starts one.
    pub(crate) fn start() -> Outcome<Self> {
        Ok(Self(Helper::start(&[LOAD])?))
    }

    /// Makes the calls; all must succeed.
    pub(crate) fn run(&mut self, calls: &Calls) -> Outcome<Done> {
        let done: Done = self.0.ask(calls)?;
        if done.failures > 0 {
            return Err(Failure::Unexpected(format!(
                "{} of {} calls failed: {}",
                done.failures, done.answers, done.first_failure
            )));
        }
        Ok(done)
    }

    /// Its processor time, in microseconds.
    pub(crate) fn cpu(&self) -> Outcome<u64> {
        self.0.cpu()
    }
}
