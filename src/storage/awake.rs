//! Waits for an answer without falling asleep at first. Another thread of this process answers most questions sooner
//! than one that sleeps is woken, and a processor that does nothing meanwhile takes longer still to come back. Whatever
//! else there is to do goes before each look. It may not know what the answer is.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::Stream;
use tokio::time::Instant;

/// What is waited for, and until when awake.
pub(super) struct Awake<T> {
    waited_for: T,
    until: Instant,
}

impl<T> Awake<T> {
    pub(super) fn at_first(waited_for: T, time: Duration) -> Self {
        let until = Instant::now() + time;
        Self { waited_for, until }
    }

    /// Looks again soon, where it has not come and the time is not over.
    fn look_again<A>(&self, came: Poll<A>, cx: &Context<'_>) -> Poll<A> {
        if came.is_pending() && Instant::now() < self.until {
            cx.waker().wake_by_ref();
        }
        came
    }
}

impl<T: Future + Unpin> Future for Awake<T> {
    type Output = T::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T::Output> {
        let came = Pin::new(&mut self.waited_for).poll(cx);
        self.look_again(came, cx)
    }
}

impl<T: Stream + Unpin> Stream for Awake<T> {
    type Item = T::Item;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T::Item>> {
        let came = Pin::new(&mut self.waited_for).poll_next(cx);
        self.look_again(came, cx)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::task::Wake;

    use futures::FutureExt as _;
    use tokio::sync::oneshot;

    use super::*;

    #[derive(Default)]
    struct Wakes(AtomicU32);

    impl Wake for Wakes {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn it_looks_again_as_long_as_the_time_is_not_over() {
        for (time, looks) in [(Duration::from_mins(1), 1), (Duration::ZERO, 0)] {
            let (answer, question) = oneshot::channel();
            let counted = Arc::new(Wakes::default());
            let waker = Arc::clone(&counted).into();
            let mut awake = Awake::at_first(question, time);
            let mut cx = Context::from_waker(&waker);
            assert!(awake.poll_unpin(&mut cx).is_pending());
            assert_eq!(counted.0.load(Ordering::Relaxed), looks);
            answer.send(7).unwrap();
            assert_eq!(counted.0.load(Ordering::Relaxed), looks + 1);
            assert_eq!(awake.poll_unpin(&mut cx), Poll::Ready(Ok(7)));
        }
    }
}
