//! Tokens that were found genuine, so that a repeated one costs no signature check. It may not know
//! whether they still hold: that is asked each time.

use std::num::NonZeroUsize;
use std::sync::Arc;

use aws_lc_rs::digest;
use lru::LruCache;
use parking_lot::Mutex;

use crate::claims::Claims;

/// Parts that are locked apart.
const SHARDS: usize = 16;

/// A token's SHA-256: of the token itself nothing is kept.
pub(super) type Fingerprint = [u8; 32];

/// The least recently used are forgotten first.
pub(super) struct Verified<T = Arc<Claims>> {
    shards: Vec<Mutex<LruCache<Fingerprint, T>>>,
}

impl Verified {
    pub(super) fn fingerprint(token: &str) -> Fingerprint {
        let mut out = [0; 32];
        out.copy_from_slice(digest::digest(&digest::SHA256, token.as_bytes()).as_ref());
        out
    }
}

impl<T: Clone> Verified<T> {
    /// Room for so many; for none where it is 0.
    pub(super) fn new(size: usize) -> Self {
        let room = NonZeroUsize::new(size.div_ceil(SHARDS));
        let shard = |room| Mutex::new(LruCache::new(room));
        let shards = room.map(|room| (0..SHARDS).map(|_| shard(room)).collect());
        Self {
            shards: shards.unwrap_or_default(),
        }
    }

    pub(super) fn get(&self, token: &Fingerprint) -> Option<T> {
        self.shard(token)?.lock().get(token).cloned()
    }

    pub(super) fn put(&self, token: Fingerprint, found: T) {
        if let Some(shard) = self.shard(&token) {
            shard.lock().put(token, found);
        }
    }

    /// Forgets all: the keys are others now.
    pub(super) fn clear(&self) {
        for shard in &self.shards {
            shard.lock().clear();
        }
    }

    fn shard(&self, token: &Fingerprint) -> Option<&Mutex<LruCache<Fingerprint, T>>> {
        let [first, ..] = token;
        self.shards.get(usize::from(*first) % SHARDS)
    }
}
