//! A node: follows the log, decides about tokens, holds the connections.
//!
//! Floor 3. It reads and never writes state; it may not know the services that do. Read in this
//! order: [`follower`] (the one reader), [`gate`] (is a token good), [`hub`] (who is connected),
//! [`connection`] (what a client is owed).

pub mod connection;
pub mod delivery;
pub mod follower;
pub mod gate;
pub mod hub;
pub mod mailbox;
pub mod presence;
pub mod seats;
pub mod source;
pub mod standing;
pub mod wheel;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use sessionwire_guard::{Claims, KeySet, Verdict};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::bus::Bus;
use crate::domain::clock::{Clock, Entropy};
use crate::domain::error::Error;
use crate::domain::id::{Seq, SessionId, UserId};
use crate::domain::receipt::ConnectionsReached;

use delivery::Deliveries;
use follower::Follower;
use gate::Gate;
use hub::Hub;
pub use presence::Present;
use seats::{SeatLimits, Seats};
use source::Source;
use standing::Dirty;
use wheel::Wheel;

/// How often outdated entries of the index are forgotten.
const SWEEP_EVERY: Duration = Duration::from_secs(30);

/// The settings of a node.
#[derive(Clone, Debug)]
pub struct NodeSettings {
    /// `iss` of the tokens.
    pub issuer: String,
    /// `aud` of the tokens.
    pub audience: String,
    /// How often a silent client is asked whether it lives.
    pub heartbeat: Duration,
    /// How many connections there may be.
    pub seats: SeatLimits,
}

/// A handle on a node. Cheap to clone.
#[derive(Clone)]
pub struct Node {
    /// The parts that drivers of connections use.
    pub parts: Arc<Parts>,
}

/// What a node is made of.
pub struct Parts {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness and ids.
    pub entropy: Arc<dyn Entropy>,
    /// The present state.
    pub source: Arc<dyn Source>,
    /// Is a token good?
    pub gate: Arc<Gate>,
    /// Who is connected?
    pub hub: Arc<Hub>,
    /// The one timer.
    pub wheel: Arc<Wheel>,
    /// Who may still come?
    pub seats: Arc<Seats>,
    /// How often a silent client is asked whether it lives.
    pub heartbeat: Duration,
    deliveries: Arc<Deliveries>,
    applied: watch::Receiver<Seq>,
    draining: AtomicBool,
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

/// What became of a change on this node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settled {
    /// Whether this node has applied it.
    pub applied: bool,
    /// The connections that were told within the wait.
    pub connections: ConnectionsReached,
}

impl Node {
    /// Builds the index from the log and begins to follow it. The node is ready when this answers.
    pub async fn start(
        source: Arc<dyn Source>,
        bus: &dyn Bus,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        settings: NodeSettings,
    ) -> Result<Self, Error> {
        let empty_keys = KeySet::new(&settings.issuer, &settings.audience);
        let gate = Arc::new(Gate::new(Arc::clone(&clock), empty_keys.clone()));
        let (hub, dirty) = (Arc::new(Hub::default()), Arc::new(Dirty::default()));
        let (deliveries, wheel) = (Arc::new(Deliveries::default()), Arc::new(Wheel::default()));
        let (applied_sender, applied) = watch::channel(Seq(0));
        let follower = Follower {
            source: Arc::clone(&source),
            clock: Arc::clone(&clock),
            gate: Arc::clone(&gate),
            hub: Arc::clone(&hub),
            dirty: Arc::clone(&dirty),
            deliveries: Arc::clone(&deliveries),
            applied: applied_sender,
            empty_keys,
        };
        // Subscribed before the log is read, so that nothing falls in between.
        let batches = bus.subscribe();
        follower.rebuild().await?;
        let tasks = vec![
            tokio::spawn(follower.run(batches)),
            tokio::spawn(standing::keep_reading(
                dirty,
                Arc::clone(&hub),
                Arc::clone(&source),
            )),
            tokio::spawn(wheel::keep_turning(Arc::clone(&wheel), Arc::clone(&clock))),
            tokio::spawn(keep_sweeping(Arc::clone(&gate))),
        ];
        let parts = Parts {
            clock,
            entropy,
            source,
            gate,
            hub,
            wheel,
            seats: Arc::new(Seats::new(settings.seats)),
            heartbeat: settings.heartbeat,
            deliveries,
            applied,
            draining: AtomicBool::new(false),
            tasks: Mutex::new(tasks),
        };
        Ok(Self {
            parts: Arc::new(parts),
        })
    }

    /// Genuine, unexpired, not ended and not stale, at this node's position.
    pub fn check(&self, token: &str) -> Result<Claims, Error> {
        self.parts.gate.check(token)
    }

    /// As [`Self::check`], but a stale token passes.
    pub fn check_allowing_stale(&self, token: &str) -> Result<Claims, Error> {
        self.parts.gate.check_allowing_stale(token)
    }

    /// Genuine and unexpired; whether it has ended or is stale is told apart.
    pub fn examine(&self, token: &str) -> Result<(Claims, Verdict), Error> {
        self.parts.gate.examine(token)
    }

    /// Waits until this node has applied a change, and then, for as long as `wait`, until every
    /// connection concerned was told.
    pub async fn settle(&self, seq: Seq, wait: Duration) -> Settled {
        let mut applied = self.parts.applied.clone();
        // The lease bounds this: past it the node is not ready and decides nothing.
        let applied = {
            let reached = applied.wait_for(|position| *position >= seq);
            // The lease bounds this: past it the node is not ready and decides nothing.
            matches!(tokio::time::timeout(gate::LEASE, reached).await, Ok(Ok(_)))
        };
        let delivery = self.parts.deliveries.find(seq).filter(|_| applied);
        let Some(delivery) = delivery else {
            return Settled {
                applied,
                connections: ConnectionsReached::default(),
            };
        };
        // Whoever is late is not counted.
        drop(tokio::time::timeout(wait, delivery.finished()).await);
        Settled {
            applied,
            connections: delivery.reached(),
        }
    }

    /// How many connections of a session are open here.
    pub fn connections_of_session(&self, session: SessionId, user: UserId) -> u32 {
        let connections = self.parts.hub.connections_of_sessions(user, &[session]);
        u32::try_from(connections.len()).unwrap_or(u32::MAX)
    }

    /// How many connections a change of these users and sessions would reach.
    pub fn connections_reached(&self, users: &[UserId], sessions: &[SessionId]) -> u64 {
        let reached = users
            .iter()
            .flat_map(|user| self.parts.hub.connections(*user))
            .filter(|handle| sessions.contains(&handle.session_id));
        u64::try_from(reached.count()).unwrap_or(u64::MAX)
    }

    /// Who is connected here, in order of user id.
    pub fn presence(&self, after: Option<UserId>, limit: u32) -> Vec<Present> {
        presence::list(
            &self.parts.hub,
            after,
            usize::try_from(limit).unwrap_or(usize::MAX),
        )
    }

    /// Whether this node decides and takes connections.
    pub fn is_ready(&self) -> bool {
        self.parts.gate.is_ready() && !self.is_draining()
    }

    /// Whether this node makes way.
    pub fn is_draining(&self) -> bool {
        self.parts.draining.load(Ordering::Acquire)
    }

    /// The last position that this node has applied.
    pub fn head(&self) -> Seq {
        *self.parts.applied.borrow()
    }

    /// Makes way: every client is told when to come back, spread over the window, and closed.
    /// Answers when all are gone, or the window is over.
    pub async fn drain(&self, window: Duration) {
        self.parts.draining.store(true, Ordering::Release);
        let window_ms = u64::try_from(window.as_millis()).unwrap_or(u64::MAX);
        for handle in self.parts.hub.all() {
            handle.put_drain(self.parts.entropy.below(window_ms));
        }
        let gone = async {
            while self.parts.seats.count() > 0 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        drop(tokio::time::timeout(window.max(Duration::from_millis(500)), gone).await);
    }

    /// Stops following.
    pub fn stop(&self) {
        for task in self.parts.tasks.lock().drain(..) {
            task.abort();
        }
    }
}

async fn keep_sweeping(gate: Arc<Gate>) {
    let mut ticks = tokio::time::interval(SWEEP_EVERY);
    loop {
        ticks.tick().await;
        gate.sweep();
    }
}
