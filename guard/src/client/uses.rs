//! What was accepted in the last seconds: so that a guard that learns of a revocation can say what it let
//! pass after it. It may not know how that is said.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use uuid::Uuid;

use crate::claims::Claims;
use crate::feed::Heard;
use crate::id::Seq;
use crate::revocation::ChangeKind;

/// Parts that are locked apart.
const SHARDS: usize = 16;
/// Tokens whose uses are remembered, in each part.
const TOKENS_MAX: usize = 10_000 / SHARDS;
/// Things that one token is remembered to have been used for.
const KINDS_MAX: usize = 16;
/// Moments of one thing.
const MOMENTS_MAX: usize = 256;
/// How long a use is remembered, beyond the lag.
const KEPT: Duration = Duration::from_secs(10);

/// A token that was accepted too late.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct LateUse {
    pub(super) claims: Arc<Claims>,
    /// The position of the change that came before the use.
    pub(super) seq: Seq,
    pub(super) is_ended: bool,
    pub(super) what: String,
    /// At least so often.
    pub(super) count: u32,
    /// Milliseconds since the Unix epoch.
    pub(super) first_at: i64,
    pub(super) last_at: i64,
}

/// The accepted uses of the last seconds.
pub(super) struct Uses {
    shards: Vec<Mutex<HashMap<Uuid, Token>>>,
    kept: Duration,
}

struct Token {
    claims: Arc<Claims>,
    things: Vec<Thing>,
}

struct Thing {
    what: String,
    moments: VecDeque<Moment>,
}

/// A millisecond in which a token was used.
#[derive(Clone, Copy)]
struct Moment {
    uptime: Duration,
    now_ms: i64,
    count: u32,
}

impl Uses {
    pub(super) fn new(max_lag: Duration) -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            kept: max_lag.max(KEPT) + KEPT,
        }
    }

    /// A token was accepted for something. Answers whether there was room to remember it.
    pub(super) fn note(
        &self,
        claims: &Arc<Claims>,
        what: &str,
        uptime: Duration,
        now_ms: i64,
    ) -> bool {
        let [first, .., last] = *claims.jti.as_bytes();
        let shard = usize::from(first ^ last) % SHARDS;
        let Some(shard) = self.shards.get(shard) else {
            return false;
        };
        let mut tokens = shard.lock();
        if tokens.len() >= TOKENS_MAX && !tokens.contains_key(&claims.jti) {
            return false;
        }
        let token = tokens.entry(claims.jti).or_insert_with(|| Token {
            claims: Arc::clone(claims),
            things: Vec::new(),
        });
        token.note(what, uptime, now_ms)
    }

    /// What these changes came too late for, after so long under way. A change of unknown age counts from
    /// `in_sync_at`, the last moment at which everything was known. Each use is answered once.
    pub(super) fn late(
        &self,
        changes: &[Heard],
        uptime: Duration,
        delay: Duration,
        in_sync_at: Option<Duration>,
    ) -> Vec<LateUse> {
        let mut late = Vec::new();
        for shard in &self.shards {
            for token in shard.lock().values_mut() {
                let Some(heard) = first_concerning(changes, &token.claims) else {
                    continue;
                };
                let age = heard.age_ms.map(Duration::from_millis);
                let happened = age.map(|age| uptime.saturating_sub(age + delay));
                let since = happened.or(in_sync_at).unwrap_or_default();
                token.take_since(since, heard, &mut late);
            }
        }
        late
    }

    /// Forgets what is too long ago.
    pub(super) fn sweep(&self, uptime: Duration) {
        let since = uptime.saturating_sub(self.kept);
        for shard in &self.shards {
            shard.lock().retain(|_, token| {
                token.things.retain_mut(|thing| {
                    thing.moments.retain(|moment| moment.uptime >= since);
                    !thing.moments.is_empty()
                });
                !token.things.is_empty()
            });
        }
    }
}

/// The change that the token's end came with, else that its rights changed with. Whose a token was that a
/// retired key signed nobody knows, so there is nobody to report it of.
fn first_concerning<'a>(changes: &'a [Heard], claims: &Claims) -> Option<&'a Heard> {
    let concerning = || {
        let concerns = |heard: &&Heard| {
            heard.note.change.kind() != ChangeKind::SigningKeyRetired
                && heard.note.change.concerns(heard.note.seq, claims)
        };
        changes.iter().filter(concerns)
    };
    let ended = concerning().filter(|heard| is_end(heard));
    let first_end = ended.min_by_key(|heard| heard.note.seq);
    first_end.or_else(|| concerning().min_by_key(|heard| heard.note.seq))
}

fn is_end(heard: &Heard) -> bool {
    match heard.note.change.kind() {
        ChangeKind::SessionEnded | ChangeKind::UserEnded | ChangeKind::EverybodyEnded => true,
        ChangeKind::UserRightsChanged
        | ChangeKind::GroupRightsChanged
        | ChangeKind::SigningKeyRetired => false,
    }
}

impl Token {
    fn note(&mut self, what: &str, uptime: Duration, now_ms: i64) -> bool {
        if let Some(thing) = self.things.iter_mut().find(|thing| thing.what == what) {
            thing.note(uptime, now_ms);
            return true;
        }
        if self.things.len() >= KINDS_MAX {
            return false;
        }
        let mut thing = Thing {
            what: what.to_owned(),
            moments: VecDeque::new(),
        };
        thing.note(uptime, now_ms);
        self.things.push(thing);
        true
    }

    fn take_since(&mut self, since: Duration, heard: &Heard, late: &mut Vec<LateUse>) {
        for thing in &mut self.things {
            let first = thing
                .moments
                .partition_point(|moment| moment.uptime <= since);
            let mut moments = thing.moments.drain(first..);
            let Some(begin) = moments.next() else {
                continue;
            };
            let (count, end) = moments.fold((begin.count, begin), |(count, _), moment| {
                (count.saturating_add(moment.count), moment)
            });
            late.push(LateUse {
                claims: Arc::clone(&self.claims),
                seq: heard.note.seq,
                is_ended: is_end(heard),
                what: thing.what.clone(),
                count,
                first_at: begin.now_ms,
                last_at: end.now_ms,
            });
        }
    }
}

impl Thing {
    fn note(&mut self, uptime: Duration, now_ms: i64) {
        if let Some(last) = self.moments.back_mut()
            && uptime.as_millis() == last.uptime.as_millis()
        {
            last.count = last.count.saturating_add(1);
            return;
        }
        if self.moments.len() >= MOMENTS_MAX {
            self.moments.pop_front();
        }
        self.moments.push_back(Moment {
            uptime,
            now_ms,
            count: 1,
        });
    }
}
