//! Gives many connections their turns, a few at a time: what one of them has to hear, and what else the server has
//! to do, waits for a few of the others at most, and not for all. It may not know what the turns are for.
//!
//! What is for a connection alone needs no turn (`Mailbox`), so the end of a session overtakes whatever is told to
//! many.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::announcement::Tally;
use super::mailbox::Mailbox;

/// How many have their turns before anything else does.
const AT_ONCE: usize = 32;

/// Those who wait for their turns; each once, so it is bounded by who is connected.
#[derive(Default)]
pub(super) struct Bell {
    waiting: Mutex<VecDeque<Arc<Mailbox>>>,
    rung: Notify,
}

impl Bell {
    /// These have their turns after those who wait already.
    pub(super) fn ring(&self, mailboxes: Vec<Arc<Mailbox>>) {
        if mailboxes.is_empty() {
            return;
        }
        self.waiting.lock().extend(mailboxes);
        self.rung.notify_waiters();
        // For one who is just about to wait.
        self.rung.notify_one();
    }

    /// Gives turns for ever. Several may do so at once.
    pub(super) async fn run(self: Arc<Self>) {
        let mut bytes = Vec::new();
        loop {
            let some = self.take();
            if some.is_empty() {
                self.rung.notified().await;
                continue;
            }
            let mut tally = Tally::default();
            for mailbox in some {
                mailbox.take_turn(&mut bytes, &mut tally);
            }
            tally.count();
            // Others come first.
            tokio::task::yield_now().await;
        }
    }

    fn take(&self) -> Vec<Arc<Mailbox>> {
        let mut waiting = self.waiting.lock();
        let count = waiting.len().min(AT_ONCE);
        let some = waiting.drain(..count).collect();
        if waiting.is_empty() {
            // A crowd's worth of memory is for crowds.
            waiting.shrink_to_fit();
        }
        some
    }
}
