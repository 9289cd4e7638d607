//! One token of another issuer, one verdict: by the claims that it stands for at the server, and by the index, as
//! about the server's own tokens. It may not know how the server is asked.
//!
//! Such a token can't be refreshed here. Where its rights have changed it is not refused but asked about again: the
//! answer has the rights of the moment. An answer is judged after it came, by all that was applied until then, so it
//! does not matter which of the two was first.

use std::sync::Arc;

use super::check::permitted;
use super::foreign::{Asked, Attached, Foreign, refused};
use super::{Behind, Guard, Refusal, Route, Shared};
use crate::claims::Claims;
use crate::revocation::Verdict;
use crate::verified::Fingerprint;

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
        if let Some(Ok(Verdict::Ended(_, reason))) = verdict {
            return Some(Err(Refusal::Ended(reason)));
        }
        let behind = self.fallen_behind(&known, route);
        if behind == Some(Behind::Refuse) {
            return Some(Err(Refusal::CannotDecide));
        }
        if matches!(verdict, Some(Ok(Verdict::Stale(_)))) {
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::client::GuardSettings;
    use crate::feed::{FeedMessage, Heard};
    use crate::id::Seq;
    use crate::reason::Reason;
    use crate::revocation::{Change, Note};
    use crate::verified::fingerprint;

    const TOKEN: &str = "e30.e30.e30";

    /// A guard in sync at 100 whose server is nowhere.
    fn guard() -> Guard {
        let mut settings = GuardSettings::new("http://127.0.0.1:9", "swk_test", "i", "a");
        settings.issuers = vec!["https://issuer.example/".to_owned()];
        settings.max_feed_lag = Duration::from_hours(1);
        let guard = Guard::start(settings).unwrap();
        let snapshot = serde_json::json!({ "seq": 100, "changes": [], "more": false });
        take(&guard, FeedMessage::named("snapshot", snapshot).unwrap());
        guard
    }

    fn take(guard: &Guard, message: FeedMessage) {
        let uptime = guard.shared.clock.uptime();
        guard.shared.following.take(message, 1000, uptime).unwrap();
    }

    fn hear(guard: &Guard, seq: u64, change: Change) {
        let note = Note {
            seq: Seq(seq),
            keep_until: i64::MAX,
            change,
        };
        let message = FeedMessage::Changes {
            after: guard.position().unwrap(),
            seq: Seq(seq),
            head: Seq(seq),
            now_ms: None,
            changes: vec![Heard { note, age_ms: None }],
        };
        take(guard, message);
    }

    fn answer(as_of: u64) -> Arc<Attached> {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/vectors/foreign.json");
        let vectors = std::fs::read_to_string(path).unwrap();
        let vectors: serde_json::Value = serde_json::from_str(&vectors).unwrap();
        let answer = vectors["answers"][0]["answer"].clone();
        let mut claims: Claims = serde_json::from_value(answer).unwrap();
        claims.as_of = Seq(as_of);
        claims.exp = i64::MAX;
        Arc::new(Attached {
            claims: Arc::new(claims),
            good_until: Duration::MAX,
        })
    }

    fn judge(guard: &Guard, answer: &Arc<Attached>) -> Option<Result<Seq, Refusal>> {
        let (name, answer) = (fingerprint(TOKEN), Some(Arc::clone(answer)));
        let route = Route::default();
        let shared = &guard.shared;
        let said = shared.judge_attached(TOKEN, &name, answer, &route, "a test");
        said.map(|outcome| outcome.map(|claims| claims.as_of))
    }

    #[tokio::test]
    async fn it_does_not_matter_whether_the_answer_or_the_change_comes_first() {
        let guard = guard();
        let (old, young) = (answer(104), answer(106));
        let claims = Arc::clone(&old.claims);
        assert_eq!(judge(&guard, &old), Some(Ok(Seq(104))), "ahead of the feed");
        let user_id = claims.sub;
        hear(&guard, 105, Change::UserRightsChanged { user_id });
        assert_eq!(judge(&guard, &old), None, "asked about again");
        assert_eq!(judge(&guard, &young), Some(Ok(Seq(106))));
        let ended = Change::SessionEnded {
            session_id: claims.sid,
            reason: Reason::SignedOut,
        };
        hear(&guard, 107, ended);
        let refused = Some(Err(Refusal::Ended(Reason::SignedOut)));
        assert_eq!(judge(&guard, &young), refused);
        assert_eq!(judge(&guard, &answer(108)), refused, "whatever it saw");
    }
}
