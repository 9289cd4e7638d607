//! What a node does by itself for as long as it runs. A task of it that breaks off says so: a node that follows nothing,
//! or tells nobody, must not stay up as if it did. It may not know what the tasks do.

use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// The tasks; they end with it.
pub(super) struct Tasks {
    all: Mutex<Vec<JoinHandle<()>>>,
    broken: watch::Sender<bool>,
}

/// Says that a task broke off, unless it was ended.
struct Alarm(watch::Sender<bool>);

impl Drop for Alarm {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.send_replace(true);
        }
    }
}

impl Tasks {
    /// None yet.
    pub(super) fn new() -> Self {
        Self {
            all: Mutex::default(),
            broken: watch::Sender::new(false),
        }
    }

    /// One more.
    pub(super) fn start(&self, task: impl Future<Output = ()> + Send + 'static) {
        let alarm = Alarm(self.broken.clone());
        let task = async move {
            let _alarm = alarm;
            task.await;
        };
        self.all.lock().push(tokio::spawn(task));
    }

    /// Returns once one of them has broken off.
    pub(super) async fn until_broken(&self) {
        let mut broken = self.broken.subscribe();
        // The sender is our own, so that it can't have gone.
        let _ = broken.wait_for(|it| *it).await;
    }

    /// Ends them.
    pub(super) fn end(&self) {
        for task in &*self.all.lock() {
            task.abort();
        }
    }
}

impl Drop for Tasks {
    fn drop(&mut self) {
        self.end();
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn a_task_that_panics_is_told_of_even_to_who_asks_later() {
        let tasks = Tasks::new();
        tasks.start(async { panic!("a test panics") });
        tasks.until_broken().await;
        tasks.until_broken().await;
    }

    #[tokio::test]
    async fn a_task_that_is_ended_or_done_has_not_broken_off() {
        let tasks = Tasks::new();
        tasks.start(std::future::pending());
        tasks.start(async {});
        tasks.end();
        let all = std::mem::take(&mut *tasks.all.lock());
        for task in all {
            drop(task.await);
        }
        assert!(tasks.until_broken().now_or_never().is_none());
    }
}
