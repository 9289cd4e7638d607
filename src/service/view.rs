//! What the writers answer: plain data, to be shown by whoever asked.

use uuid::Uuid;

use crate::domain::access::Scope;
use crate::domain::clock::Timestamp;
use crate::domain::device::Device;
use crate::domain::group::Group;
use crate::domain::id::{ApiKeyId, Seq, SessionId, TakeoverRequestId, UserId};
use crate::domain::policy::{Policy, PolicyScope};
use crate::domain::possession::Possession;
use crate::domain::secret::Bearer;
use crate::domain::session::Session;
use crate::domain::user::User;

/// Which part of a list is wanted.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    /// The part after this id.
    pub after: Option<Uuid>,
    /// So many at most, 1 to 200.
    pub limit: u32,
}

/// A part of a list.
#[derive(Clone, Debug)]
pub struct Slice<T> {
    /// The items.
    pub items: Vec<T>,
    /// The id after which it goes on, if it does.
    pub next: Option<Uuid>,
}

impl Page {
    /// One more than is shown, to see whether it goes on.
    pub(super) fn probe(self) -> u32 {
        self.limit.saturating_add(1)
    }

    /// Cuts off what was read to see whether it goes on.
    pub(super) fn slice<T>(self, mut items: Vec<T>, id: impl Fn(&T) -> Uuid) -> Slice<T> {
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let more = items.len() > limit;
        items.truncate(limit);
        let next = if more { items.last().map(id) } else { None };
        Slice { items, next }
    }
}

impl SignedIn {
    /// How its access token is sent.
    pub fn token_type(&self) -> &'static str {
        self.claims.token_type()
    }
}

/// From where a request comes.
#[derive(Clone, Debug, Default)]
pub struct Origin {
    /// Its address.
    pub address: Option<std::net::IpAddr>,
    /// Its program.
    pub user_agent: Option<String>,
    /// Its id.
    pub request_id: Option<String>,
    /// The cookie that bound tokens are good beside.
    pub binding_cookie: Option<Bearer>,
    /// What it brings to show that it comes from whoever was given its token.
    pub possession: Possession,
    /// The thumbprint of the key that it was found to hold, where it comes without a token.
    pub jkt: Option<String>,
}

impl Origin {
    /// Whoever brings nothing, from this address.
    pub fn of(address: Option<std::net::IpAddr>) -> Self {
        Self {
            address,
            user_agent: None,
            request_id: None,
            binding_cookie: None,
            possession: Possession::default(),
            jkt: None,
        }
    }
}

/// A user with rights.
#[derive(Clone, Debug)]
pub struct UserView {
    /// The user.
    pub user: User,
    /// Names of the groups.
    pub groups: Vec<String>,
    /// Effective permissions.
    pub permissions: Vec<String>,
}

/// A group with its size.
#[derive(Clone, Debug)]
pub struct GroupView {
    /// The group.
    pub group: Group,
    /// How many members it has.
    pub member_count: u64,
}

/// A device of a user.
#[derive(Clone, Debug)]
pub struct DeviceView {
    /// The device.
    pub device: Device,
    /// When it was used first.
    pub first_seen_at: Timestamp,
    /// When it was used last.
    pub last_seen_at: Timestamp,
    /// The session that lives on it.
    pub session_id: Option<SessionId>,
}

/// A policy and for whom it is.
#[derive(Clone, Copy, Debug)]
pub struct PolicyView {
    /// For whom.
    pub scope: PolicyScope,
    /// The policy.
    pub policy: Policy,
}

/// An API key, without the key.
#[derive(Clone, Debug)]
pub struct ApiKeyView {
    /// Its id.
    pub id: ApiKeyId,
    /// What it is for.
    pub name: String,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was taken back.
    pub revoked_at: Option<Timestamp>,
}

/// A signing key, without the key.
#[derive(Clone, Debug)]
pub struct SigningKeyView {
    /// Its name in token headers.
    pub kid: String,
    /// Its algorithm.
    pub algorithm: sessionwire_guard::Algorithm,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it signs.
    pub signs_from: Timestamp,
    /// Until when it is listed.
    pub listed_until: Option<Timestamp>,
}

/// How many memberships a bulk change really changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MembersChanged {
    /// Came in.
    pub added: u64,
    /// Left.
    pub removed: u64,
}

/// Which part of the audit trail is wanted.
#[derive(Clone, Debug)]
pub struct EventQuery {
    /// The part after this position.
    pub after: Seq,
    /// Events of this type.
    pub kind: Option<String>,
    /// Events about this user.
    pub user_id: Option<UserId>,
    /// So many at most.
    pub limit: u32,
}

/// A session with its tokens.
#[derive(Clone, Debug)]
pub struct SignedIn {
    /// The session.
    pub session: Session,
    /// Its user.
    pub user: UserView,
    /// The access token.
    pub access_token: String,
    /// What it says.
    pub claims: sessionwire_guard::Claims,
    /// How long it lives, in seconds.
    pub expires_in_s: u64,
    /// How much of the log it has seen.
    pub as_of: Seq,
    /// The refresh token.
    pub refresh_token: Bearer,
}

/// The answer to a sign-in.
#[derive(Clone, Debug)]
pub enum SignInAnswer {
    /// In.
    SignedIn(Box<SignedIn>),
    /// The devices in the way were asked.
    Pending {
        /// What they see.
        request_id: TakeoverRequestId,
        /// Asks for the outcome.
        request_token: Bearer,
        /// Until when they may answer.
        expires_at: Timestamp,
        /// When to ask, in milliseconds.
        poll_after_ms: u64,
    },
}
