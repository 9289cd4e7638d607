//! A session over long-polling: what its requests and its driver share. It may not know what is in the
//! packets.
//!
//! The driver puts packets in and waits until an answer has carried them to the kernel, so there is never
//! more than one batch; a request that brings packets waits until the driver has room for them.

use std::sync::Arc;

use crate::transport::websocket::Socket;
use axum::body::Body;
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::{Notify, mpsc};

use super::packet::{self, SEPARATOR};
use crate::transport::outlet::Outlet;
use crate::transport::underlay::Underlay;

/// Packets that wait for the driver.
const INBOX_MAX: usize = 16;

/// What a request brings.
pub(super) enum Brought {
    /// A packet.
    Packet(String),
    /// More than a request may hold.
    TooLarge,
}

/// Two requests of a kind at once, or one after the end.
pub(super) struct Misplaced;

/// The requests' side.
pub(super) struct Polling {
    shared: Mutex<Shared>,
    /// For the poll that waits.
    put: Notify,
    /// For the driver.
    stirred: Notify,
    inbox: mpsc::Sender<Brought>,
}

#[derive(Default)]
struct Shared {
    packets: Vec<String>,
    /// Packets put in so far, and those of them that have gone to the kernel.
    put: u64,
    written: u64,
    polling: bool,
    posting: bool,
    phase: Phase,
}

/// Where a session is.
#[derive(Default)]
enum Phase {
    /// It goes on by polls.
    #[default]
    Polls,
    /// A WebSocket is about to take over.
    Upgrading,
    /// It has; until the driver has taken it, it is here.
    Moved(Option<Box<Socket>>),
    /// The client does not keep to the rules, or an answer was lost on its way.
    Broken,
    /// The driver has let go.
    Over,
}

impl Shared {
    /// From now on nothing is carried any more.
    fn break_off(&mut self) {
        if matches!(self.phase, Phase::Polls | Phase::Upgrading) {
            self.phase = Phase::Broken;
        }
    }

    /// What the driver has to know besides packets.
    fn turn(&mut self) -> Option<Turn> {
        match &mut self.phase {
            Phase::Moved(socket) => socket.take().map(Turn::Moved),
            Phase::Broken => Some(Turn::Gone),
            Phase::Polls | Phase::Upgrading | Phase::Over => None,
        }
    }
}

enum Turn {
    Moved(Box<Socket>),
    Gone,
}

impl Polling {
    /// A session, and its driver's side.
    pub(super) fn new() -> (Arc<Self>, PollingLane) {
        let (inbox, brought) = mpsc::channel(INBOX_MAX);
        let polling = Arc::new(Self {
            shared: Mutex::default(),
            put: Notify::new(),
            stirred: Notify::new(),
            inbox,
        });
        let lane = PollingLane {
            polling: Arc::clone(&polling),
            brought,
        };
        (polling, lane)
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock()
    }

    /// The client has broken the rules: the session ends.
    fn break_off(&self) -> Misplaced {
        self.shared().break_off();
        self.put.notify_one();
        self.stirred.notify_one();
        Misplaced
    }

    /// The answer to a poll: ends with the first packets that there are.
    pub(super) fn poll(self: &Arc<Self>, underlay: Option<Underlay>) -> Result<Body, Misplaced> {
        if std::mem::replace(&mut self.shared().polling, true) {
            return Err(self.break_off());
        }
        let mut poll = Poll {
            polling: Arc::clone(self),
            carries: None,
        };
        Ok(Outlet::body(underlay, async move |outlet| {
            let payload = poll.payload().await;
            outlet.write(payload.into()).await;
            poll.arrived();
        }))
    }

    /// Takes the packets of a request in, as the driver has room for them.
    pub(super) async fn post(&self, brought: Vec<Brought>) -> Result<(), Misplaced> {
        if std::mem::replace(&mut self.shared().posting, true) {
            return Err(self.break_off());
        }
        let _posting = Posting(self);
        for packet in brought {
            self.inbox.send(packet).await.map_err(|_| Misplaced)?;
        }
        Ok(())
    }

    /// A WebSocket wants to take over: polls are let go of. Only one may.
    pub(super) fn begin_upgrade(&self) -> Result<(), Misplaced> {
        let mut shared = self.shared();
        let Phase::Polls = shared.phase else {
            return Err(Misplaced);
        };
        shared.phase = Phase::Upgrading;
        drop(shared);
        self.put.notify_one();
        Ok(())
    }

    /// It does not.
    pub(super) fn abandon_upgrade(&self) {
        let mut shared = self.shared();
        if let Phase::Upgrading = shared.phase {
            shared.phase = Phase::Polls;
        }
    }

    /// It does.
    pub(super) fn finish_upgrade(&self, socket: Socket) {
        let mut shared = self.shared();
        if let Phase::Upgrading = shared.phase {
            shared.phase = Phase::Moved(Some(Box::new(socket)));
        }
        drop(shared);
        self.stirred.notify_one();
    }
}

struct Posting<'a>(&'a Polling);

impl Drop for Posting<'_> {
    fn drop(&mut self) {
        self.0.shared().posting = false;
    }
}

/// A poll that is being answered.
struct Poll {
    polling: Arc<Polling>,
    /// The last packet that it carries and that has yet to arrive.
    carries: Option<u64>,
}

impl Poll {
    /// What there is to carry, when there is something.
    async fn payload(&mut self) -> String {
        loop {
            if let Some(payload) = self.take() {
                return payload;
            }
            self.polling.put.notified().await;
        }
    }

    fn take(&mut self) -> Option<String> {
        let mut shared = self.polling.shared();
        if !shared.packets.is_empty() {
            self.carries = Some(shared.put);
            let packets = std::mem::take(&mut shared.packets);
            return Some(packets.join(SEPARATOR.encode_utf8(&mut [0; 4])));
        }
        match shared.phase {
            Phase::Polls => None,
            Phase::Broken => Some(packet::CLOSE.to_owned()),
            Phase::Upgrading | Phase::Moved(_) | Phase::Over => Some(packet::NOOP.to_owned()),
        }
    }

    fn arrived(&mut self) {
        if let Some(last) = self.carries.take() {
            self.polling.shared().written = last;
            self.polling.stirred.notify_one();
        }
    }
}

impl Drop for Poll {
    fn drop(&mut self) {
        let mut shared = self.polling.shared();
        shared.polling = false;
        // What the answer carried may or may not have arrived: the client has to begin anew.
        if self.carries.is_some() {
            shared.break_off();
        }
        drop(shared);
        self.polling.stirred.notify_one();
    }
}

/// What comes to the driver.
pub(super) enum Stirred {
    Brought(Brought),
    /// The session goes on over this WebSocket.
    Moved(Box<Socket>),
    Gone,
}

/// What came of packets that were put in.
pub(super) enum Put {
    /// They have gone to the kernel.
    Written,
    /// The session goes on over this WebSocket, which has yet to carry these.
    Moved(Box<Socket>, Vec<String>),
    Gone,
}

/// The driver's side.
pub(super) struct PollingLane {
    polling: Arc<Polling>,
    brought: mpsc::Receiver<Brought>,
}

impl PollingLane {
    /// What comes next. May be dropped half-way without loss.
    pub(super) async fn next(&mut self) -> Stirred {
        loop {
            let turn = self.polling.shared().turn();
            match turn {
                Some(Turn::Moved(socket)) => return Stirred::Moved(socket),
                Some(Turn::Gone) => return Stirred::Gone,
                None => {}
            }
            tokio::select! {
                brought = self.brought.recv() => {
                    return brought.map_or(Stirred::Gone, Stirred::Brought);
                }
                () = self.polling.stirred.notified() => {}
            }
        }
    }

    /// Puts packets in, and returns when they have been carried away.
    pub(super) async fn put(&mut self, packets: Vec<String>) -> Put {
        let last = {
            let mut shared = self.polling.shared();
            shared.put += u64::try_from(packets.len()).unwrap_or_default();
            shared.packets.extend(packets);
            shared.put
        };
        self.polling.put.notify_one();
        loop {
            {
                let mut shared = self.polling.shared();
                if shared.written >= last {
                    return Put::Written;
                }
                match shared.turn() {
                    Some(Turn::Moved(socket)) => {
                        return Put::Moved(socket, std::mem::take(&mut shared.packets));
                    }
                    Some(Turn::Gone) => return Put::Gone,
                    None => {}
                }
            }
            self.polling.stirred.notified().await;
        }
    }
}

impl Drop for PollingLane {
    fn drop(&mut self) {
        let mut shared = self.polling.shared();
        if !matches!(shared.phase, Phase::Broken) {
            shared.phase = Phase::Over;
        }
        drop(shared);
        self.polling.put.notify_one();
    }
}
