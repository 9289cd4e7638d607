//! Tokens of other issuers that the server takes as they are: what it said about them, and one question at a time
//! about each. It may not know what follows from an answer.
//!
//! Anybody can invent such tokens. Only those that say one of the issuers that the application named are asked
//! about; what the server refuses is remembered for a moment, and costs a share of a bounded rate.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;

use super::introspect::Introspected;
use super::{GuardSettings, Refusal, Shared};
use crate::claims::Claims;
use crate::foreign::Hint;
use crate::verified::{Fingerprint, Verified};

/// How long an answer is good for at most: the session has to be seen in use, and entries of the index are kept
/// for longer.
const GOOD_FOR_MAX: Duration = Duration::from_mins(5);
/// How long it is good for at least.
const GOOD_FOR_MIN: Duration = Duration::from_secs(10);
/// How long a refusal is.
const REFUSED_FOR: Duration = Duration::from_secs(5);
/// Refusals that are remembered.
const REFUSED_MAX: usize = 1_000;
/// Tokens that are asked about or wait for it.
const UNDER_WAY_MAX: usize = 1_000;
/// Refusals that are asked for at once, and in a second.
const BURST: f64 = 1_000.0;
const RATE: f64 = 100.0;
/// The most by which the server may let a token live on, in seconds: its setting's upper bound.
const LEEWAY_MAX: i64 = 300;

/// What a foreign token stands for.
pub(super) struct Attached {
    pub(super) claims: Arc<Claims>,
    /// Until when, by uptime, nobody needs to ask again.
    pub(super) good_until: Duration,
}

/// What came of a question.
#[derive(Clone)]
pub(super) enum Asked {
    Active(Arc<Attached>),
    Inactive,
    /// The server does not say, or must not be asked.
    Unanswered,
}

type Answering = watch::Receiver<Option<Asked>>;

/// What is known about foreign tokens.
pub(super) struct Foreign {
    issuers: HashSet<String>,
    attached: Verified<Arc<Attached>>,
    /// Until when, by uptime, each stays refused.
    refused: Verified<Duration>,
    under_way: Mutex<HashMap<Fingerprint, Answering>>,
    allowance: Mutex<Allowance>,
}

/// How many refusals may still be asked for.
struct Allowance {
    left: f64,
    at: Duration,
}

impl Allowance {
    fn left(&mut self, uptime: Duration) -> f64 {
        let since = uptime.saturating_sub(self.at);
        self.left = (self.left + since.as_secs_f64() * RATE).min(BURST);
        self.at = uptime;
        self.left
    }
}

impl Foreign {
    pub(super) fn new(settings: &GuardSettings) -> Self {
        Self {
            issuers: settings.issuers.iter().cloned().collect(),
            attached: Verified::new(settings.cache_size),
            refused: Verified::new(REFUSED_MAX),
            under_way: Mutex::default(),
            allowance: Mutex::new(Allowance {
                left: BURST,
                at: Duration::ZERO,
            }),
        }
    }

    /// Whether a token is known for one of another issuer, or says that it is.
    pub(super) fn is_one(&self, token: &str, name: &Fingerprint) -> bool {
        if self.issuers.is_empty() {
            return false;
        }
        self.attached.get(name).is_some()
            || Hint::of(token).is_some_and(|hint| self.issuers.contains(&hint.iss))
    }

    /// What the server said last.
    pub(super) fn attached(&self, name: &Fingerprint) -> Option<Arc<Attached>> {
        self.attached.get(name)
    }

    /// Why a token that nothing good is known of is refused without a question.
    pub(super) fn refusal(
        &self,
        token: &str,
        name: &Fingerprint,
        shared: &Shared,
    ) -> Option<Refusal> {
        let until = self.refused.get(name);
        if until.is_some_and(|until| until > shared.clock.uptime()) {
            return Some(refused(token, shared));
        }
        let now = shared.clock.now_ms().div_euclid(1000);
        let hint = Hint::of(token);
        let is_over = hint.is_some_and(|hint| hint.is_over_since(now, LEEWAY_MAX));
        is_over.then_some(Refusal::Expired)
    }

    fn may_ask(&self, shared: &Shared) -> bool {
        self.allowance.lock().left(shared.clock.uptime()) >= 1.0
    }

    /// Asks about a token. Who asks while somebody else does shares the answer: what happened since that question
    /// is for the index to tell. Who has no index that can is `alone`.
    pub(super) async fn ask(
        shared: &Arc<Shared>,
        token: &str,
        name: Fingerprint,
        alone: bool,
    ) -> Asked {
        if alone {
            return if shared.foreign.may_ask(shared) {
                shared.ask_about(token, name).await
            } else {
                Asked::Unanswered
            };
        }
        let Some(mut answering) = Self::question(shared, token, name) else {
            return Asked::Unanswered;
        };
        let answer = answering.wait_for(Option::is_some).await;
        let answer = answer.ok().and_then(|answer| answer.clone());
        answer.unwrap_or(Asked::Unanswered)
    }

    /// The question goes on when nobody waits for it any more: the next one to come has its answer.
    fn question(shared: &Arc<Shared>, token: &str, name: Fingerprint) -> Option<Answering> {
        let foreign = &shared.foreign;
        let mut under_way = foreign.under_way.lock();
        if let Some(answering) = under_way.get(&name)
            && answering.has_changed().is_ok()
        {
            return Some(answering.clone());
        }
        if !foreign.may_ask(shared) || under_way.len() >= UNDER_WAY_MAX {
            return None;
        }
        let (answer, answering) = watch::channel(None);
        under_way.insert(name, answering.clone());
        let (shared, token) = (Arc::clone(shared), token.to_owned());
        tokio::spawn(async move {
            let asked = shared.ask_about(&token, name).await;
            shared.foreign.under_way.lock().remove(&name);
            answer.send_replace(Some(asked));
        });
        Some(answering)
    }
}

impl Shared {
    async fn ask_about(&self, token: &str, name: Fingerprint) -> Asked {
        let introspected = self.introspector.claims_of(token).await;
        let is_active = introspected
            .as_ref()
            .map(|it| matches!(it, Introspected::Active(_)));
        self.counts.introspected(is_active);
        let uptime = self.clock.uptime();
        match introspected {
            None => Asked::Unanswered,
            Some(Introspected::Inactive) => {
                let mut allowance = self.foreign.allowance.lock();
                allowance.left = allowance.left(uptime) - 1.0;
                self.foreign.refused.put(name, uptime + REFUSED_FOR);
                Asked::Inactive
            }
            Some(Introspected::Active(claims)) => {
                let now = self.clock.now_ms().div_euclid(1000);
                // Asked about again at half its time, a session that is used does not run out.
                let life = u64::try_from(claims.exp.saturating_sub(now)).unwrap_or_default();
                let good_for = Duration::from_secs(life / 2).clamp(GOOD_FOR_MIN, GOOD_FOR_MAX);
                let attached = Arc::new(Attached {
                    claims: Arc::from(claims),
                    good_until: uptime + good_for,
                });
                self.foreign.attached.put(name, Arc::clone(&attached));
                Asked::Active(attached)
            }
        }
    }
}

/// What a client hears whose token the server does not take. The server does not say why; that the token's time
/// is over shows by itself.
pub(super) fn refused(token: &str, shared: &Shared) -> Refusal {
    let now = shared.clock.now_ms().div_euclid(1000);
    match Hint::of(token) {
        Some(hint) if hint.is_over_since(now, 0) => Refusal::Expired,
        Some(_) | None => Refusal::Invalid,
    }
}
