//! What an event means: for tokens that have not seen it, and for connected clients. It may not know
//! how either is carried out.

use sessionwire_guard::Change;

use super::Reason;
use super::event::{Audience, Event, SessionEnded, TakeoverRequested};
use super::id::UserId;
use super::message::NoticeContent;

/// What an event means for connected clients.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Effect<'a> {
    /// The rights of this user may differ now.
    RightsOfUser(UserId),
    /// The rights of everybody who is in the group of this name may differ now. They are in the same groups.
    PermissionsOfGroup(&'a str),
    /// Nobody is in a group of this name any more: it is gone, or called otherwise.
    EndOfGroup(&'a str),
    /// A session ended.
    SessionEnded(&'a SessionEnded),
    /// Connections that came with a token of this key have shown nothing.
    KeyRetired(&'a str),
    /// Something is to be said.
    Notice(&'a Audience, &'a NoticeContent),
    /// Devices are asked.
    TakeoverRequested(&'a TakeoverRequested),
    /// Nothing.
    None,
}

impl Event {
    /// What it means for tokens that have not seen it.
    pub fn changes(&self) -> Option<Change> {
        match self {
            Self::UserSuspended { user_id } => Some(user_ended(*user_id, Reason::UserSuspended)),
            Self::UserDeleted { user_id, .. } => Some(user_ended(*user_id, Reason::UserDeleted)),
            Self::RevokedAll {} => Some(Change::EverybodyEnded {
                reason: Reason::RevokeAll,
            }),
            Self::SessionEnded(ended) => match ended.reason {
                // These come with an entry for the user or for everybody, which covers them.
                Reason::UserSuspended | Reason::UserDeleted | Reason::RevokeAll => None,
                Reason::SignedOut
                | Reason::SignedOutEverywhere
                | Reason::RevokedByAdmin
                | Reason::Superseded
                | Reason::PasswordChanged
                | Reason::RefreshTokenReused
                | Reason::IdleTimeout
                | Reason::Expired
                | Reason::DeviceRevoked
                | Reason::PolicyChanged
                | Reason::IdentityProviderLogout => Some(Change::SessionEnded {
                    session_id: ended.session_id,
                    reason: ended.reason,
                }),
            },
            Self::SigningKeyRetired { kid } => Some(Change::SigningKeyRetired { kid: kid.clone() }),
            Self::MembershipAdded { user_id, .. } | Self::MembershipRemoved { user_id, .. } => {
                Some(Change::UserRightsChanged { user_id: *user_id })
            }
            Self::GroupUpdated { old_name, name, .. } if old_name != name => {
                Some(group_changed(old_name))
            }
            Self::GroupDeleted { name, .. } | Self::GroupPermissionsChanged { name, .. } => {
                Some(group_changed(name))
            }
            Self::UserCreated { .. }
            | Self::UserUpdated { .. }
            | Self::UserResumed { .. }
            | Self::PasswordChanged { .. }
            | Self::IdentityLinked { .. }
            | Self::IdentityUnlinked { .. }
            | Self::GroupCreated { .. }
            | Self::GroupUpdated { .. }
            | Self::SessionStarted { .. }
            | Self::DeviceRevoked { .. }
            | Self::TakeoverRequested(_)
            | Self::TakeoverAnswered { .. }
            | Self::PolicyChanged { .. }
            | Self::PolicyRemoved { .. }
            | Self::NoticeSent { .. }
            | Self::ApiKeyCreated { .. }
            | Self::ApiKeyRevoked { .. }
            | Self::TokenLateUse(_)
            | Self::SinkDisabled { .. }
            | Self::SinkEnabled { .. }
            | Self::LogRestored { .. }
            | Self::SigningKeyRotated { .. } => None,
        }
    }

    /// What it means for connected clients.
    pub fn effect(&self) -> Effect<'_> {
        match self {
            Self::SessionEnded(ended) => Effect::SessionEnded(ended),
            Self::SigningKeyRetired { kid } => Effect::KeyRetired(kid),
            Self::NoticeSent { to, notice } => Effect::Notice(to, notice),
            Self::TakeoverRequested(request) => Effect::TakeoverRequested(request),
            Self::MembershipAdded { user_id, .. } | Self::MembershipRemoved { user_id, .. } => {
                Effect::RightsOfUser(*user_id)
            }
            Self::GroupUpdated { old_name, name, .. } if old_name != name => {
                Effect::EndOfGroup(old_name)
            }
            Self::GroupDeleted { name, .. } => Effect::EndOfGroup(name),
            Self::GroupPermissionsChanged { name, .. } => Effect::PermissionsOfGroup(name),
            Self::UserCreated { .. }
            | Self::UserUpdated { .. }
            | Self::UserSuspended { .. }
            | Self::UserResumed { .. }
            | Self::UserDeleted { .. }
            | Self::PasswordChanged { .. }
            | Self::IdentityLinked { .. }
            | Self::IdentityUnlinked { .. }
            | Self::GroupCreated { .. }
            | Self::GroupUpdated { .. }
            | Self::SessionStarted { .. }
            | Self::DeviceRevoked { .. }
            | Self::TakeoverAnswered { .. }
            | Self::PolicyChanged { .. }
            | Self::PolicyRemoved { .. }
            | Self::ApiKeyCreated { .. }
            | Self::ApiKeyRevoked { .. }
            | Self::TokenLateUse(_)
            | Self::SigningKeyRotated { .. }
            | Self::SinkDisabled { .. }
            | Self::SinkEnabled { .. }
            | Self::LogRestored { .. }
            | Self::RevokedAll {} => Effect::None,
        }
    }
}

fn user_ended(user_id: UserId, reason: Reason) -> Change {
    Change::UserEnded { user_id, reason }
}

fn group_changed(name: &str) -> Change {
    Change::GroupRightsChanged {
        group: name.to_owned(),
    }
}
