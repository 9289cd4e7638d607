//! Is a token good, at this node's position? The keys, the revocation index and the lease. It may not
//! know where they come from: the follower brings them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::RwLock;
use sessionwire_guard::{
    Change, Claims, FOR_EVER, KeySet, Note, Rejection, RevocationIndex, Verdict,
};
use tokio::sync::{Notify, watch};

use super::recent::{Covered, Recent};
use super::seen::{Memory, Seen};
use super::services::{Service, Services};
use super::withdrawn::Withdrawn;
use crate::domain::clock::{Clock, Timestamp};
use crate::domain::effect::Effect;
use crate::domain::error::Error;
use crate::domain::event::LogEntry;
use crate::domain::id::Seq;
use crate::domain::service_token::ServiceClaims;
use crate::domain::standing::Standing;

/// The longest life that an access token may have been given (the upper bound of its setting), and
/// leeway for clocks that differ.
pub(super) const TOKEN_LIFE_MAX: Duration = Duration::from_mins(60 + 1);

/// How sure a decision has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Certainty {
    /// By the log as it was within the lease, or there is none.
    Leased,
    /// By what was last known, where the lease is lost: for who would rather let somebody in who was removed
    /// meanwhile than nobody at all. Signatures and times of tokens are looked at all the same.
    LastKnown,
}

/// Decides.
pub(super) struct Gate {
    clock: Arc<dyn Clock>,
    keys: RwLock<Option<KeySet>>,
    memory: Memory,
    services: Services,
    index: RwLock<RevocationIndex>,
    recent: RwLock<Recent>,
    withdrawn: RwLock<Withdrawn>,
    lease: Duration,
    /// Until when, by uptime in milliseconds, this node knows enough to decide; 0: not yet.
    ready_until: AtomicU64,
    /// Whether a token came that no known key fits.
    suspicion: AtomicBool,
    /// How often the keys were read.
    keys_read: watch::Sender<u64>,
    /// Why the log can't be followed at the moment.
    trouble: RwLock<Option<&'static str>>,
    /// How often the lease was renewed.
    renewals: watch::Sender<u64>,
    /// The last position that a genuine token has seen, as far as any had seen more than this node.
    seen_by_tokens: AtomicU64,
    /// Somebody was turned away for want of a lease.
    wanted: Notify,
}

impl Gate {
    /// A gate that knows nothing and decides nothing.
    pub(super) fn new(clock: Arc<dyn Clock>, lease: Duration) -> Self {
        Self {
            clock,
            keys: RwLock::new(None),
            memory: Memory::new(),
            services: Services::new(),
            index: RwLock::default(),
            recent: RwLock::default(),
            withdrawn: RwLock::default(),
            lease,
            ready_until: AtomicU64::new(0),
            suspicion: AtomicBool::new(false),
            keys_read: watch::Sender::new(0),
            trouble: RwLock::new(None),
            renewals: watch::Sender::new(0),
            seen_by_tokens: AtomicU64::new(0),
            wanted: Notify::new(),
        }
    }

    /// Whether this node can decide.
    pub(super) fn is_ready(&self) -> bool {
        let ready = millis(self.clock.uptime()) < self.ready_until.load(Ordering::Acquire);
        if !ready {
            // A machine that slept wakes without a lease: the log is looked at now, not in a while.
            self.wanted.notify_one();
        }
        ready
    }

    fn may_decide(&self, certainty: Certainty) -> bool {
        let is_ready = self.is_ready();
        match certainty {
            Certainty::Leased => is_ready,
            // Once it has been ready, the index holds all of the log up to then.
            Certainty::LastKnown => is_ready || self.ready_until.load(Ordering::Acquire) > 0,
        }
    }

    /// Why this node can't decide, for people.
    pub(super) fn trouble(&self) -> &'static str {
        let trouble = *self.trouble.read();
        trouble.unwrap_or("the log has not been read for too long; it is read at once")
    }

    /// The log can't be followed, or can again.
    pub(super) fn set_trouble(&self, trouble: Option<&'static str>) {
        *self.trouble.write() = trouble;
    }

    /// The last position that a genuine token has seen, if that was ever more than this node had.
    pub(super) fn seen_by_tokens(&self) -> Seq {
        Seq(self.seen_by_tokens.load(Ordering::Acquire))
    }

    /// The log is to be looked at now.
    pub(super) fn want(&self) {
        self.wanted.notify_one();
    }

    /// Returns when somebody was turned away for want of a lease.
    pub(super) async fn wanted(&self) {
        self.wanted.notified().await;
    }

    /// Everything that was in the log at `read_at` (uptime) has been applied.
    pub(super) fn renew(&self, read_at: Duration) {
        let until = millis(read_at.saturating_add(self.lease));
        self.ready_until.fetch_max(until, Ordering::AcqRel);
        self.renewals.send_modify(|count| *count += 1);
    }

    /// How long ago, at the least, the log was last read to its end; none where it never was.
    pub(super) fn read_age(&self) -> Option<Duration> {
        let until = self.ready_until.load(Ordering::Acquire);
        let read_at = Duration::from_millis(until).checked_sub(self.lease)?;
        (until > 0).then(|| self.clock.uptime().saturating_sub(read_at))
    }

    /// Returns once this node can decide.
    pub(super) async fn until_ready(&self) {
        let mut renewals = self.renewals.subscribe();
        while !self.is_ready() {
            // The sender is this gate's own, so there always is one.
            let _ = renewals.changed().await;
        }
    }

    /// A token, and what is remembered of it.
    pub(super) fn look_up<'a>(&self, token: &'a str) -> Seen<'a> {
        self.memory.look_up(token, self.keys.read().as_ref())
    }

    /// As [`Self::examine`], by its signature only where it is not remembered.
    pub(super) fn examine_seen(
        &self,
        seen: &Seen<'_>,
        certainty: Certainty,
    ) -> Result<(Arc<Claims>, Verdict), Error> {
        if let Some(claims) = seen.known() {
            let verdict = self.verdict(claims, certainty)?;
            return Ok((Arc::clone(claims), verdict));
        }
        let (claims, verdict) = self.examine(seen.text(), certainty)?;
        let claims = Arc::new(claims);
        self.memory.remember(seen, &claims);
        Ok((claims, verdict))
    }

    /// Genuine and unexpired; ended or stale is told apart.
    pub(super) fn examine(
        &self,
        token: &str,
        certainty: Certainty,
    ) -> Result<(Claims, Verdict), Error> {
        if !self.may_decide(certainty) {
            return Err(Error::CannotDecide);
        }
        let now = self.clock.now().as_seconds();
        let verified = match self.keys.read().as_ref() {
            Some(keys) => keys.verify(token, now),
            None => return Err(Error::CannotDecide),
        };
        let claims = verified.map_err(|rejection| self.rejected(rejection))?;
        let index = self.index.read();
        if claims.as_of > index.position() {
            self.seen_by_tokens
                .fetch_max(claims.as_of.0, Ordering::AcqRel);
        }
        let verdict = index.verdict(&claims);
        drop(index);
        Ok((claims, verdict.map_err(of_rejection)?))
    }

    fn rejected(&self, rejection: Rejection) -> Error {
        if rejection == Rejection::Invalid {
            // Forged, or signed with a key that came while nobody told us: the follower looks.
            self.suspicion.store(true, Ordering::Release);
        }
        of_rejection(rejection)
    }

    /// Whether a token says that it is a service's, good or not.
    pub(super) fn is_of_service(&self, token: &str) -> bool {
        let keys = self.keys.read();
        let opened = keys
            .as_ref()
            .map(|it| it.verify_own::<ServiceClaims>(token));
        opened.flatten().is_some()
    }

    /// The service that has this API key, where that was looked up a short time ago and it was not taken back since.
    pub(super) fn find_service(&self, key: &str) -> Option<Service> {
        let known = self.services.find(key, self.clock.uptime())?;
        let is_good = self.is_ready() && !self.withdrawn.read().has(known.id);
        is_good.then_some(known)
    }

    /// An API key was looked up: it is good.
    pub(super) fn remember_service(&self, key: &str, service: Service) {
        self.services.put(key, service, self.clock.uptime());
    }

    /// What a token of a service says, if it is genuine, unexpired and its key was not taken back. `None`:
    /// it doesn't say that it is one.
    pub(super) fn check_service(&self, token: &str) -> Result<Option<ServiceClaims>, Error> {
        if !self.is_ready() {
            return Err(Error::CannotDecide);
        }
        let opened = match self.keys.read().as_ref() {
            Some(keys) => keys.verify_own::<ServiceClaims>(token),
            None => return Err(Error::CannotDecide),
        };
        let Some(opened) = opened else {
            return Ok(None);
        };
        let (kid, claims) = opened.map_err(|rejection| self.rejected(rejection))?;
        if claims.exp <= self.clock.now().as_seconds() {
            return Err(Error::TokenExpired);
        }
        if self.has_disowned(&kid) || self.withdrawn.read().covers(&claims) {
            return Err(Error::TokenInvalid);
        }
        Ok(Some(claims))
    }

    /// Genuine, unexpired, not ended, not stale.
    pub(super) fn check(&self, token: &str) -> Result<Claims, Error> {
        match self.examine(token, Certainty::Leased)? {
            (claims, Verdict::Good) => Ok(claims),
            (_, Verdict::Ended(_, reason)) => Err(Error::SessionEnded(reason)),
            (_, Verdict::Stale(_)) => Err(Error::TokenStale),
        }
    }

    /// As [`Self::check`], but a stale token passes.
    pub(super) fn check_allowing_stale(&self, token: &str) -> Result<Claims, Error> {
        match self.examine(token, Certainty::Leased)? {
            (claims, Verdict::Good | Verdict::Stale(_)) => Ok(claims),
            (_, Verdict::Ended(_, reason)) => Err(Error::SessionEnded(reason)),
        }
    }

    /// What the index says now of claims that were found genuine before.
    pub(super) fn verdict(&self, claims: &Claims, certainty: Certainty) -> Result<Verdict, Error> {
        if !self.may_decide(certainty) {
            return Err(Error::CannotDecide);
        }
        if claims.exp <= self.clock.now().as_seconds() {
            return Err(Error::TokenExpired);
        }
        self.index.read().verdict(claims).map_err(of_rejection)
    }

    /// Whether a key is trusted no more.
    pub(super) fn has_disowned(&self, kid: &str) -> bool {
        self.index.read().has_retired(kid)
    }

    /// Keys that are trusted no more, whatever the log still says of it.
    pub(super) fn disown(&self, kids: Vec<String>) {
        let mut index = self.index.write();
        for kid in kids {
            index.take(Note {
                seq: Seq(0),
                keep_until: FOR_EVER,
                change: Change::SigningKeyRetired { kid },
            });
        }
    }

    /// Where the rights of a user with this standing last moved.
    pub(super) fn rights_moved_at(&self, standing: &Standing) -> Option<Seq> {
        let index = self.index.read();
        index.rights_moved_at(standing.user_id, &standing.rights.groups)
    }

    /// Begins anew after this position.
    pub(super) fn restart_at(&self, position: Seq) {
        *self.index.write() = RevocationIndex::at(position);
        *self.recent.write() = Recent::at(position);
        *self.withdrawn.write() = Withdrawn::default();
    }

    /// Applies events that follow on the last one.
    pub(super) fn apply(&self, entries: &[LogEntry]) {
        let now = self.clock.now();
        let mut index = self.index.write();
        let mut withdrawn = self.withdrawn.write();
        for entry in entries {
            withdrawn.apply(entry, now);
            index.apply(entry.seq, entry.event.changes(), keep_until(entry, now));
        }
        drop(withdrawn);
        drop(index);
        self.recent.write().extend(entries, now);
    }

    /// What changed after a position; `None` where that is no longer at hand.
    pub(super) fn changes_after(&self, after: Seq) -> Option<Covered> {
        self.recent.read().after(after)
    }

    /// The index as it is now: its position and its notes.
    pub(super) fn snapshot(&self) -> (Seq, Vec<Note>) {
        let index = self.index.read();
        (index.position(), index.notes())
    }

    /// Takes in the keys.
    pub(super) fn set_keys(&self, keys: KeySet) {
        *self.keys.write() = Some(keys);
        self.keys_read.send_modify(|count| *count += 1);
    }

    /// Says whenever the keys were read.
    pub(super) fn keys_read(&self) -> watch::Receiver<u64> {
        self.keys_read.subscribe()
    }

    /// Whether a token came that no known key fits, since the last time this was asked.
    pub(super) fn take_suspicion(&self) -> bool {
        self.suspicion.swap(false, Ordering::AcqRel)
    }

    /// Forgets what no living token can be concerned by.
    pub(super) fn sweep(&self, now: Timestamp) {
        self.index.write().sweep(now.as_millis());
        self.withdrawn.write().sweep(now);
    }
}

/// Until when an event matters, in milliseconds since the Unix epoch. From the later of two clocks: an
/// event from one that lagged concerns tokens that live now.
pub(super) fn keep_until(entry: &LogEntry, now: Timestamp) -> i64 {
    match entry.event.effect() {
        // Whoever has the key gives tokens any life.
        Effect::KeyRetired(_) => FOR_EVER,
        _ => entry.at.max(now).plus(TOKEN_LIFE_MAX).as_millis(),
    }
}

fn of_rejection(rejection: Rejection) -> Error {
    match rejection {
        Rejection::Expired => Error::TokenExpired,
        Rejection::Invalid => Error::TokenInvalid,
    }
}

fn millis(uptime: Duration) -> u64 {
    u64::try_from(uptime.as_millis()).unwrap_or(u64::MAX)
}
