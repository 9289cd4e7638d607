//! Holds a request at a step of the service until the test lets it go.

use std::fmt::Debug;
use std::sync::{Arc, Condvar, Mutex};

use sessionwire::service::{STEP_TARGET, Step};
use tokio::sync::mpsc;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Dispatch, Event, Metadata, Subscriber};

/// The next request that comes to a step is held there.
pub(crate) struct Steps {
    shared: Arc<Shared>,
    held: mpsc::UnboundedReceiver<()>,
}

struct Shared {
    trap: Mutex<Option<Step>>,
    let_go: Mutex<bool>,
    released: Condvar,
    held: mpsc::UnboundedSender<()>,
}

/// What the runtime's threads trace to: knows steps only.
struct Watchman(Arc<Shared>);

impl Steps {
    /// Runs a test on threads whose steps can be held.
    pub(crate) fn run<F: Future>(test: impl FnOnce(Self) -> F) {
        let (sender, held) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared {
            trap: Mutex::default(),
            let_go: Mutex::default(),
            released: Condvar::new(),
            held: sender,
        });
        let dispatch = Dispatch::new(Watchman(Arc::clone(&shared)));
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .on_thread_start(move || {
                // For as long as the thread lives.
                std::mem::forget(tracing::dispatcher::set_default(&dispatch));
            })
            .build()
            .unwrap();
        runtime.block_on(test(Self { shared, held }));
    }

    /// From now on the first request that comes to this step waits there.
    pub(crate) fn hold_at(&mut self, step: Step) {
        *self.shared.let_go.lock().unwrap() = false;
        *self.shared.trap.lock().unwrap() = Some(step);
    }

    /// Returns when a request waits.
    pub(crate) async fn until_held(&mut self) {
        self.held.recv().await.unwrap();
    }

    /// Lets it go.
    pub(crate) fn let_go(&self) {
        *self.shared.let_go.lock().unwrap() = true;
        self.shared.released.notify_all();
    }
}

impl Shared {
    fn came_to(&self, step: &str) {
        let mut trap = self.trap.lock().unwrap();
        if trap.is_none_or(|trap| trap.as_str() != step) {
            return;
        }
        *trap = None;
        drop(trap);
        self.held.send(()).unwrap();
        // The thread's other tasks go on elsewhere.
        tokio::task::block_in_place(|| {
            let let_go = self.let_go.lock().unwrap();
            drop(self.released.wait_while(let_go, |let_go| !*let_go).unwrap());
        });
    }
}

impl Visit for &Shared {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "step" {
            self.came_to(value);
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn Debug) {}
}

impl Subscriber for Watchman {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == STEP_TARGET
    }

    fn event(&self, event: &Event<'_>) {
        event.record(&mut &*self.0);
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}
