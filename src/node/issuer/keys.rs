//! The keys of one issuer, kept fresh: fetched at the start, now and then, and when a token names one that
//! is not there. A failed fetch takes nothing away. It may not know what tokens say.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Mutex, RwLock};
use serde_json::{Map, Value};
use sessionwire_guard::{ForeignAlgorithm, ForeignKeys, TokenKind, Unopened};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::IssuerSpec;
use super::fetch::{Fetcher, Published};
use crate::domain::clock::Clock;
use crate::domain::error::Error;
use crate::domain::metric;
use crate::domain::secret::SharedSecret;

/// Between two fetches that somebody asks for: tokens of invented keys must not become requests.
const APART: Duration = Duration::from_secs(5);
/// Before the first further attempt after a failure, and the most.
const AGAIN: (Duration, Duration) = (Duration::from_secs(1), Duration::from_mins(1));

/// The keys.
pub(super) struct Keys {
    name: String,
    algorithms: Vec<ForeignAlgorithm>,
    secret: Option<SharedSecret>,
    fetcher: Option<Fetcher>,
    refresh: Duration,
    patience: Duration,
    clock: Arc<dyn Clock>,
    known: RwLock<Known>,
    wanted: Notify,
    tried: Mutex<Tried>,
    /// How often something came of it, good or bad.
    outcomes: watch::Sender<u64>,
}

/// When they were last asked for, by uptime, and how often.
#[derive(Clone, Copy, Default)]
struct Tried {
    at: Option<Duration>,
    times: u64,
}

#[derive(Default)]
struct Known {
    keys: Option<ForeignKeys>,
    /// Whether the last fetch succeeded, so that a key that is not there is nobody's.
    whole: bool,
}

impl Keys {
    pub(super) fn new(spec: &IssuerSpec, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        let (jwks, fetcher) = match &spec.published {
            None => (None, None),
            Some(Published::Here(jwks)) => (Some(jwks), None),
            Some(Published::At(address)) => {
                let fetcher = Fetcher::new(address.clone(), spec.allow_private, spec.timeout)?;
                (None, Some(fetcher))
            }
        };
        let secret = spec.secret.as_ref();
        let known = if fetcher.is_some() && secret.is_none() {
            Known::default()
        } else {
            let secret = secret.map(SharedSecret::expose);
            let keys = ForeignKeys::new(jwks, secret, &spec.algorithms);
            Known {
                keys: Some(keys.map_err(Error::internal)?),
                whole: fetcher.is_none(),
            }
        };
        Ok(Self {
            name: spec.rules.name.clone(),
            algorithms: spec.algorithms.clone(),
            secret: spec.secret.clone(),
            fetcher,
            refresh: spec.refresh,
            patience: spec.timeout,
            clock,
            known: RwLock::new(known),
            wanted: Notify::new(),
            tried: Mutex::default(),
            outcomes: watch::Sender::new(0),
        })
    }

    /// What a genuine token says. For a key that is not there its issuer is asked.
    pub(super) async fn open(
        &self,
        token: &str,
        kind: TokenKind,
    ) -> Result<Map<String, Value>, Error> {
        match self.try_open(token, kind) {
            Err(Error::CannotDecide) => {}
            decided => return decided,
        }
        self.fetched_anew().await;
        match self.try_open(token, kind) {
            Err(Error::CannotDecide) if self.known.read().whole => Err(Error::TokenInvalid),
            decided => decided,
        }
    }

    /// [`Error::CannotDecide`] where the key is not there.
    fn try_open(&self, token: &str, kind: TokenKind) -> Result<Map<String, Value>, Error> {
        let known = self.known.read();
        let keys = known.keys.as_ref().ok_or(Error::CannotDecide)?;
        keys.open(token, kind).map_err(|unopened| match unopened {
            Unopened::Invalid => Error::TokenInvalid,
            Unopened::UnknownKey => Error::CannotDecide,
        })
    }

    /// Asks for a fetch and waits for it, within bounds; not where there was one just now.
    async fn fetched_anew(&self) {
        if self.fetcher.is_none() {
            return;
        }
        let mut outcomes = self.outcomes.subscribe();
        let tried = *self.tried.lock();
        let now = self.clock.uptime();
        let is_under_way = tried.times > *outcomes.borrow();
        let is_due = tried.at.is_none_or(|at| now.saturating_sub(at) >= APART);
        if is_due && !is_under_way {
            self.wanted.notify_one();
        }
        if is_due || is_under_way {
            // What comes of it shows when the token is looked at again.
            let _ = timeout(self.patience, outcomes.changed()).await;
        }
    }

    /// The task that keeps them fresh for ever, where they come from elsewhere.
    pub(super) fn keep_fresh(self: &Arc<Self>) -> Option<JoinHandle<()>> {
        self.fetcher.as_ref()?;
        let keys = Arc::clone(self);
        Some(tokio::spawn(async move {
            let mut again = AGAIN.0;
            loop {
                let wait = if keys.fetch().await {
                    again = AGAIN.0;
                    keys.refresh
                } else {
                    let wait = again;
                    again = (again * 2).min(AGAIN.1);
                    wait
                };
                tokio::select! {
                    () = sleep(wait) => {}
                    () = keys.wanted.notified() => {}
                }
            }
        }))
    }

    /// Asks for them once. Answers whether they came.
    async fn fetch(&self) -> bool {
        let Some(fetcher) = &self.fetcher else {
            return true;
        };
        {
            let mut tried = self.tried.lock();
            tried.at = Some(self.clock.uptime());
            tried.times += 1;
        }
        let outcome = fetcher.fetch().await.and_then(|jwks| {
            let secret = self.secret.as_ref().map(SharedSecret::expose);
            ForeignKeys::new(Some(&jwks), secret, &self.algorithms).map_err(|it| it.to_string())
        });
        let came = outcome.is_ok();
        match outcome {
            Ok(keys) => self.take(keys),
            Err(error) => {
                self.known.write().whole = false;
                self.count("failure");
                tracing::warn!(issuer = %self.name, %error, "an issuer's keys could not be fetched");
            }
        }
        self.outcomes.send_modify(|count| *count += 1);
        came
    }

    fn take(&self, keys: ForeignKeys) {
        let published = keys.published();
        #[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
        let (count, now) = (
            published as f64,
            self.clock.now().as_millis() as f64 / 1000.0,
        );
        metrics::gauge!(metric::ISSUER_KEYS, "issuer" => self.name.clone()).set(count);
        metrics::gauge!(metric::ISSUER_FETCHED_AT, "issuer" => self.name.clone()).set(now);
        self.count("success");
        let mut known = self.known.write();
        let was_whole = known.whole;
        *known = Known {
            keys: Some(keys),
            whole: true,
        };
        drop(known);
        if !was_whole {
            tracing::info!(issuer = %self.name, keys = published, "an issuer's keys are at hand");
        }
    }

    fn count(&self, outcome: &'static str) {
        let issuer = self.name.clone();
        metrics::counter!(metric::ISSUER_FETCHES, "issuer" => issuer, "outcome" => outcome)
            .increment(1);
    }
}
