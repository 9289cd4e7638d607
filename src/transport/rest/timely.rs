//! A bound of time, whose timer is made only once it is waited for: what is answered from memory needs none. It may not
//! know what is done meanwhile.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use pin_project_lite::pin_project;
use tokio::time::{Sleep, sleep};

pin_project! {
    /// What is done within a time.
    pub(super) struct Timely<F> {
        #[pin]
        work: F,
        time: Duration,
        timer: Option<Pin<Box<Sleep>>>,
    }
}

/// It was not done in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Late;

impl<F> Timely<F> {
    /// The time begins when the work is first looked at.
    pub(super) fn within(time: Duration, work: F) -> Self {
        Self {
            work,
            time,
            timer: None,
        }
    }
}

impl<F: Future> Future for Timely<F> {
    type Output = Result<F::Output, Late>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if let Poll::Ready(done) = this.work.poll(cx) {
            return Poll::Ready(Ok(done));
        }
        let time = *this.time;
        let timer = this.timer.get_or_insert_with(|| Box::pin(sleep(time)));
        ready!(timer.as_mut().poll(cx));
        Poll::Ready(Err(Late))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn work_may_take_so_long_and_no_longer() {
        let began = tokio::time::Instant::now();
        assert_eq!(Timely::within(SECOND, sleep(SECOND / 2)).await, Ok(()));
        assert_eq!(began.elapsed(), SECOND / 2);
        let late = Timely::within(SECOND, std::future::pending::<()>()).await;
        assert_eq!(late, Err(Late));
        assert_eq!(began.elapsed(), SECOND * 3 / 2);
    }
}
