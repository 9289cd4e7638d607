//! Tokens that were found genuine, so that a repeated one costs no signature check. It may not know
//! whether they still hold: that is asked each time.
//!
//! Nothing is kept of what is not genuine. So whoever would push out what others need has to bring as many
//! tokens that were issued, and what is lost by it is a signature check.

use std::num::NonZeroUsize;
use std::sync::Arc;

use aws_lc_rs::digest;
use lru::LruCache;
use parking_lot::Mutex;

use crate::claims::Claims;

/// Parts that are locked apart.
const SHARDS: usize = 16;

/// A token's SHA-256: of the token itself nothing is kept.
pub type Fingerprint = [u8; 32];

/// What a token is remembered by.
pub fn fingerprint(token: &str) -> Fingerprint {
    let mut out = [0; 32];
    out.copy_from_slice(digest::digest(&digest::SHA256, token.as_bytes()).as_ref());
    out
}

/// The least recently used are forgotten first.
pub struct Verified<T = Arc<Claims>> {
    shards: Vec<Mutex<LruCache<Fingerprint, T>>>,
}

impl<T: Clone> Verified<T> {
    /// Room for so many; for none where it is 0.
    pub fn new(size: usize) -> Self {
        let room = NonZeroUsize::new(size.div_ceil(SHARDS));
        let shard = |room| Mutex::new(LruCache::new(room));
        let shards = room.map(|room| (0..SHARDS).map(|_| shard(room)).collect());
        Self {
            shards: shards.unwrap_or_default(),
        }
    }

    /// What was found, if it is remembered.
    pub fn get(&self, token: &Fingerprint) -> Option<T> {
        let mut shard = self.shard(token)?.lock();
        // Which was used last is of interest only where one has to give way.
        if shard.len() < shard.cap().get() {
            shard.peek(token).cloned()
        } else {
            shard.get(token).cloned()
        }
    }

    /// Remembers what was found.
    pub fn put(&self, token: Fingerprint, found: T) {
        if let Some(shard) = self.shard(&token) {
            shard.lock().put(token, found);
        }
    }

    /// Forgets all: the keys are others now.
    pub fn clear(&self) {
        for shard in &self.shards {
            shard.lock().clear();
        }
    }

    fn shard(&self, token: &Fingerprint) -> Option<&Mutex<LruCache<Fingerprint, T>>> {
        let [first, ..] = token;
        self.shards.get(usize::from(*first) % SHARDS)
    }
}
