//! One token, one verdict, in the contract's order: invalid, expired, ended, stale, undecidable, forbidden.
//! It may not know where tokens come from.

use std::sync::Arc;

use super::following::Known;
use super::keys::Unverified;
use super::{Behind, Guard, Refusal, Route, Shared};
use crate::claims::Claims;
use crate::revocation::Verdict;
use crate::verified::{Fingerprint, fingerprint};

/// What could be said at once.
enum Said {
    Settled(Result<Arc<Claims>, Refusal>),
    /// Its key is not known; it may be a new one.
    UnknownKey,
    /// The route wants the server to be asked.
    Ask(Arc<Claims>),
    /// It is of another issuer, as it says.
    Foreign(Fingerprint),
}

impl Guard {
    /// Whether a token is good for a route. In memory, but for three cases: a token that names an unknown
    /// key waits for the keys to be fetched, past the lag [`Behind::Introspect`] asks the server, and so does a
    /// token of another issuer that was not seen before, or whose rights have changed.
    ///
    /// `what`: what the token is used for (`GET /reports`), for reports of late use.
    ///
    /// # Errors
    /// Why it is not good.
    pub async fn check(
        &self,
        token: &str,
        route: &Route,
        what: &str,
    ) -> Result<Arc<Claims>, Refusal> {
        let shared = &*self.shared;
        let mut said = shared.look(token, route, what);
        if matches!(said, Said::UnknownKey) {
            shared.keys.fetched_anew(&*shared.clock).await;
            said = shared.look(token, route, what);
        }
        let outcome = match said {
            Said::Settled(outcome) => outcome,
            Said::UnknownKey => Err(Refusal::Invalid),
            Said::Ask(claims) => shared.ask(token, claims, route).await,
            Said::Foreign(name) => self.check_attached(token, name, route, what).await,
        };
        shared.counts.checked(outcome.as_ref().err().copied());
        outcome
    }

    /// As [`Guard::check`], without ever waiting: what would have to be asked is `cannot_decide`, and a
    /// token of an unknown key invalid.
    ///
    /// # Errors
    /// Why it is not good.
    pub fn check_now(
        &self,
        token: &str,
        route: &Route,
        what: &str,
    ) -> Result<Arc<Claims>, Refusal> {
        let shared = &*self.shared;
        let outcome = match shared.look(token, route, what) {
            Said::Settled(outcome) => outcome,
            Said::UnknownKey => {
                shared.keys.want(&*shared.clock);
                Err(Refusal::Invalid)
            }
            Said::Ask(_) => Err(Refusal::CannotDecide),
            Said::Foreign(name) => {
                let said = shared.judge_attached(token, &name, None, route, what);
                said.unwrap_or(Err(Refusal::CannotDecide))
            }
        };
        shared.counts.checked(outcome.as_ref().err().copied());
        outcome
    }
}

impl Shared {
    fn look(&self, token: &str, route: &Route, what: &str) -> Said {
        let claims = match self.genuine(token) {
            Ok(claims) => claims,
            Err(said) => return said,
        };
        let now_ms = self.clock.now_ms();
        if claims.exp <= now_ms.div_euclid(1000) {
            return Said::Settled(Err(Refusal::Expired));
        }
        // Held until the use is noted: what is applied after that finds it.
        let known = self.following.read();
        let said = self.judge(&known, claims, route);
        if let Said::Settled(Ok(claims)) = &said {
            self.note_use(claims, what, now_ms);
        }
        said
    }

    pub(super) fn note_use(&self, claims: &Arc<Claims>, what: &str, now_ms: i64) {
        let room = self.uses.note(claims, what, self.clock.uptime(), now_ms);
        self.counts.remembered(room);
        self.fences.raise(claims, now_ms.div_euclid(1000));
    }

    /// The claims of a token of a known key: from memory, or by its signature.
    fn genuine(&self, token: &str) -> Result<Arc<Claims>, Said> {
        let fingerprint = fingerprint(token);
        if let Some(claims) = self.verified.get(&fingerprint) {
            self.counts.cache_hit();
            return Ok(claims);
        }
        if self.foreign.is_one(token, &fingerprint) {
            return Err(Said::Foreign(fingerprint));
        }
        self.counts.cache_miss();
        let verified = self.keys.verify(token);
        let unbound = verified.and_then(|claims| match claims.cnf {
            None => Ok(claims),
            // What it is good beside is not shown here: it may be stolen.
            Some(_) => Err(Unverified::Forged),
        });
        let claims = Arc::new(unbound.map_err(|unverified| match unverified {
            Unverified::Forged => Said::Settled(Err(Refusal::Invalid)),
            Unverified::NoKeys => Said::Settled(Err(Refusal::CannotDecide)),
            Unverified::UnknownKey => Said::UnknownKey,
        })?);
        self.verified.put(fingerprint, Arc::clone(&claims));
        Ok(claims)
    }

    fn judge(&self, known: &Known, claims: Arc<Claims>, route: &Route) -> Said {
        let verdict = known.index().map(|index| index.verdict(&claims));
        match verdict {
            // Whatever else is known: what vouched for the token is worth nothing.
            Some(Err(_)) => return Said::Settled(Err(Refusal::Invalid)),
            Some(Ok(Verdict::Ended(_, reason))) => {
                return Said::Settled(Err(Refusal::Ended(reason)));
            }
            Some(Ok(Verdict::Stale(_))) => return Said::Settled(Err(Refusal::Stale)),
            Some(Ok(Verdict::Good)) | None => {}
        }
        match self.fallen_behind(known, route) {
            Some(Behind::Refuse) => Said::Settled(Err(Refusal::CannotDecide)),
            Some(Behind::Introspect) => Said::Ask(claims),
            Some(Behind::Accept) | None => Said::Settled(permitted(claims, route)),
        }
    }

    /// What is to happen since too little is known; `None` where it is enough.
    pub(super) fn fallen_behind(&self, known: &Known, route: &Route) -> Option<Behind> {
        let is_whole = known.index().is_some();
        if is_whole && self.following.is_fresh(known, self.clock.uptime()) {
            return None;
        }
        let chosen = route.behind.unwrap_or(self.settings.behind);
        // To accept what nobody ever vouched for has to be said for the very route.
        let is_unsaid = chosen == Behind::Accept && !is_whole && route.behind.is_none();
        Some(if is_unsaid { Behind::Refuse } else { chosen })
    }

    async fn ask(
        &self,
        token: &str,
        claims: Arc<Claims>,
        route: &Route,
    ) -> Result<Arc<Claims>, Refusal> {
        let answer = self.introspector.is_active(token).await;
        self.counts.introspected(answer);
        match answer {
            Some(true) => permitted(claims, route),
            // The server does not say why; whoever refreshes learns it.
            Some(false) => Err(Refusal::Stale),
            None => Err(Refusal::CannotDecide),
        }
    }
}

pub(super) fn permitted(claims: Arc<Claims>, route: &Route) -> Result<Arc<Claims>, Refusal> {
    match &route.requires {
        Some(permission) if !claims.allows(permission) => Err(Refusal::Forbidden),
        Some(_) | None => Ok(claims),
    }
}
