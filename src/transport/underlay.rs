//! The connection that a request came over, as far as streams have to do with it: when what was handed to
//! the HTTP stack has gone to the kernel, and that it is counted as a socket from now on. It may not know
//! what is written, or who counts.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use tokio::sync::Notify;

/// A connection. The HTTP stack flushes only when it has written all that it holds, so whatever it was given
/// before a flush went to the kernel with it. Cloning shares it.
#[derive(Clone)]
pub struct Underlay(Arc<Shared>);

struct Shared {
    flushes: AtomicU64,
    flushed: Notify,
    /// Held, as long as the connection is no socket.
    place: Mutex<Option<Box<dyn Any + Send>>>,
}

impl Underlay {
    /// A connection that holds a place among those that are no sockets.
    pub fn new(place: impl Any + Send) -> Self {
        Self(Arc::new(Shared {
            flushes: AtomicU64::new(0),
            flushed: Notify::new(),
            place: Mutex::new(Some(Box::new(place))),
        }))
    }

    /// Everything has been written.
    pub fn note_flush(&self) {
        self.0.flushes.fetch_add(1, Ordering::AcqRel);
        self.0.flushed.notify_waiters();
    }

    /// It is a socket now, which the node counts, or none at all any more.
    pub fn give_place_back(&self) {
        drop(self.0.place.lock().take());
    }

    /// Returns at the next flush, counted from when this is called.
    pub(super) fn next_flush(&self) -> impl Future<Output = ()> + Send + use<> {
        let shared = Arc::clone(&self.0);
        let before = shared.flushes.load(Ordering::Acquire);
        async move {
            loop {
                let flushed = shared.flushed.notified();
                tokio::pin!(flushed);
                // Listening begins before the look, so the next one can't slip in between.
                flushed.as_mut().enable();
                if shared.flushes.load(Ordering::Acquire) > before {
                    return;
                }
                flushed.await;
            }
        }
    }
}
