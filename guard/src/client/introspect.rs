//! Asking the server about one token (RFC 7662), where the guard can't tell. It may not know when that is.

use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::GuardSettings;
use crate::claims::Claims;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(2);
/// Questions at once. More are not asked: a server in trouble needs no crowd.
const AT_ONCE: usize = 50;
/// How long a question about a foreign token may wait for its turn besides.
const TURN: Duration = Duration::from_secs(2);

/// The longest answer, in bytes.
const BYTES_MAX: usize = 64 * 1024;

/// Asks.
pub(super) struct Introspector {
    http: reqwest::Client,
    settings: GuardSettings,
    places: Semaphore,
    /// Apart, so that neither kind of question takes the other's places.
    foreign_places: Semaphore,
}

#[derive(Deserialize)]
struct Answer {
    active: bool,
    #[serde(flatten)]
    said: Map<String, Value>,
}

impl Answer {
    fn read(self, issuer: &str, audience: &str) -> Option<Introspected> {
        if !self.active {
            return Some(Introspected::Inactive);
        }
        let claims: Claims = serde_json::from_value(Value::Object(self.said)).ok()?;
        let is_for_us = claims.iss == issuer && claims.aud == audience;
        is_for_us.then(|| Introspected::Active(Box::new(claims)))
    }
}

/// What the server said about a token.
pub(super) enum Introspected {
    /// It is good, and stands for these claims.
    Active(Box<Claims>),
    /// It is not good.
    Inactive,
}

impl Introspector {
    pub(super) fn new(http: reqwest::Client, settings: &GuardSettings) -> Self {
        Self {
            http,
            settings: settings.clone(),
            places: Semaphore::new(AT_ONCE),
            foreign_places: Semaphore::new(AT_ONCE),
        }
    }

    /// Whether the server says that it is good; `None` where it does not say.
    pub(super) async fn is_active(&self, token: &str) -> Option<bool> {
        let _place = self.places.try_acquire().ok()?;
        Some(self.answer(token).await?.active)
    }

    /// What a token stands for at the server; `None` where it does not say, and where its claims are not for
    /// this guard.
    pub(super) async fn claims_of(&self, token: &str) -> Option<Introspected> {
        let turn = timeout(TURN, self.foreign_places.acquire()).await;
        let _place = turn.ok()?.ok()?;
        let (issuer, audience) = (&self.settings.issuer, &self.settings.audience);
        self.answer(token).await?.read(issuer, audience)
    }

    async fn answer(&self, token: &str) -> Option<Answer> {
        let asked = async {
            let url = self.settings.address("/oauth/introspect").ok()?;
            let request = self.http.post(url).bearer_auth(&self.settings.api_key);
            let answer = request.form(&[("token", token)]).send().await.ok()?;
            let answer = answer.error_for_status().ok()?;
            bounded_json::<Answer>(answer, BYTES_MAX).await
        };
        timeout(PATIENCE, asked).await.ok()?
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_as_the_vectors_say() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/vectors/foreign.json");
        let vectors = std::fs::read_to_string(path).unwrap();
        let vectors: Value = serde_json::from_str(&vectors).unwrap();
        let text = |name: &str| vectors[name].as_str().unwrap();
        for case in vectors["answers"].as_array().unwrap() {
            let answer: Option<Answer> = serde_json::from_value(case["answer"].clone()).ok();
            let said = match answer.and_then(|it| it.read(text("issuer"), text("audience"))) {
                Some(Introspected::Active(_)) => "active",
                Some(Introspected::Inactive) => "inactive",
                None => "unanswered",
            };
            assert_eq!(said, case["said"], "{}", case["name"]);
        }
    }
}
