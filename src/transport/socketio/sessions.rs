//! Which sessions are polled, by their ids. It may not know what they carry.

use std::collections::HashMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use parking_lot::Mutex;

use super::polling::Polling;
use crate::domain::clock::Entropy;

/// The sessions. Each holds a place among the node's connections, which bounds them.
#[derive(Clone)]
pub(super) struct Sessions {
    polled: Arc<Mutex<HashMap<String, Arc<Polling>>>>,
    entropy: Arc<dyn Entropy>,
}

/// A session's place; given back when dropped.
pub(super) struct Seat {
    sessions: Sessions,
    id: String,
}

impl Sessions {
    pub(super) fn new(entropy: Arc<dyn Entropy>) -> Self {
        Self {
            polled: Arc::default(),
            entropy,
        }
    }

    /// An id. Who knows it can speak for the session, so it is a secret.
    pub(super) fn new_id(&self) -> String {
        let mut bytes = [0; 24];
        self.entropy.fill(&mut bytes);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    pub(super) fn add(&self, id: String, polling: Arc<Polling>) -> Seat {
        self.polled.lock().insert(id.clone(), polling);
        let sessions = self.clone();
        Seat { sessions, id }
    }

    pub(super) fn find(&self, id: &str) -> Option<Arc<Polling>> {
        self.polled.lock().get(id).cloned()
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.sessions.polled.lock().remove(&self.id);
    }
}
