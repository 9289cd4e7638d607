//! The timer of one connection, for how long it waits for the head of a request: hyper sets it anew for each, and a
//! timer of tokio's that is registered and forgotten each time takes a lock of all connections twice. This one stays
//! registered; where it rings before what is waited for now, it is put off to that. It may not know what is waited for.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use hyper::rt::{Sleep, Timer};
use parking_lot::Mutex;
use tokio::time::sleep_until;

/// A timer for waits that follow one another: of several at once each would ring for the others.
#[derive(Clone, Default)]
pub(super) struct HeadTimer(Arc<Mutex<Option<Pin<Box<tokio::time::Sleep>>>>>);

/// Until a time.
struct Wait {
    deadline: Instant,
    timer: HeadTimer,
}

impl Timer for HeadTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until(self.now() + duration)
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        let timer = self.clone();
        Box::pin(Wait { deadline, timer })
    }

    fn now(&self) -> Instant {
        tokio::time::Instant::now().into()
    }
}

impl Sleep for Wait {}

impl Future for Wait {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let deadline = self.deadline.into();
        let mut bell = self.timer.0.lock();
        let bell = bell.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        if bell.deadline() > deadline {
            bell.as_mut().reset(deadline);
        }
        ready!(bell.as_mut().poll(cx));
        if bell.deadline() < deadline {
            bell.as_mut().reset(deadline);
            return bell.as_mut().poll(cx);
        }
        Poll::Ready(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    async fn rings_after(wait: Pin<Box<dyn Sleep>>) -> Duration {
        let began = tokio::time::Instant::now();
        wait.await;
        began.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn each_wait_rings_at_its_own_time() {
        let timer = HeadTimer::default();
        for seconds in [3, 1, 5, 5, 2] {
            // Half a wait that came to nothing: the bell goes on for it.
            let mut given_up = timer.sleep(4 * SECOND);
            let half = tokio::time::timeout(2 * SECOND, given_up.as_mut()).await;
            assert!(half.is_err(), "{seconds}");
            drop(given_up);
            let wait = timer.sleep(seconds * SECOND);
            assert_eq!(rings_after(wait).await, seconds * SECOND);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_bell_that_rang_for_nobody_rings_again() {
        let timer = HeadTimer::default();
        let mut first = timer.sleep(SECOND);
        assert!(futures::poll!(first.as_mut()).is_pending());
        drop(first);
        tokio::time::sleep(10 * SECOND).await;
        assert_eq!(rings_after(timer.sleep(SECOND)).await, SECOND);
    }
}
