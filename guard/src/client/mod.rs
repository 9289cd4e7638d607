//! The guard inside a service: it follows a server's feed, keeps its keys fresh, and checks tokens in
//! memory. It may not know HTTP frameworks: those are `crate::layer` and `crate::extract`.
//!
//! Read `check` first (one token, one verdict; `attached` for those of other issuers), then `following` (what it is decided by, and how old
//! that is), then the tasks that keep it so: `feed`, `keys`, `reports`.

mod attached;
mod check;
mod clock;
mod delay;
mod feed;
mod fence;
mod following;
mod foreign;
mod introspect;
mod keys;
mod metrics;
mod refusal;
mod reports;
mod settings;
mod uses;

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

pub use clock::{Clock, SystemClock};
pub use fence::{Fenced, FencedOff};
pub use refusal::Refusal;
pub use settings::{Behind, GuardSettings, Route, SettingsError};

use fence::Fences;
use following::Following;
use foreign::Foreign;
use introspect::Introspector;
use keys::Keys;
use metrics::Counts;
use reports::REPORTS_MAX;
use uses::Uses;

use crate::id::{Seq, UserId};
use crate::verified::Verified;

/// A guard; cloning shares it. Its tasks end with the last handle.
#[derive(Clone)]
pub struct Guard {
    shared: Arc<Shared>,
    tasks: Arc<Tasks>,
}

/// What checks and tasks share.
struct Shared {
    settings: GuardSettings,
    clock: Arc<dyn Clock>,
    keys: Keys,
    following: Following,
    verified: Verified,
    foreign: Foreign,
    uses: Uses,
    fences: Fences,
    introspector: Introspector,
    counts: Counts,
    /// The name that the server knows this guard by, while it follows.
    reader: watch::Sender<Option<uuid::Uuid>>,
}

struct Tasks(Mutex<Vec<JoinHandle<()>>>);

impl Tasks {
    fn end(&self) {
        for task in self.0.lock().drain(..) {
            task.abort();
        }
    }
}

impl Drop for Tasks {
    fn drop(&mut self) {
        self.end();
    }
}

impl Guard {
    /// Starts a guard. Inside a tokio runtime only. Until [`Guard::ready`] it can't decide.
    ///
    /// # Errors
    /// Where a setting is of no use.
    pub fn start(settings: GuardSettings) -> Result<Self, SettingsError> {
        Self::start_with(settings, Arc::new(SystemClock::new()))
    }

    /// As [`Guard::start`], by another clock.
    ///
    /// # Errors
    /// Where a setting is of no use.
    pub fn start_with(
        settings: GuardSettings,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, SettingsError> {
        settings.check()?;
        let http = GuardSettings::http_client()?;
        let shared = Arc::new(Shared {
            keys: Keys::new(http.clone(), &settings),
            following: Following::new(settings.max_feed_lag),
            verified: Verified::new(settings.cache_size),
            foreign: Foreign::new(&settings),
            uses: Uses::new(settings.max_feed_lag),
            fences: Fences::default(),
            introspector: Introspector::new(http.clone(), &settings),
            counts: Counts::default(),
            reader: watch::Sender::new(None),
            clock,
            settings,
        });
        let (late, reports) = mpsc::channel(REPORTS_MAX);
        let tasks = vec![
            tokio::spawn(feed::follow(Arc::clone(&shared), late)),
            tokio::spawn(keys::keep_fresh(Arc::clone(&shared))),
            tokio::spawn(reports::report(Arc::clone(&shared), http, reports)),
        ];
        let tasks = Arc::new(Tasks(Mutex::new(tasks)));
        Ok(Self { shared, tasks })
    }

    /// Returns once the guard can decide: keys and a whole index are there.
    pub async fn ready(&self) {
        self.shared.keys.until_there().await;
        self.shared.following.until_whole().await;
    }

    /// Stops following. From then on the guard falls behind, and does what it was told to do then.
    pub fn close(&self) {
        self.tasks.end();
    }

    /// The log position up to which everything is known; `None` where nothing is yet.
    pub fn position(&self) -> Option<Seq> {
        self.shared.following.read().position()
    }

    /// How old the guard's knowledge is; `None` where it never had any.
    pub fn lag(&self) -> Option<Duration> {
        let uptime = self.shared.clock.uptime();
        self.shared.following.read().lag(uptime)
    }

    /// A user's fence, for a write path: see [`Fenced::admit`].
    pub fn fenced(&self, user: UserId) -> Fenced<'_> {
        self.shared.fences.of(user)
    }

    /// The metrics in Prometheus' text format.
    pub fn metrics_text(&self) -> String {
        metrics::text(&self.shared)
    }
}
