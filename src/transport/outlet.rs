//! An answer whose body is written by a program that runs as it is asked for more: what it puts out goes to
//! the peer, and it goes on once that has gone to the kernel. There is no task of its own, and no queue. It
//! may not know what is written.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use axum::body::Body;
use bytes::Bytes;
use futures::stream;
use parking_lot::Mutex;

use super::underlay::Underlay;

/// Where the program puts what the body sends next.
pub(super) struct Outlet {
    slot: Arc<Mutex<Option<Bytes>>>,
    underlay: Option<Underlay>,
}

impl Outlet {
    /// The body that is written as the program runs. Without word of the connection's flushes a chunk counts
    /// as written when the next is asked for.
    pub(super) fn body<F>(underlay: Option<Underlay>, program: impl FnOnce(Self) -> F) -> Body
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let slot = Arc::new(Mutex::default());
        let outlet = Self {
            slot: Arc::clone(&slot),
            underlay,
        };
        let mut program: Option<Pin<Box<F>>> = Some(Box::pin(program(outlet)));
        Body::from_stream(stream::poll_fn(move |cx| {
            if let Some(running) = &mut program
                && running.as_mut().poll(cx).is_ready()
            {
                program = None;
            }
            match slot.lock().take() {
                Some(chunk) => Poll::Ready(Some(Ok::<_, Infallible>(chunk))),
                None if program.is_none() => Poll::Ready(None),
                None => Poll::Pending,
            }
        }))
    }

    /// Puts a chunk out; returns when it has gone to the kernel.
    pub(super) async fn write(&self, chunk: Bytes) {
        let flushed = self.underlay.as_ref().map(Underlay::next_flush);
        *self.slot.lock() = Some(chunk);
        match flushed {
            Some(flushed) => flushed.await,
            None => tokio::task::yield_now().await,
        }
    }
}
