//! The writers: each function is one rule, one transaction, one append to the log.
//!
//! Floor 3. It may not know sockets, HTTP or what nodes do with events. To add a change: a function
//! on [`Core`] that begins, locks, looks, writes, records its events and calls `conclude`.

mod api_key;
mod attach;
mod binding;
mod device;
mod first;
mod group;
mod hash_turns;
mod idempotency;
mod identity;
mod key;
mod late_use;
mod limits;
mod logout;
mod master_key;
mod membership;
mod notice;
mod outcome;
mod password;
mod policy;
mod presence;
mod presented;
mod roster;
mod service_token;
mod session;
mod sign_in;
mod sink;
mod step;
mod sweep;
mod takeover;
mod token;
mod user;
mod vault;
mod view;

pub use binding::confirm;
pub use group::{GroupPatch, NewGroup};
pub use idempotency::{IdempotencyTicket, Idempotent};
pub use late_use::LATE_USES_MAX;
pub use limits::FailureLimits;
pub use master_key::{MasterKey, VaultError, rewrap};
pub use notice::NoticeTarget;
pub use outcome::{Call, Change, Done, Effect, Mode, Power, Reach};
pub use password::PasswordSettings;
pub use presence::Elsewhere;
pub use roster::RosterEntry;
pub use service_token::ServiceToken;
pub use session::SessionsWanted as SessionFilter;
pub use sign_in::SignIn;
pub use step::{STEP_TARGET, Step};
pub use user::UserPatch;
pub use vault::{KeyFileError, Vault};
pub use view::{
    ApiKeyView, DeviceView, EventQuery, GroupView, MembersChanged, Origin, Page, PolicyView,
    SignInAnswer, SignedIn, SigningKeyView, Slice, UserView,
};

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use parking_lot::RwLock;

use crate::bus::Bus;
use crate::domain::clock::{Clock, Entropy};
use crate::domain::error::Error;
use crate::domain::id::{NodeId, Seq, SessionId, UserId};
use crate::storage::{Store, Tx};

/// What an answer of this floor is.
pub(crate) type Result<T> = std::result::Result<T, Error>;

/// The longest life that any configuration may give an access token. Revocations are kept for that
/// long, whatever today's setting is.
pub const ACCESS_TOKEN_TTL_MAX: Duration = Duration::from_hours(1);

/// The settings of the writers.
#[derive(Clone, Debug)]
pub struct CoreSettings {
    /// `iss` of the tokens.
    pub issuer: String,
    /// `aud` of the tokens.
    pub audience: String,
    /// `client_id` of the tokens.
    pub client_id: String,
    /// How tokens are signed.
    pub algorithm: sessionwire_guard::Algorithm,
    /// How long a key signs before another one takes its place.
    pub signing_key_age_max: Duration,
    /// How long an access token lives.
    pub access_token_ttl: Duration,
    /// How long the predecessor of a refresh token gets the current one without further question.
    pub refresh_grace: Duration,
    /// How long it gets it while nothing shows that the last answer arrived.
    pub refresh_lost_answer: Duration,
    /// How long a takeover token can be used.
    pub takeover_token_ttl: Duration,
    /// How long a device in the way has to answer.
    pub approval_timeout: Duration,
    /// How long a socket ticket can be used.
    pub ticket_ttl: Duration,
    /// How passwords are hashed.
    pub passwords: PasswordSettings,
    /// How many sign-ins may fail.
    pub failures: FailureLimits,
}

/// What the writers ask of the node that they run on, through a door that hides it.
pub trait Listeners: Send + Sync {
    /// Returns once the node has applied a position, or decides nothing any more.
    fn until_applied(&self, seq: Seq) -> BoxFuture<'_, ()>;
    /// The other nodes that live.
    fn others(&self) -> Vec<NodeId>;
    /// Whether a connection of one of these sessions is open here that could answer a question.
    fn is_anyone_connected(&self, user: UserId, sessions: &[SessionId]) -> bool;
}

/// What the writers are made of.
pub struct CoreParts {
    /// The database.
    pub store: Store,
    /// Where committed events are announced.
    pub bus: Arc<dyn Bus>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness and ids.
    pub entropy: Arc<dyn Entropy>,
    /// The key file.
    pub vault: Vault,
    /// Who could answer.
    pub listeners: Arc<dyn Listeners>,
    /// The settings.
    pub settings: CoreSettings,
}

/// A handle on the writers. Cheap to clone.
#[derive(Clone)]
pub struct Core {
    inner: Arc<CoreState>,
}

/// What every handle shares.
pub struct CoreState {
    store: Store,
    bus: Arc<dyn Bus>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    vault: Vault,
    listeners: Arc<dyn Listeners>,
    settings: CoreSettings,
    passwords: password::Hasher,
    failures: limits::Failures,
    signing: RwLock<Arc<Vec<key::SigningKey>>>,
    presented: presented::Presented,
}

impl std::ops::Deref for Core {
    type Target = CoreState;

    fn deref(&self) -> &CoreState {
        &self.inner
    }
}

impl Core {
    /// Puts the writers together and makes the first signing key where there is none.
    pub async fn start(parts: CoreParts) -> Result<Self> {
        let passwords = password::Hasher::new(&parts.settings.passwords, parts.entropy.as_ref())?;
        let failures = limits::Failures::new(parts.settings.failures, Arc::clone(&parts.clock));
        let core = Self {
            inner: Arc::new(CoreState {
                store: parts.store,
                bus: parts.bus,
                clock: parts.clock,
                entropy: parts.entropy,
                vault: parts.vault,
                listeners: parts.listeners,
                settings: parts.settings,
                passwords,
                failures,
                signing: RwLock::default(),
                presented: presented::Presented::default(),
            }),
        };
        core.prepare_signing_keys().await?;
        Ok(core)
    }

    async fn begin(&self) -> Result<Tx> {
        Ok(self.store.begin().await?)
    }

    async fn read(&self) -> Result<Tx> {
        Ok(self.store.read().await?)
    }

    async fn look(&self) -> Result<Tx> {
        Ok(self.store.look().await?)
    }
}
