//! Events: what happened, in the past tense. The log holds nothing else, and is the audit trail.
//!
//! To add one: a variant, its name in the `serde` attribute, and the arms that the compiler asks for.
//! It may not know who reads the log.

use serde::{Deserialize, Serialize};

use super::Reason;
use super::access::Scope;
use super::clock::Timestamp;
use super::device::DeviceLabel;
pub use super::entry::{LogEntry, is_unbroken};
use super::id::{ApiKeyId, DeviceId, GroupId, Seq, SessionId, TakeoverRequestId, UserId};
use super::issuer::Identity;
use super::message::NoticeContent;
use super::policy::Policy;

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
#[expect(
    missing_docs,
    reason = "the fields of an event are the words of the design"
)]
pub enum Event {
    /// A user was made.
    #[serde(rename = "user.created")]
    UserCreated { user_id: UserId, username: String },
    /// A user's names changed.
    #[serde(rename = "user.updated")]
    UserUpdated { user_id: UserId, username: String },
    /// A user may no longer sign in.
    #[serde(rename = "user.suspended")]
    UserSuspended { user_id: UserId },
    /// A user may sign in again.
    #[serde(rename = "user.resumed")]
    UserResumed { user_id: UserId },
    /// A user is gone.
    #[serde(rename = "user.deleted")]
    UserDeleted { user_id: UserId, username: String },
    /// A user is somebody for another issuer.
    #[serde(rename = "identity.linked")]
    IdentityLinked {
        user_id: UserId,
        #[serde(flatten)]
        identity: Identity,
    },
    /// A user is somebody for another issuer no more.
    #[serde(rename = "identity.unlinked")]
    IdentityUnlinked {
        user_id: UserId,
        #[serde(flatten)]
        identity: Identity,
    },
    /// A user's password changed.
    #[serde(rename = "user.password_changed")]
    PasswordChanged { user_id: UserId },
    /// A group was made.
    #[serde(rename = "group.created")]
    GroupCreated {
        group_id: GroupId,
        name: String,
        permissions: Vec<String>,
        priority: i32,
    },
    /// A group's name or priority changed. `old_name` is the one that tokens list.
    #[serde(rename = "group.updated")]
    GroupUpdated {
        group_id: GroupId,
        old_name: String,
        name: String,
        priority: i32,
    },
    /// A group is gone, and its memberships with it.
    #[serde(rename = "group.deleted")]
    GroupDeleted { group_id: GroupId, name: String },
    /// A group's permissions changed.
    #[serde(rename = "group.permissions_changed")]
    GroupPermissionsChanged {
        group_id: GroupId,
        name: String,
        added: Vec<String>,
        removed: Vec<String>,
    },
    /// A user came into a group.
    #[serde(rename = "membership.added")]
    MembershipAdded {
        user_id: UserId,
        group_id: GroupId,
        group: String,
    },
    /// A user left a group.
    #[serde(rename = "membership.removed")]
    MembershipRemoved {
        user_id: UserId,
        group_id: GroupId,
        group: String,
    },
    /// A session began. Its position is the session's fence.
    #[serde(rename = "session.started")]
    SessionStarted {
        session_id: SessionId,
        user_id: UserId,
        device_id: DeviceId,
        device: DeviceLabel,
        /// Who vouched for the person, where it was another issuer.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        issuer: Option<String>,
    },
    /// A session ended.
    #[serde(rename = "session.ended")]
    SessionEnded(SessionEnded),
    /// A user's device was removed.
    #[serde(rename = "device.revoked")]
    DeviceRevoked {
        user_id: UserId,
        device_id: DeviceId,
    },
    /// The devices in the way are asked whether another may take the seat.
    #[serde(rename = "takeover.requested")]
    TakeoverRequested(TakeoverRequested),
    /// A device answered, or nobody did.
    #[serde(rename = "takeover.answered")]
    TakeoverAnswered {
        request_id: TakeoverRequestId,
        user_id: UserId,
        allowed: bool,
    },
    /// A policy was set.
    #[serde(rename = "policy.changed")]
    PolicyChanged {
        scope: PolicyScopeName,
        policy: Policy,
    },
    /// A policy was removed.
    #[serde(rename = "policy.removed")]
    PolicyRemoved { scope: PolicyScopeName },
    /// Something was said to people.
    #[serde(rename = "notice.sent")]
    NoticeSent { to: Audience, notice: NoticeContent },
    /// An API key was made.
    #[serde(rename = "api_key.created")]
    ApiKeyCreated {
        api_key_id: ApiKeyId,
        name: String,
        scopes: Vec<Scope>,
    },
    /// An API key is good no more.
    #[serde(rename = "api_key.revoked")]
    ApiKeyRevoked { api_key_id: ApiKeyId },
    /// A service accepted a token after what ended it, or made it stale, had happened.
    #[serde(rename = "token.late_use")]
    TokenLateUse(LateUse),
    /// A signing key is trusted no more, and neither is anything that it signed.
    #[serde(rename = "signing_key.retired")]
    SigningKeyRetired { kid: String },
    /// A new signing key is in use.
    #[serde(rename = "signing_key.rotated")]
    SigningKeyRotated { kid: String },
    /// Everybody was signed out.
    #[serde(rename = "sessions.revoked_all")]
    RevokedAll {},
    /// The database was brought back from a copy. What came after `previous` is lost, and its positions are not
    /// given again.
    #[serde(rename = "log.restored")]
    LogRestored { previous: Seq },
    /// A sink failed for so long that it is no longer tried.
    #[serde(rename = "sink.disabled")]
    SinkDisabled {
        sink: String,
        failing_since: Timestamp,
        error: String,
    },
    /// A sink is tried again.
    #[serde(rename = "sink.enabled")]
    SinkEnabled { sink: String },
}

/// See [`Event::SessionEnded`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(
    missing_docs,
    reason = "the fields of an event are the words of the design"
)]
pub struct SessionEnded {
    pub session_id: SessionId,
    pub user_id: UserId,
    pub device_id: DeviceId,
    pub reason: Reason,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub replaced_by: Option<DeviceLabel>,
}

/// See [`Event::TakeoverRequested`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(
    missing_docs,
    reason = "the fields of an event are the words of the design"
)]
pub struct TakeoverRequested {
    pub request_id: TakeoverRequestId,
    pub user_id: UserId,
    /// The sessions in the way.
    pub sessions: Vec<SessionId>,
    #[serde(flatten)]
    pub device: DeviceLabel,
    pub expires_at: Timestamp,
}

/// See [`Event::TokenLateUse`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(
    missing_docs,
    reason = "the fields of an event are the words of the design"
)]
pub struct LateUse {
    pub session_id: SessionId,
    pub user_id: UserId,
    /// The token's own id.
    pub jti: uuid::Uuid,
    /// The position of the change that came before the use.
    pub change_seq: Seq,
    pub verdict: LateVerdict,
    /// What it was used for, in the service's words.
    pub what: String,
    pub count: u32,
    pub first_at: Timestamp,
    pub last_at: Timestamp,
}

/// What the service would have said, had it known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LateVerdict {
    /// The session has ended.
    SessionEnded,
    /// The token's rights are out of date.
    TokenStale,
}

/// Whose policy an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PolicyScopeName {
    /// Everybody's.
    Default,
    /// A group's.
    Group(GroupId),
    /// A user's.
    User(UserId),
}

/// To whom a notice goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Audience {
    /// One user.
    User(UserId),
    /// The members of a group; tokens and standings know it by name.
    Group {
        /// Its id.
        group_id: GroupId,
        /// Its name.
        name: String,
    },
}

impl Event {
    /// What the event is about: its kind and id, for the audit trail.
    pub fn subject(&self) -> (&'static str, Option<String>) {
        match self {
            Self::UserCreated { user_id, .. }
            | Self::UserUpdated { user_id, .. }
            | Self::UserSuspended { user_id }
            | Self::UserResumed { user_id }
            | Self::UserDeleted { user_id, .. }
            | Self::IdentityLinked { user_id, .. }
            | Self::IdentityUnlinked { user_id, .. }
            | Self::PasswordChanged { user_id }
            | Self::MembershipAdded { user_id, .. }
            | Self::MembershipRemoved { user_id, .. }
            | Self::DeviceRevoked { user_id, .. } => ("user", Some(user_id.to_string())),
            Self::GroupCreated { group_id, .. }
            | Self::GroupUpdated { group_id, .. }
            | Self::GroupDeleted { group_id, .. }
            | Self::GroupPermissionsChanged { group_id, .. } => {
                ("group", Some(group_id.to_string()))
            }
            Self::SessionStarted { session_id, .. }
            | Self::SessionEnded(SessionEnded { session_id, .. })
            | Self::TokenLateUse(LateUse { session_id, .. }) => {
                ("session", Some(session_id.to_string()))
            }
            Self::TakeoverRequested(TakeoverRequested { request_id, .. })
            | Self::TakeoverAnswered { request_id, .. } => {
                ("takeover_request", Some(request_id.to_string()))
            }
            Self::PolicyChanged { scope, .. } | Self::PolicyRemoved { scope } => scope.subject(),
            Self::NoticeSent { to, .. } => match to {
                Audience::User(user_id) => ("user", Some(user_id.to_string())),
                Audience::Group { group_id, .. } => ("group", Some(group_id.to_string())),
            },
            Self::ApiKeyCreated { api_key_id, .. } | Self::ApiKeyRevoked { api_key_id } => {
                ("api_key", Some(api_key_id.to_string()))
            }
            Self::SigningKeyRetired { kid } | Self::SigningKeyRotated { kid } => {
                ("signing_key", Some(kid.clone()))
            }
            Self::RevokedAll {} => ("everybody", None),
            Self::LogRestored { .. } => ("log", None),
            Self::SinkDisabled { sink, .. } | Self::SinkEnabled { sink } => {
                ("sink", Some(sink.clone()))
            }
        }
    }

    /// The user that the event concerns, for a search of the audit trail.
    pub fn user_id(&self) -> Option<UserId> {
        match self {
            Self::UserCreated { user_id, .. }
            | Self::UserUpdated { user_id, .. }
            | Self::UserSuspended { user_id }
            | Self::UserResumed { user_id }
            | Self::UserDeleted { user_id, .. }
            | Self::IdentityLinked { user_id, .. }
            | Self::IdentityUnlinked { user_id, .. }
            | Self::PasswordChanged { user_id }
            | Self::MembershipAdded { user_id, .. }
            | Self::MembershipRemoved { user_id, .. }
            | Self::SessionStarted { user_id, .. }
            | Self::SessionEnded(SessionEnded { user_id, .. })
            | Self::TokenLateUse(LateUse { user_id, .. })
            | Self::DeviceRevoked { user_id, .. }
            | Self::TakeoverRequested(TakeoverRequested { user_id, .. })
            | Self::TakeoverAnswered { user_id, .. }
            | Self::PolicyChanged {
                scope: PolicyScopeName::User(user_id),
                ..
            }
            | Self::PolicyRemoved {
                scope: PolicyScopeName::User(user_id),
            }
            | Self::NoticeSent {
                to: Audience::User(user_id),
                ..
            } => Some(*user_id),
            Self::GroupCreated { .. }
            | Self::GroupUpdated { .. }
            | Self::GroupDeleted { .. }
            | Self::GroupPermissionsChanged { .. }
            | Self::PolicyChanged { .. }
            | Self::PolicyRemoved { .. }
            | Self::NoticeSent { .. }
            | Self::ApiKeyCreated { .. }
            | Self::ApiKeyRevoked { .. }
            | Self::SigningKeyRetired { .. }
            | Self::SigningKeyRotated { .. }
            | Self::SinkDisabled { .. }
            | Self::SinkEnabled { .. }
            | Self::LogRestored { .. }
            | Self::RevokedAll {} => None,
        }
    }
}

impl PolicyScopeName {
    fn subject(self) -> (&'static str, Option<String>) {
        match self {
            Self::Default => ("policy", Some("default".into())),
            Self::Group(id) => ("group", Some(id.to_string())),
            Self::User(id) => ("user", Some(id.to_string())),
        }
    }
}
