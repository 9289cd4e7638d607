//! Asking the server about one token (RFC 7662), where the guard can't tell. It may not know when that is.

use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::GuardSettings;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(2);
/// Questions at once. More are not asked: a server in trouble needs no crowd.
const AT_ONCE: usize = 50;

/// The longest answer, in bytes.
const BYTES_MAX: usize = 64 * 1024;

/// Asks.
pub(super) struct Introspector {
    http: reqwest::Client,
    settings: GuardSettings,
    places: Semaphore,
}

#[derive(Deserialize)]
struct Answer {
    active: bool,
}

impl Introspector {
    pub(super) fn new(http: reqwest::Client, settings: &GuardSettings) -> Self {
        Self {
            http,
            settings: settings.clone(),
            places: Semaphore::new(AT_ONCE),
        }
    }

    /// Whether the server says that it is good; `None` where it does not say.
    pub(super) async fn is_active(&self, token: &str) -> Option<bool> {
        let _place = self.places.try_acquire().ok()?;
        let asked = async {
            let url = self.settings.address("/oauth/introspect").ok()?;
            let request = self.http.post(url).bearer_auth(&self.settings.api_key);
            let answer = request.form(&[("token", token)]).send().await.ok()?;
            let answer = answer.error_for_status().ok()?;
            bounded_json::<Answer>(answer, BYTES_MAX).await
        };
        let answer = timeout(PATIENCE, asked).await.ok()??;
        Some(answer.active)
    }
}

/// The JSON of an answer, unless it is longer than this or none.
pub(super) async fn bounded_json<T: DeserializeOwned>(
    mut answer: reqwest::Response,
    bytes_max: usize,
) -> Option<T> {
    let mut body = Vec::new();
    while let Some(part) = answer.chunk().await.ok()? {
        if body.len() + part.len() > bytes_max {
            return None;
        }
        body.extend_from_slice(&part);
    }
    serde_json::from_slice(&body).ok()
}
