//! One token of another issuer, one verdict: by the claims that it stands for at the server, and by the index, as
//! about the server's own tokens. It may not know how the server is asked.
//!
//! Such a token can't be refreshed here. Where its rights have changed it is not refused but asked about again: the
//! answer has the rights of the moment. An answer is judged after it came, by all that was applied until then, so it
//! does not matter which of the two was first.

use std::sync::Arc;

use super::cache::Fingerprint;
use super::check::permitted;
use super::foreign::{Asked, Attached, Foreign, refused};
use super::{Behind, Guard, Refusal, Route, Shared};
use crate::claims::Claims;
use crate::revocation::Verdict;

/// Questions for one check: rights may change while the first is answered, and not for ever.
const QUESTIONS_MAX: usize = 3;

type Outcome = Result<Arc<Claims>, Refusal>;

impl Guard {
    /// Whether a foreign token is good for a route; asks where memory does not tell.
    pub(super) async fn check_attached(
        &self,
        token: &str,
        name: Fingerprint,
        route: &Route,
        what: &str,
    ) -> Outcome {
        let shared = &self.shared;
        let mut answer = None;
        for _ in 0..QUESTIONS_MAX {
            if let Some(outcome) = shared.judge_attached(token, &name, answer, route, what) {
                return outcome;
            }
            let behind = shared.fallen_behind(&shared.following.read(), route);
            let alone = behind == Some(Behind::Introspect);
            answer = match Foreign::ask(shared, token, name, alone).await {
                Asked::Active(attached) => Some(attached),
                Asked::Inactive => return Err(refused(token, shared)),
                Asked::Unanswered => return Err(Refusal::CannotDecide),
            };
        }
        let outcome = shared.judge_attached(token, &name, answer, route, what);
        outcome.unwrap_or(Err(Refusal::CannotDecide))
    }
}

impl Shared {
    /// What can be said without asking; `None` where the server has to be asked. `answer`: what it just said.
    pub(super) fn judge_attached(
        &self,
        token: &str,
        name: &Fingerprint,
        answer: Option<Arc<Attached>>,
        route: &Route,
        what: &str,
    ) -> Option<Outcome> {
        let was_asked = answer.is_some();
        let Some(attached) = answer.or_else(|| self.foreign.attached(name)) else {
            self.counts.cache_miss();
            return self.judge_unseen(token, name, route);
        };
        if !was_asked {
            self.counts.cache_hit();
        }
        let claims = Arc::clone(&attached.claims);
        let now_ms = self.clock.now_ms();
        if claims.exp <= now_ms.div_euclid(1000) {
            return Some(Err(Refusal::Expired));
        }
        // Held until the use is noted: what is applied after that finds it.
        let known = self.following.read();
        let verdict = known.index().map(|index| index.verdict(&claims));
        if let Some(Verdict::Ended(_, reason)) = verdict {
            return Some(Err(Refusal::Ended(reason)));
        }
        let behind = self.fallen_behind(&known, route);
        if behind == Some(Behind::Refuse) {
            return Some(Err(Refusal::CannotDecide));
        }
        if matches!(verdict, Some(Verdict::Stale(_))) {
            return None;
        }
        match behind {
            Some(Behind::Introspect) => {
                return was_asked.then(|| permitted(claims, route));
            }
            None if !was_asked && attached.good_until <= self.clock.uptime() => return None,
            Some(_) | None => {}
        }
        let outcome = permitted(claims, route);
        if let Ok(claims) = &outcome {
            self.note_use(claims, what, now_ms);
        }
        Some(outcome)
    }

    fn judge_unseen(&self, token: &str, name: &Fingerprint, route: &Route) -> Option<Outcome> {
        if let Some(refusal) = self.foreign.refusal(token, name, self) {
            return Some(Err(refusal));
        }
        let behind = self.fallen_behind(&self.following.read(), route);
        (behind == Some(Behind::Refuse)).then_some(Err(Refusal::CannotDecide))
    }
}
