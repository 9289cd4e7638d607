//! The follower: the one reader of the log on this node. In order, each event once, none skipped.
//!
//! A batch from the bus is applied only if it is the next one; on a gap, or on silence, the log is
//! read. The index first, then the connections. It may not know who writes.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout_at};

use super::delivery::{Deliveries, Delivery};
use super::gate::{Gate, KEPT};
use super::hub::Hub;
use super::source::Source;
use super::standing::Dirty;
use crate::bus::Subscription;
use crate::domain::clock::Clock;
use crate::domain::effect::Effect;
use crate::domain::error::Error;
use crate::domain::event::{Audience, Event, LogEntry};
use crate::domain::id::Seq;
use crate::domain::message::{RightsCause, ServerMessage};
use crate::domain::metric;
use crate::domain::session::SessionEnd;

/// After so long a silence the log is asked.
const SILENCE: Duration = Duration::from_millis(500);
/// How many entries are read at once.
const PAGE: u32 = 1_000;
/// How long to wait before reading again after a failure.
const RETRY_AFTER: Duration = Duration::from_millis(100);

/// What the follower needs.
pub struct Follower {
    /// The log.
    pub source: Arc<dyn Source>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The index.
    pub gate: Arc<Gate>,
    /// The connections.
    pub hub: Arc<Hub>,
    /// Users to be read anew.
    pub dirty: Arc<Dirty>,
    /// For receipts.
    pub deliveries: Arc<Deliveries>,
    /// For receipts.
    pub applied: watch::Sender<Seq>,
    /// An empty set of keys, for this issuer and audience.
    pub empty_keys: sessionwire_guard::KeySet,
}

impl Follower {
    /// Builds the index from the log. After that the node may decide.
    pub async fn rebuild(&self) -> Result<(), Error> {
        self.load_keys().await?;
        let from = self.clock.now().minus(KEPT);
        let position = self.source.position_before(from).await?;
        self.gate.restart_at(position);
        self.applied.send_replace(position);
        self.catch_up().await
    }

    /// Follows the log for as long as the node lives.
    pub async fn run(self, mut batches: Subscription) {
        loop {
            let silence = Instant::now() + SILENCE;
            match timeout_at(silence, batches.next()).await {
                Ok(Some(batch)) => {
                    if !self.apply_if_next(&batch.entries) {
                        self.catch_up_or_retry().await;
                    }
                }
                Ok(None) => return,
                Err(_silent) => self.catch_up_or_retry().await,
            }
            if self.needs_keys() {
                self.reload_keys().await;
            }
        }
    }

    fn position(&self) -> Seq {
        *self.applied.borrow()
    }

    /// Applies a batch that begins at or before the next position; answers whether it did.
    fn apply_if_next(&self, entries: &[LogEntry]) -> bool {
        let position = self.position();
        let Some(first) = entries.first() else {
            return true;
        };
        if first.seq > position.next() {
            return false;
        }
        let new = entries
            .iter()
            .filter(|entry| entry.seq > position)
            .cloned()
            .collect::<Vec<_>>();
        self.apply(&new);
        self.gate.renew();
        true
    }

    async fn catch_up_or_retry(&self) {
        if let Err(error) = self.catch_up().await {
            tracing::warn!(error = %error, "the log can't be read; trying again");
            sleep(RETRY_AFTER).await;
        }
    }

    /// Reads the log up to its end.
    async fn catch_up(&self) -> Result<(), Error> {
        loop {
            let entries = self.source.entries_after(self.position(), PAGE).await?;
            let full = u32::try_from(entries.len()).is_ok_and(|count| count == PAGE);
            self.apply(&entries);
            if !full {
                self.gate.renew();
                return Ok(());
            }
        }
    }

    fn apply(&self, entries: &[LogEntry]) {
        let Some(last) = entries.last().map(|entry| entry.seq) else {
            return;
        };
        let delivery = Arc::new(Delivery::default());
        for entry in entries {
            self.gate.apply(entry);
        }
        for entry in entries {
            self.reach_connections(entry, &delivery);
        }
        self.deliveries.keep(last, delivery);
        #[expect(clippy::cast_precision_loss, reason = "a metric is a float")]
        metrics::gauge!(metric::APPLIED_POSITION).set(last.0 as f64);
        self.applied.send_replace(last);
    }

    fn reach_connections(&self, entry: &LogEntry, delivery: &Arc<Delivery>) {
        let cause = RightsCause {
            id: entry.seq,
            initiating_entity: entry.initiating_entity,
            at: entry.at,
            refresh_within_ms: 0,
        };
        match entry.event.effect() {
            Effect::RightsOfUser(user) => {
                self.dirty.add(self.hub.touch_user(user, cause, delivery));
            }
            Effect::RightsOfGroup(name) => {
                self.dirty.add(self.hub.touch_group(name, cause, delivery));
            }
            Effect::SessionEnded(ended) => {
                let end = SessionEnd {
                    seq: entry.seq,
                    at: entry.at,
                    reason: ended.reason,
                    initiating_entity: entry.initiating_entity,
                    replaced_by: ended.replaced_by.clone(),
                };
                self.hub
                    .end(ended.user_id, ended.session_id, &end, delivery);
            }
            Effect::Notice(to, content) => {
                let (content, at) = (content.clone(), entry.at);
                let frame = encode(&ServerMessage::Notice {
                    id: entry.seq,
                    content,
                    at,
                });
                match to {
                    Audience::User(user) => {
                        self.hub.tell_user(*user, &frame, entry.seq, delivery);
                    }
                    Audience::Group { name, .. } => {
                        self.hub.tell_group(name, &frame, entry.seq, delivery);
                    }
                }
            }
            Effect::TakeoverRequested(request) => {
                let frame = encode(&ServerMessage::TakeoverRequested {
                    id: entry.seq,
                    request_id: request.request_id,
                    device: request.device.clone(),
                    expires_at: request.expires_at,
                });
                let (user, sessions) = (request.user_id, &request.sessions);
                self.hub
                    .tell_sessions(user, sessions, &frame, entry.seq, delivery);
            }
            Effect::None => {
                if matches!(entry.event, Event::SigningKeyRotated { .. }) {
                    self.gate.want_keys();
                }
            }
        }
    }

    fn needs_keys(&self) -> bool {
        self.gate.take_keys_wanted()
    }

    async fn reload_keys(&self) {
        if let Err(error) = self.load_keys().await {
            tracing::warn!(error = %error, "the signing keys can't be read; trying again");
            self.gate.want_keys();
        }
    }

    async fn load_keys(&self) -> Result<(), Error> {
        let now = self.clock.now();
        let keys = self.source.fill_keys(now, self.empty_keys.clone()).await?;
        self.gate.set_keys(keys);
        Ok(())
    }
}

/// Encodes a message once for all who hear it.
fn encode(message: &ServerMessage) -> Arc<str> {
    // A message of ours always has a JSON form; an empty object would be ignored by clients.
    serde_json::to_string(message)
        .unwrap_or_else(|_| "{}".into())
        .into()
}
