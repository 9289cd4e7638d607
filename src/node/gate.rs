//! The gate: is this token good, here and now? In memory, for every request and every handshake. It
//! may not know how the index is kept up to date.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::{Mutex, RwLock};
use sessionwire_guard::{Claims, KeySet, Rejection, RevocationIndex, Verdict};

use crate::domain::clock::Clock;
use crate::domain::error::Error;
use crate::domain::event::LogEntry;
use crate::domain::id::Seq;

/// How long entries are kept: the longest life that any configuration may give a token, and leeway.
pub const KEPT: Duration = Duration::from_mins(61);
/// A node that has not seen the log for so long does not decide.
pub const LEASE: Duration = Duration::from_secs(2);

/// Keys, index, and whether they can be believed.
pub struct Gate {
    clock: Arc<dyn Clock>,
    keys: RwLock<KeySet>,
    index: RwLock<RevocationIndex>,
    /// The last moment (uptime) at which the index was known to be up to date; none before the first.
    seen: Mutex<Option<Duration>>,
    keys_wanted: AtomicBool,
}

impl Gate {
    /// A gate that decides nothing yet.
    pub fn new(clock: Arc<dyn Clock>, keys: KeySet) -> Self {
        Self {
            clock,
            keys: RwLock::new(keys),
            index: RwLock::default(),
            seen: Mutex::new(None),
            keys_wanted: AtomicBool::new(false),
        }
    }

    /// Genuine, unexpired, not ended and not stale.
    pub fn check(&self, token: &str) -> Result<Claims, Error> {
        match self.examine(token)? {
            (claims, Verdict::Good) => Ok(claims),
            (_, Verdict::Ended(_, reason)) => Err(Error::SessionEnded(reason)),
            (_, Verdict::Stale(_)) => Err(Error::TokenStale),
        }
    }

    /// As [`Self::check`], but a stale token passes.
    pub fn check_allowing_stale(&self, token: &str) -> Result<Claims, Error> {
        match self.examine(token)? {
            (claims, Verdict::Good | Verdict::Stale(_)) => Ok(claims),
            (_, Verdict::Ended(_, reason)) => Err(Error::SessionEnded(reason)),
        }
    }

    /// Genuine and unexpired; whether it has ended or is stale is told apart.
    pub fn examine(&self, token: &str) -> Result<(Claims, Verdict), Error> {
        if !self.is_ready() {
            return Err(Error::CannotDecide);
        }
        let claims = self.verify(token)?;
        let verdict = self.verdict(&claims);
        Ok((claims, verdict))
    }

    /// Genuine and unexpired.
    pub fn verify(&self, token: &str) -> Result<Claims, Error> {
        let now = self.clock.now().as_seconds();
        self.keys
            .read()
            .verify(token, now)
            .map_err(|rejection| match rejection {
                Rejection::Invalid => Error::TokenInvalid,
                Rejection::Expired => Error::TokenExpired,
            })
    }

    /// Whether genuine claims still hold.
    pub fn verdict(&self, claims: &Claims) -> Verdict {
        self.index.read().verdict(claims)
    }

    /// Whether the index can be believed.
    pub fn is_ready(&self) -> bool {
        let now = self.clock.uptime();
        self.seen
            .lock()
            .is_some_and(|seen| now.saturating_sub(seen) <= LEASE)
    }

    /// The index is up to date at this moment.
    pub(super) fn renew(&self) {
        *self.seen.lock() = Some(self.clock.uptime());
    }

    pub(super) fn restart_at(&self, position: Seq) {
        *self.index.write() = RevocationIndex::at(position);
    }

    pub(super) fn apply(&self, entry: &LogEntry) {
        let keep_until = entry.at.plus(KEPT).as_millis();
        self.index
            .write()
            .apply(entry.seq, entry.event.changes(), keep_until);
    }

    pub(super) fn sweep(&self) {
        self.index.write().sweep(self.clock.now().as_millis());
    }

    /// The keys are out of date.
    pub(super) fn want_keys(&self) {
        self.keys_wanted.store(true, Ordering::Release);
    }

    pub(super) fn take_keys_wanted(&self) -> bool {
        self.keys_wanted.swap(false, Ordering::AcqRel)
    }

    pub(super) fn set_keys(&self, keys: KeySet) {
        *self.keys.write() = keys;
    }

    /// The last position that was applied.
    pub fn position(&self) -> Seq {
        self.index.read().position()
    }
}
