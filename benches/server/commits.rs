//! When a server's changes were committed, by what its log says of them: nobody outside sees a commit otherwise.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use chrono::DateTime;

use crate::clock;
use crate::failure::{Outcome, unexpected};

/// What makes the server say it.
pub(crate) const LOG_LEVEL: &str = "info,sessionwire::storage::log=debug";
const PATIENCE: Duration = Duration::from_secs(30);

/// A position of the log, and when the server had it committed.
#[derive(Clone, Copy, Debug)]
struct Commit {
    seq: u64,
    at: u64,
}

/// Passes on what lines say of commits.
pub(crate) struct Reader(Sender<Commit>);

/// What was passed on.
pub(crate) struct Commits(Receiver<Commit>);

/// Both ends.
pub(crate) fn pair() -> (Reader, Commits) {
    let (sender, receiver) = channel();
    (Reader(sender), Commits(receiver))
}

impl Reader {
    /// A line that the server wrote.
    pub(crate) fn read(&self, line: &str) {
        if let Some(commit) = parse(line) {
            // Nobody may ask for it any more.
            let _ = self.0.send(commit);
        }
    }
}

impl Commits {
    /// When the change of this position was committed. Positions are asked for in their order.
    pub(crate) fn of(&self, seq: u64) -> Outcome<u64> {
        loop {
            let commit = self.0.recv_timeout(PATIENCE);
            let commit = commit.map_err(|_| unexpected("the log says nothing more"))?;
            if commit.seq == seq {
                return Ok(commit.at);
            }
            if commit.seq > seq {
                return Err(unexpected(format!("the log says nothing of {seq}")));
            }
        }
    }
}

/// `2026-11-29T11:07:15.123456Z DEBUG sessionwire::storage::log: committed seq=17`.
fn parse(line: &str) -> Option<Commit> {
    let (before, seq) = line.split_once(" committed seq=")?;
    let (time, _) = before.split_once(' ')?;
    let time = DateTime::parse_from_rfc3339(time).ok()?;
    let time = time.timestamp_nanos_opt()?.try_into().ok()?;
    Some(Commit {
        seq: seq.trim().parse().ok()?,
        at: clock::at_unix(time),
    })
}
