//! A session: one sign-in of a user on a device. It may not know tokens or sockets.

use std::time::Duration;

use serde::Serialize;

use super::Reason;
use super::access::InitiatingEntity;
use super::clock::Timestamp;
use super::device::{Device, DeviceLabel, Platform};
use super::id::{DeviceId, Seq, SessionId, UserId};
use super::policy::Lifetimes;

/// No session lives longer than this, whatever its policy says.
pub const AGE_MAX: Duration = Duration::from_hours(24 * 3650);

/// How long before a session's end its person hears of it: a tenth of the time that ends, and at most this.
pub const NOTICE_MAX: Duration = Duration::from_mins(5);
const NOTICE_SHARE: u32 = 10;

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
    /// When the person proved who they are: where they came by another issuer's word, in the seconds that it names.
    pub signed_in_at: Timestamp,
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
    /// The thumbprint of the key that its tokens are good only beside, if any.
    pub jkt: Option<String>,
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

/// What a session can no longer be used for the sake of, in the policies' words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// Nobody used it.
    IdleTimeout,
    /// It is old.
    MaxAge,
    /// The person proved who they are too long ago.
    SignInMaxAge,
}

/// Until when a session can be used, if nobody uses it meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outlook {
    /// Until when.
    pub expires_at: Timestamp,
    /// Why not any longer.
    pub cause: Limit,
    /// When the person should hear of it.
    pub notice_at: Timestamp,
}

/// As much of a session as its outlook needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Life {
    /// Whose it is.
    pub session: SessionId,
    /// When it began.
    pub created_at: Timestamp,
    /// When the person proved who they are.
    pub signed_in_at: Timestamp,
    /// When the person last used it.
    pub last_active_at: Timestamp,
    /// When it ends by itself.
    pub expires_at: Timestamp,
    /// The rules it lives by.
    pub lifetimes: Lifetimes,
    /// Whether it was ended.
    pub has_ended: bool,
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

impl Life {
    /// How long it can be used yet; `None` where it has ended.
    pub fn outlook(&self, now: Timestamp) -> Option<Outlook> {
        if self.has_ended || self.expires_at <= now {
            return None;
        }
        let rules = self.lifetimes;
        let idle = (self.last_active_at, rules.idle_limit(self.last_active_at));
        let age = (self.created_at, rules.age_limit(self.created_at));
        let sign_in = rules
            .sign_in_limit(self.signed_in_at)
            .map(|limit| (Limit::SignInMaxAge, (self.signed_in_at, limit)));
        let limits = [(Limit::IdleTimeout, idle), (Limit::MaxAge, age)];
        let next = limits.into_iter().chain(sign_in);
        let (cause, (from, expires_at)) = next.min_by_key(|(_, (_, limit))| *limit)?;
        let lead = (expires_at.since(from) / NOTICE_SHARE).min(NOTICE_MAX);
        Some(Outlook {
            expires_at,
            cause,
            notice_at: expires_at.minus(lead),
        })
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

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn life(idle_timeout_s: u32, max_age_s: u32, sign_in_max_age_s: Option<u32>) -> Life {
        let began = Timestamp::from_seconds(1_000);
        let lifetimes = Lifetimes {
            idle_timeout_s: Some(idle_timeout_s),
            max_age_s: Some(max_age_s),
            sign_in_max_age_s,
        };
        Life {
            session: SessionId(Uuid::nil()),
            created_at: began,
            signed_in_at: began,
            last_active_at: began,
            expires_at: expires_at(lifetimes, began, began),
            lifetimes,
            has_ended: false,
        }
    }

    #[test]
    fn the_nearest_limit_counts_and_is_told_ahead() {
        let at = Timestamp::from_seconds;
        for (idle, age, sign_in, signed_in_at, cause, expires_at, notice_at) in [
            (100, 900, None, 1_000, Limit::IdleTimeout, 1_100, 1_090),
            (900, 100, None, 1_000, Limit::MaxAge, 1_100, 1_090),
            (90_000, 10_000, None, 1_000, Limit::MaxAge, 11_000, 10_700),
            (900, 900, Some(300), 900, Limit::SignInMaxAge, 1_200, 1_170),
            (900, 500, Some(9_000), 900, Limit::MaxAge, 1_500, 1_450),
        ] {
            let life = Life {
                signed_in_at: at(signed_in_at),
                ..life(idle, age, sign_in)
            };
            let outlook = life.outlook(at(1_001));
            let expected = Outlook {
                expires_at: at(expires_at),
                cause,
                notice_at: at(notice_at),
            };
            assert_eq!(outlook, Some(expected));
        }
        let over = life(100, 900, None).outlook(at(1_100));
        assert_eq!(over, None);
        let ended = Life {
            has_ended: true,
            ..life(100, 900, None)
        };
        assert_eq!(ended.outlook(at(1_001)), None);
    }
}
