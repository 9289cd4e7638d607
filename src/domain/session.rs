//! A session: one sign-in of a user on a device. It may not know tokens or sockets.

use std::time::Duration;

use super::Reason;
use super::access::InitiatingEntity;
use super::clock::Timestamp;
use super::device::{Device, DeviceLabel, Platform};
use super::id::{DeviceId, Seq, SessionId, UserId};
use super::policy::Lifetimes;

/// No session lives longer than this, whatever its policy says.
pub const AGE_MAX: Duration = Duration::from_hours(24 * 3650);

/// A session as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Its id.
    pub id: SessionId,
    /// Whose it is.
    pub user_id: UserId,
    /// Where it is.
    pub device: Device,
    /// The position at which it began.
    pub fence: Seq,
    /// When it began.
    pub created_at: Timestamp,
    /// When the person last used it.
    pub last_active_at: Timestamp,
    /// When it ends by itself.
    pub expires_at: Timestamp,
    /// Whether the person asked to be remembered.
    pub remembered: bool,
    /// The rules it lives by.
    pub lifetimes: Lifetimes,
    /// The address that signed in.
    pub address: Option<String>,
    /// The program that signed in.
    pub user_agent: Option<String>,
    /// How it ended, if it did.
    pub end: Option<SessionEnd>,
}

/// How a session ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionEnd {
    /// The event.
    pub seq: Seq,
    /// When.
    pub at: Timestamp,
    /// Why.
    pub reason: Reason,
    /// On whose behalf.
    pub initiating_entity: InitiatingEntity,
    /// The device that took its place.
    pub replaced_by: Option<DeviceLabel>,
}

/// As much of a live session as the rules about limits need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LiveSession {
    /// Its id.
    pub id: SessionId,
    /// Its device.
    pub device_id: DeviceId,
    /// What kind of thing the device is.
    pub platform: Platform,
    /// The position at which it began.
    pub fence: Seq,
}

impl Session {
    /// Whether it lives at `now`. Past its expiry it counts as ended, swept or not.
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.end.is_none() && self.expires_at > now
    }

    /// Why it would end by itself: of idleness or of age, whichever comes first.
    pub fn expiry_reason(&self) -> Reason {
        let of_age = self.lifetimes.age_limit(self.created_at);
        let of_idleness = self.lifetimes.idle_limit(self.last_active_at);
        if of_idleness < of_age {
            Reason::IdleTimeout
        } else {
            Reason::Expired
        }
    }

    /// As much as the rules about limits need.
    pub fn as_live(&self) -> LiveSession {
        LiveSession {
            id: self.id,
            device_id: self.device.id,
            platform: self.device.platform,
            fence: self.fence,
        }
    }
}

/// When a session of these lifetimes ends by itself.
pub fn expires_at(
    lifetimes: Lifetimes,
    created_at: Timestamp,
    last_active_at: Timestamp,
) -> Timestamp {
    lifetimes
        .age_limit(created_at)
        .min(lifetimes.idle_limit(last_active_at))
}
