//! Fencing: of two live sessions of a user only the later may write. It may not know what is written.

use std::collections::HashMap;

use parking_lot::Mutex;

use crate::claims::Claims;
use crate::id::{Seq, UserId};

/// Users whose fences are remembered.
const USERS_MAX: usize = 1_000_000;

/// The highest fence of each user that this guard has accepted.
#[derive(Default)]
pub(super) struct Fences {
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    users: HashMap<UserId, Latest>,
    /// The longest that any token lived, in seconds: so long an older session may still come.
    token_life_s: i64,
}

struct Latest {
    fence: Seq,
    /// When the last token came with it, in seconds since the Unix epoch.
    seen_at: i64,
}

/// A write of an older session than the user's latest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a later session of the user has taken over; nothing was written")]
pub struct FencedOff {
    /// The fence of the write's session.
    pub fence: Seq,
    /// The fence of the user's latest.
    pub latest: Seq,
}

/// One user's fence.
pub struct Fenced<'a> {
    fences: &'a Fences,
    user: UserId,
}

impl Fenced<'_> {
    /// The highest that was accepted; 0 where none was.
    pub fn fence(&self) -> Seq {
        let held = self.fences.held.lock();
        held.users.get(&self.user).map_or(Seq(0), |it| it.fence)
    }

    /// Lets a write of this session pass, unless a later session of the user was seen.
    ///
    /// # Errors
    /// [`FencedOff`] for the older session, and for claims of another user.
    pub fn admit(&self, claims: &Claims) -> Result<(), FencedOff> {
        let latest = self.fence();
        if claims.sub != self.user || claims.fence < latest {
            return Err(FencedOff {
                fence: claims.fence,
                latest,
            });
        }
        self.fences.raise(claims, claims.iat);
        Ok(())
    }
}

impl Fences {
    pub(super) fn of(&self, user: UserId) -> Fenced<'_> {
        Fenced { fences: self, user }
    }

    /// A token was accepted. `now`: seconds since the Unix epoch.
    pub(super) fn raise(&self, claims: &Claims, now: i64) {
        let mut held = self.held.lock();
        let life = claims.exp.saturating_sub(claims.iat);
        held.token_life_s = held.token_life_s.max(life);
        if held.users.len() >= USERS_MAX && !held.users.contains_key(&claims.sub) {
            held.forget_before(now);
        }
        let room = held.users.len() < USERS_MAX;
        match held.users.get_mut(&claims.sub) {
            Some(seen) => {
                seen.fence = seen.fence.max(claims.fence);
                seen.seen_at = seen.seen_at.max(now);
            }
            None if room => {
                let seen = Latest {
                    fence: claims.fence,
                    seen_at: now,
                };
                held.users.insert(claims.sub, seen);
            }
            None => {}
        }
    }

    /// Forgets users of whose older sessions no token can live.
    pub(super) fn sweep(&self, now: i64) {
        self.held.lock().forget_before(now);
    }
}

impl Held {
    fn forget_before(&mut self, now: i64) {
        let life = self.token_life_s;
        self.users
            .retain(|_, seen| seen.seen_at.saturating_add(life) >= now);
    }
}
