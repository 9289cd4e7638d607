//! The API keys that were taken back, for as long as a token of theirs may live. It may not know tokens of
//! people: those are the index's.

use std::collections::HashMap;

use super::gate::keep_until;
use crate::domain::clock::Timestamp;
use crate::domain::event::{Event, LogEntry};
use crate::domain::id::{ApiKeyId, Seq};
use crate::domain::service_token::ServiceClaims;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Withdrawn {
    /// Until when, in milliseconds since the Unix epoch, it matters.
    keys: HashMap<ApiKeyId, i64>,
    /// Where everybody's tokens ended last.
    everybody: Seq,
}

impl Withdrawn {
    /// Takes in what an event says of keys.
    pub(super) fn apply(&mut self, entry: &LogEntry, now: Timestamp) {
        match entry.event {
            Event::ApiKeyRevoked { api_key_id } => {
                self.keys.insert(api_key_id, keep_until(entry, now));
            }
            Event::RevokedAll {} => self.everybody = entry.seq,
            _ => {}
        }
    }

    /// Whether a genuine token of a service is good no more.
    pub(super) fn covers(&self, claims: &ServiceClaims) -> bool {
        self.everybody > claims.as_of || self.has(claims.client_id)
    }

    /// Whether a key was taken back.
    pub(super) fn has(&self, key: ApiKeyId) -> bool {
        self.keys.contains_key(&key)
    }

    /// Forgets keys of which no token can live.
    pub(super) fn sweep(&mut self, now: Timestamp) {
        let now = now.as_millis();
        self.keys.retain(|_, keep_until| *keep_until > now);
    }
}
