//! What waits for one connection: of constant size, whatever happens meanwhile.
//!
//! Changes of rights merge into one mark, a session ends once, notices have a small bound. A client
//! that reads nothing costs no more than that. It may not know what is written to the socket.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::delivery::Ticket;
use crate::domain::clock::Timestamp;
use crate::domain::id::{ConnectionId, DeviceId, SessionId, UserId};
use crate::domain::session::SessionEnd;

/// How many notices and questions may wait; one more and the client is too slow.
const NOTICES_MAX: usize = 16;
/// How many receipts may wait for one connection; further ones count it as not told.
const TICKETS_MAX: usize = 32;

/// A live connection, as the hub knows it.
pub struct Handle {
    /// Its id.
    pub id: ConnectionId,
    /// Whose it is.
    pub user_id: UserId,
    /// Its session.
    pub session_id: SessionId,
    /// The device.
    pub device_id: DeviceId,
    /// When it was welcomed.
    pub since: Timestamp,
    slots: Mutex<Slots>,
    wake: Notify,
}

/// What waits.
#[derive(Default)]
pub struct Slots {
    /// The rights may differ from what the client was told.
    pub rights: bool,
    /// The session ended.
    pub end: Option<SessionEnd>,
    /// Encoded notices and questions, shared by all who hear them.
    pub notices: VecDeque<Arc<str>>,
    /// More came than fits.
    pub overflow: bool,
    /// The server makes way: come back after so many milliseconds.
    pub drain_after_ms: Option<u64>,
    /// A moment that the connection waited for has come.
    pub due: bool,
    /// Receipts that wait for what is in here.
    pub tickets: Vec<Ticket>,
    /// Receipts that wait for the rights to be read anew.
    pub rights_tickets: Vec<Ticket>,
}

impl Handle {
    /// An empty mailbox.
    pub fn new(
        id: ConnectionId,
        user_id: UserId,
        session_id: SessionId,
        device_id: DeviceId,
        since: Timestamp,
    ) -> Self {
        Self {
            id,
            user_id,
            session_id,
            device_id,
            since,
            slots: Mutex::default(),
            wake: Notify::new(),
        }
    }

    fn put(&self, change: impl FnOnce(&mut Slots)) {
        change(&mut self.slots.lock());
        self.wake.notify_one();
    }

    /// The rights were read anew.
    pub fn put_rights(&self) {
        self.put(|slots| slots.rights = true);
    }

    /// A receipt waits for the rights to be read anew. Wakes nobody: that is for the reading.
    pub fn put_ticket(&self, ticket: Ticket) {
        keep(&mut self.slots.lock().rights_tickets, ticket);
    }

    /// The session ended. The first end stands.
    pub fn put_end(&self, end: SessionEnd, ticket: Ticket) {
        self.put(|slots| {
            slots.end.get_or_insert(end);
            keep(&mut slots.tickets, ticket);
        });
    }

    /// Something is to be said.
    pub fn put_notice(&self, frame: Arc<str>, ticket: Ticket) {
        self.put(|slots| {
            if slots.notices.len() < NOTICES_MAX {
                slots.notices.push_back(frame);
                keep(&mut slots.tickets, ticket);
            } else {
                slots.overflow = true;
            }
        });
    }

    /// The server makes way.
    pub fn put_drain(&self, after_ms: u64) {
        self.put(|slots| slots.drain_after_ms = Some(after_ms));
    }

    /// A moment that the connection waited for has come.
    pub fn put_due(&self) {
        self.put(|slots| slots.due = true);
    }

    /// Waits until something is there, and takes it.
    pub async fn take(&self) -> Slots {
        self.wake.notified().await;
        self.take_now()
    }

    /// Takes what is there.
    pub fn take_now(&self) -> Slots {
        std::mem::take(&mut *self.slots.lock())
    }
}

/// Beyond the bound a receipt counts this connection as not told.
fn keep(tickets: &mut Vec<Ticket>, ticket: Ticket) {
    if tickets.len() < TICKETS_MAX {
        tickets.push(ticket);
    }
}
