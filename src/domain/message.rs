//! Messages: what a client hears, and the rule of what it is owed. CONTRACT "The socket".
//!
//! To add one that a client hears: a variant of [`ServerMessage`], its row in `docs/protocol.md`, and
//! its snapshot. It may not know transports.

use serde::{Deserialize, Serialize};

use super::Reason;
use super::access::InitiatingEntity;
use super::clock::Timestamp;
use super::device::DeviceLabel;
use super::id::{ConnectionId, DeviceId, Seq, SessionId, TakeoverRequestId, UserId};
use super::permission::Difference;
use super::session::Limit;
use super::standing::{Rights, Standing};

/// What a client hears.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "type")]
#[expect(
    missing_docs,
    reason = "the fields are the contract's members, described there"
)]
pub enum ServerMessage {
    /// The socket is open; the present state.
    #[serde(rename = "welcome")]
    Welcome(Welcome),
    /// The person's rights differ from what the client was told.
    #[serde(rename = "permissions.changed")]
    PermissionsChanged(PermissionsChanged),
    /// The session ended; the close follows.
    #[serde(rename = "session.revoked")]
    SessionRevoked(SessionRevoked),
    /// Another device asks for the seat.
    #[serde(rename = "session.takeover_requested")]
    TakeoverRequested {
        id: Seq,
        request_id: TakeoverRequestId,
        #[serde(flatten)]
        device: DeviceLabel,
        expires_at: Timestamp,
    },
    /// Something an administrator or a service says.
    #[serde(rename = "notice")]
    Notice {
        id: Seq,
        #[serde(flatten)]
        content: NoticeContent,
        at: Timestamp,
    },
    /// The token runs out soon.
    #[serde(rename = "token.expiring")]
    TokenExpiring { expires_at: Timestamp },
    /// The session can't be used much longer, unless the person does what its cause asks for.
    #[serde(rename = "session.expiring")]
    SessionExpiring { expires_at: Timestamp, cause: Limit },
    /// The newer token was taken.
    #[serde(rename = "token.refreshed")]
    TokenRefreshed {
        as_of: Seq,
        token_expires_at: Timestamp,
    },
    /// Come back after this many milliseconds; the close follows.
    #[serde(rename = "reconnect")]
    Reconnect { after_ms: u64 },
    /// The answer to `ping`.
    #[serde(rename = "pong")]
    Pong,
    /// Something was wrong with what the client said; nothing else changes.
    #[serde(rename = "error")]
    Error { code: &'static str, message: String },
}

impl ServerMessage {
    /// The name of its type on the wire.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Welcome(_) => "welcome",
            Self::PermissionsChanged(_) => "permissions.changed",
            Self::SessionRevoked(_) => "session.revoked",
            Self::TakeoverRequested { .. } => "session.takeover_requested",
            Self::Notice { .. } => "notice",
            Self::TokenExpiring { .. } => "token.expiring",
            Self::SessionExpiring { .. } => "session.expiring",
            Self::TokenRefreshed { .. } => "token.refreshed",
            Self::Reconnect { .. } => "reconnect",
            Self::Pong => "pong",
            Self::Error { .. } => "error",
        }
    }

    /// The log position that it carries as its id.
    pub fn id(&self) -> Option<Seq> {
        match self {
            Self::PermissionsChanged(PermissionsChanged { id, .. })
            | Self::SessionRevoked(SessionRevoked { id, .. })
            | Self::TakeoverRequested { id, .. }
            | Self::Notice { id, .. } => Some(*id),
            Self::Welcome(_)
            | Self::TokenExpiring { .. }
            | Self::SessionExpiring { .. }
            | Self::TokenRefreshed { .. }
            | Self::Reconnect { .. }
            | Self::Pong
            | Self::Error { .. } => None,
        }
    }
}

/// See [`ServerMessage::Welcome`].
#[derive(Clone, Debug, PartialEq, Serialize)]
#[expect(
    missing_docs,
    reason = "the fields are the contract's members, described there"
)]
pub struct Welcome {
    pub connection_id: ConnectionId,
    pub session_id: SessionId,
    pub user_id: UserId,
    pub device_id: DeviceId,
    pub groups: Vec<String>,
    pub permissions: Vec<String>,
    pub as_of: Seq,
    pub token_expires_at: Timestamp,
    pub heartbeat_seconds: u64,
}

/// See [`ServerMessage::PermissionsChanged`].
#[derive(Clone, Debug, PartialEq, Serialize)]
#[expect(
    missing_docs,
    reason = "the fields are the contract's members, described there"
)]
pub struct PermissionsChanged {
    pub id: Seq,
    pub as_of: Seq,
    pub groups: GroupsDifference,
    pub permissions: PermissionsDifference,
    pub action: &'static str,
    pub refresh_within_ms: u64,
    pub initiating_entity: InitiatingEntity,
    pub at: Timestamp,
}

/// Groups that the person came into and left.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[expect(
    missing_docs,
    reason = "the fields are the contract's members, described there"
)]
pub struct GroupsDifference {
    pub added: Vec<String>,
    pub removed: Vec<String>,
}

/// Permissions that the person has gained and lost.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[expect(
    missing_docs,
    reason = "the fields are the contract's members, described there"
)]
pub struct PermissionsDifference {
    pub gained: Vec<String>,
    pub lost: Vec<String>,
}

/// See [`ServerMessage::SessionRevoked`].
#[derive(Clone, Debug, PartialEq, Serialize)]
#[expect(
    missing_docs,
    reason = "the fields are the contract's members, described there"
)]
pub struct SessionRevoked {
    pub id: Seq,
    pub session_id: SessionId,
    pub reason: Reason,
    pub message: &'static str,
    pub initiating_entity: InitiatingEntity,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replaced_by: Option<DeviceLabel>,
    pub at: Timestamp,
}

/// How much a notice matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoticeLevel {
    /// Good to know.
    Info,
    /// Better to know.
    Warning,
    /// Must be known.
    Critical,
}

/// What a notice says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(
    missing_docs,
    reason = "the fields are the contract's members, described there"
)]
pub struct NoticeContent {
    pub level: NoticeLevel,
    pub title: String,
    pub body: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub data: Option<serde_json::Value>,
}

/// What moved a user's rights, for the message about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RightsCause {
    /// The last event that the message covers.
    pub id: Seq,
    /// On whose behalf.
    pub initiating_entity: InitiatingEntity,
    /// When.
    pub at: Timestamp,
    /// How long a refresh that nothing else asks for may wait, in milliseconds.
    pub refresh_within_ms: u64,
}

/// What a client is owed: the difference between what it was told and what is so. Nothing where
/// changes cancel out.
pub fn owed(told: &Rights, standing: &Standing, cause: RightsCause) -> Option<PermissionsChanged> {
    let groups = Difference::between(&told.groups, &standing.rights.groups);
    let permissions = Difference::between(&told.permissions, &standing.rights.permissions);
    if groups.is_empty() && permissions.is_empty() {
        return None;
    }
    Some(PermissionsChanged {
        id: cause.id,
        as_of: standing.as_of,
        groups: GroupsDifference {
            added: groups.came,
            removed: groups.went,
        },
        permissions: PermissionsDifference {
            gained: permissions.came,
            lost: permissions.went,
        },
        action: "refresh",
        refresh_within_ms: cause.refresh_within_ms,
        initiating_entity: cause.initiating_entity,
        at: cause.at,
    })
}

/// The frame that tells a client that its session ended.
pub fn session_revoked(session_id: SessionId, end: &super::session::SessionEnd) -> SessionRevoked {
    SessionRevoked {
        id: end.seq,
        session_id,
        reason: end.reason,
        message: end.reason.sentence(),
        initiating_entity: end.initiating_entity,
        replaced_by: end.replaced_by.clone(),
        at: end.at,
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::domain::device::Platform;
    use crate::domain::session::SessionEnd;

    #[test]
    #[expect(clippy::too_many_lines, reason = "it is a list of every message")]
    fn every_message_has_the_contracts_json() {
        let (session_id, at) = (
            SessionId(Uuid::nil()),
            Timestamp::from_millis(1_700_000_000_123),
        );
        let device = DeviceLabel {
            device_name: "Maryo's iPad".into(),
            platform: Platform::Ios,
        };
        let end = SessionEnd {
            seq: Seq(7),
            at,
            reason: Reason::Superseded,
            initiating_entity: InitiatingEntity::Policy,
            replaced_by: Some(device.clone()),
        };
        let content = NoticeContent {
            level: NoticeLevel::Warning,
            title: "Soon".into(),
            body: "We restart.".into(),
            data: None,
        };
        let messages = [
            ServerMessage::Welcome(Welcome {
                connection_id: ConnectionId(Uuid::nil()),
                session_id,
                user_id: UserId(Uuid::nil()),
                device_id: DeviceId(Uuid::nil()),
                groups: vec!["staff".into()],
                permissions: vec!["home:read".into()],
                as_of: Seq(7),
                token_expires_at: at,
                heartbeat_seconds: 60,
            }),
            ServerMessage::PermissionsChanged(PermissionsChanged {
                id: Seq(7),
                as_of: Seq(8),
                groups: GroupsDifference {
                    added: vec![],
                    removed: vec!["staff".into()],
                },
                permissions: PermissionsDifference {
                    gained: vec![],
                    lost: vec!["home:read".into()],
                },
                action: "refresh",
                refresh_within_ms: 0,
                initiating_entity: InitiatingEntity::Admin,
                at,
            }),
            ServerMessage::SessionRevoked(session_revoked(session_id, &end)),
            ServerMessage::TakeoverRequested {
                id: Seq(7),
                request_id: TakeoverRequestId(Uuid::nil()),
                device,
                expires_at: at,
            },
            ServerMessage::Notice {
                id: Seq(7),
                content,
                at,
            },
            ServerMessage::TokenExpiring { expires_at: at },
            ServerMessage::SessionExpiring {
                expires_at: at,
                cause: Limit::MaxAge,
            },
            ServerMessage::TokenRefreshed {
                as_of: Seq(7),
                token_expires_at: at,
            },
            ServerMessage::Reconnect { after_ms: 250 },
            ServerMessage::Pong,
            ServerMessage::Error {
                code: "validation_failed",
                message: "no".into(),
            },
        ];
        for message in &messages {
            let json = serde_json::to_value(message).unwrap();
            assert_eq!(json["type"], message.kind());
            assert_eq!(
                json.get("id").and_then(serde_json::Value::as_u64),
                message.id().map(|id| id.0)
            );
        }
        insta::assert_json_snapshot!(messages);
    }
}
