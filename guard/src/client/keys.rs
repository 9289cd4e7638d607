//! The server's public keys, kept fresh: fetched at the start, now and then, and when a token names one
//! that is not there. A failed fetch takes nothing away. It may not know what tokens say.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Mutex, RwLock};
use serde_json::Value;
use tokio::sync::{Notify, watch};
use tokio::time::{sleep, timeout};

use super::introspect::bounded_json;
use super::{Clock, GuardSettings, Shared};
use crate::claims::Claims;
use crate::keys::KeySet;

/// Between two fetches where nobody asks for one.
const FRESH: Duration = Duration::from_mins(5);
/// Between two fetches that somebody asks for: tokens of invented keys must not become requests.
const APART: Duration = Duration::from_secs(5);
/// After a failure.
const AGAIN: Duration = Duration::from_secs(1);
/// How long a token waits for its key.
const PATIENCE: Duration = Duration::from_secs(2);
/// The largest key set, in bytes.
const BYTES_MAX: usize = 256 * 1024;

/// The keys.
pub(super) struct Keys {
    http: reqwest::Client,
    settings: GuardSettings,
    set: RwLock<Option<KeySet>>,
    published: Mutex<Value>,
    wanted: Notify,
    /// When they were last asked for, by uptime, whatever came of it.
    tried_at: Mutex<Option<Duration>>,
    /// How often they were fetched.
    fetched: watch::Sender<u64>,
}

/// Why a token can't be verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unverified {
    /// It is not genuine.
    Forged,
    /// It names a key that is not there.
    UnknownKey,
    /// No keys are there at all.
    NoKeys,
}

impl Keys {
    pub(super) fn new(http: reqwest::Client, settings: &GuardSettings) -> Self {
        Self {
            http,
            settings: settings.clone(),
            set: RwLock::default(),
            published: Mutex::default(),
            wanted: Notify::new(),
            tried_at: Mutex::default(),
            fetched: watch::Sender::new(0),
        }
    }

    /// Checks everything but expiry and revocation.
    pub(super) fn verify(&self, token: &str) -> Result<Claims, Unverified> {
        let set = self.set.read();
        let set = set.as_ref().ok_or(Unverified::NoKeys)?;
        set.verify_signed(token).map_err(|_| {
            if KeySet::names_a_key(token) && !set.has_key_of(token) {
                Unverified::UnknownKey
            } else {
                Unverified::Forged
            }
        })
    }

    /// Asks for a fetch, unless there was one just now. Answers whether one is to come.
    pub(super) fn want(&self, clock: &dyn Clock) -> bool {
        let tried_at = *self.tried_at.lock();
        let is_due = tried_at.is_none_or(|at| clock.uptime().saturating_sub(at) >= APART);
        if is_due {
            self.wanted.notify_one();
        }
        is_due
    }

    /// Asks for a fetch, although there was one just now: another key signs from now on.
    pub(super) fn want_now(&self) {
        *self.tried_at.lock() = None;
        self.wanted.notify_one();
    }

    /// Asks for a fetch and waits for it, within bounds.
    pub(super) async fn fetched_anew(&self, clock: &dyn Clock) {
        let mut fetched = self.fetched.subscribe();
        if self.want(clock) {
            // What comes of it shows when the token is looked at again.
            let _ = timeout(PATIENCE, fetched.changed()).await;
        }
    }

    pub(super) async fn until_there(&self) {
        // The sender is this value's own, so there always is one.
        let _ = self.fetched.subscribe().wait_for(|count| *count > 0).await;
    }

    /// Fetches them. Answers whether they are others than before.
    async fn fetch(&self) -> Result<bool, FetchError> {
        let url = self.settings.address("/.well-known/jwks.json");
        let url = url.map_err(|_| FetchError::Answer)?;
        let answer = self.http.get(url).send().await?.error_for_status()?;
        let published = bounded_json(answer, BYTES_MAX).await;
        let published: Value = published.ok_or(FetchError::Answer)?;
        if *self.published.lock() == published {
            return Ok(false);
        }
        let (issuer, audience) = (&self.settings.issuer, &self.settings.audience);
        let set = KeySet::from_jwks(issuer, audience, &published);
        *self.set.write() = Some(set.map_err(|_| FetchError::Answer)?);
        *self.published.lock() = published;
        Ok(true)
    }
}

/// Why the keys could not be fetched.
#[derive(Debug, thiserror::Error)]
enum FetchError {
    #[error("the server can't be reached: {0}")]
    Http(#[from] reqwest::Error),
    #[error("the answer is no key set")]
    Answer,
}

/// Keeps the keys fresh for ever.
pub(super) async fn keep_fresh(shared: Arc<Shared>) {
    let keys = &shared.keys;
    loop {
        *keys.tried_at.lock() = Some(shared.clock.uptime());
        let outcome = keys.fetch().await;
        shared.counts.fetched_keys(outcome.is_ok());
        let wait = match outcome {
            Ok(changed) => {
                if changed {
                    shared.verified.clear();
                }
                keys.fetched.send_modify(|count| *count += 1);
                FRESH
            }
            Err(error) => {
                tracing::warn!(%error, "the keys could not be fetched");
                AGAIN
            }
        };
        tokio::select! {
            () = sleep(wait) => {}
            () = keys.wanted.notified() => {}
        }
    }
}
