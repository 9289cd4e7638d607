//! A node: it follows the log, decides about tokens, and tells the connections that it holds.
//!
//! Floor 3, the reading half: it reads storage through [`Source`] and never writes; who changes
//! things is `service`, which it may not know, nor transports, which hold the connections' sockets.
//!
//! The way of an event: `follower` (the one reader) -> `gate` (tokens) -> `fanout` -> `hub`
//! (who is concerned) -> `standing` (their present rights) -> `mailbox` (and `bell`) -> `connection` (what
//! the client is owed), which a transport drives through a [`Line`].

mod announcement;
mod arrival;
mod bell;
mod cluster;
mod connection;
mod delivery;
mod drain;
mod entry;
mod fanout;
mod feed;
mod follower;
mod frame;
mod gate;
mod hand;
mod hub;
mod island;
pub mod issuer;
mod limits;
mod line;
mod mailbox;
mod outbound;
mod pace;
mod presence;
mod pulse;
mod receipt;
mod recent;
mod seen;
mod services;
mod settings;
mod shared_rights;
pub mod sink;
mod source;
mod standing;
mod tasks;
#[cfg(test)]
pub(crate) mod tests;
mod wheel;
mod withdrawn;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use sessionwire_guard::{Claims, KeySet, Verdict};
use tokio::runtime::Handle;
use tokio::sync::watch;

use crate::bus::Bus;
use crate::domain::clock::{Clock, Entropy};
use crate::domain::close::Close;
use crate::domain::error::Error;
use crate::domain::id::Seq;
use crate::domain::service_token::ServiceClaims;

pub use arrival::Refused;
pub use cluster::{Alone, Roster};
pub use connection::{Intent, Output};
pub use delivery::{Outcome, Ticket};
pub use feed::{FeedReader, IndexSnapshot};
pub use frame::Frame;
pub use gate::Certainty;
pub use hand::{Hand, Written};
pub use limits::Pass;
pub use line::{Line, Visitor};
pub use pulse::{Pulse, TellTimes};
pub use receipt::Settled;
pub use recent::{Covered, Happened};
pub use seen::Seen;
pub use services::Service;
pub use settings::NodeSettings;
pub use source::{Read, Source};

use bell::Bell;
use cluster::{Peers, Reporter};
use connection::Timing;
use delivery::Deliveries;
use fanout::Fanout;
use feed::Readers;
use follower::Follower;
use gate::Gate;
use hub::Hub;
use limits::{Limits, Maxima};
use pace::Pace;
use presence::PresenceReporter;
use pulse::Stopwatch;
use standing::{StandingReader, Unread};
use tasks::Tasks;
use wheel::Wheel;

/// What a node is made of.
pub struct NodeParts {
    /// The log and the present state.
    pub source: Arc<dyn Source>,
    /// What carries events and what nodes tell of themselves.
    pub bus: Arc<dyn Bus>,
    /// Who else is there.
    pub roster: Arc<dyn Roster>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness and ids.
    pub entropy: Arc<dyn Entropy>,
}

/// A handle on one node; cloning shares it. Its tasks end with the last handle.
#[derive(Clone)]
pub struct Node {
    inner: Arc<Inner>,
    tasks: Arc<Tasks>,
}

struct Inner {
    source: Arc<dyn Source>,
    roster: Arc<dyn Roster>,
    peers: Arc<Peers>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    timing: Timing,
    lease: Duration,
    gate: Arc<Gate>,
    hub: Arc<Hub>,
    bell: Arc<Bell>,
    pace: Pace,
    limits: Arc<Limits>,
    wheel: Arc<Wheel>,
    unread: Arc<Unread>,
    deliveries: Arc<Deliveries>,
    stopwatch: Arc<Stopwatch>,
    readers: Arc<Readers>,
    applied: watch::Receiver<Seq>,
    /// Whether it will be stopped.
    leaving: AtomicBool,
    /// Over how many milliseconds a drain spreads those who come back.
    spread_ms: AtomicU64,
}

impl Node {
    /// Starts following the log. Inside a tokio runtime only; ready once the log has been read.
    pub fn start(parts: NodeParts, settings: &NodeSettings) -> Self {
        let bus = Arc::clone(&parts.bus);
        let (applied_sender, applied) = watch::channel(Seq(0));
        let inner = Arc::new(Inner::new(parts, settings, applied));
        let follower = Follower {
            source: Arc::clone(&inner.source),
            roster: Arc::clone(&inner.roster),
            peers: Arc::clone(&inner.peers),
            news: bus.subscribe(),
            no_keys: KeySet::new(&settings.issuer, &settings.audience),
            gate: Arc::clone(&inner.gate),
            fanout: Fanout {
                hub: Arc::clone(&inner.hub),
                unread: Arc::clone(&inner.unread),
                deliveries: Arc::clone(&inner.deliveries),
                stopwatch: Arc::clone(&inner.stopwatch),
            },
            applied: applied_sender,
            clock: Arc::clone(&inner.clock),
            health: follower::Health::default(),
        };
        let reader = StandingReader {
            source: Arc::clone(&inner.source),
            hub: Arc::clone(&inner.hub),
            unread: Arc::clone(&inner.unread),
            applied: inner.applied.clone(),
        };
        let reporter = Reporter {
            me: inner.roster.id(),
            heard: bus.progress(),
            bus,
            peers: Arc::clone(&inner.peers),
            applied: inner.applied.clone(),
            deliveries: Arc::clone(&inner.deliveries),
            readers: Arc::clone(&inner.readers),
        };
        let presence = PresenceReporter {
            hub: Arc::clone(&inner.hub),
            roster: Arc::clone(&inner.roster),
            entries: inner.peers.entries(),
            told: HashMap::new(),
        };
        let tasks = Arc::new(Tasks::new());
        tasks.start(follower.run(settings.lease));
        tasks.start(reader.run());
        tasks.start(reporter.run());
        tasks.start(island::watch(Arc::clone(&inner), settings.lost_lease_grace));
        tasks.start(Arc::clone(&inner.wheel).run());
        // Each has its share of those who are told the same.
        for _ in 0..Handle::current().metrics().num_workers() {
            tasks.start(Arc::clone(&inner.bell).run());
        }
        if settings.presence {
            tasks.start(presence.run(settings.lease));
        }
        Self { inner, tasks }
    }

    /// Genuine, unexpired, not ended, not stale, at this node's position.
    pub fn check(&self, token: &str) -> Result<Claims, Error> {
        self.inner.gate.check(token)
    }

    /// As [`Self::check`], but a stale token passes.
    pub fn check_allowing_stale(&self, token: &str) -> Result<Claims, Error> {
        self.inner.gate.check_allowing_stale(token)
    }

    /// The service that has this API key, where that was looked up a short time ago and it was not taken back since.
    pub fn find_service(&self, key: &str) -> Option<Service> {
        self.inner.gate.find_service(key)
    }

    /// An API key was looked up: it is good.
    pub fn remember_service(&self, key: &str, service: Service) {
        self.inner.gate.remember_service(key, service);
    }

    /// A token, and what is remembered of it.
    pub fn look_up<'a>(&self, token: &'a str) -> Seen<'a> {
        self.inner.gate.look_up(token)
    }

    /// Genuine and unexpired; ended or stale is told apart.
    pub fn examine(
        &self,
        seen: &Seen<'_>,
        certainty: Certainty,
    ) -> Result<(Arc<Claims>, Verdict), Error> {
        self.inner.gate.examine_seen(seen, certainty)
    }

    /// Whether a token says that it is a service's, good or not.
    pub fn is_of_service(&self, token: &str) -> bool {
        self.inner.gate.is_of_service(token)
    }

    /// What a token of a service says, if it is good. `None`: it doesn't say that it is one.
    pub fn check_service(&self, token: &str) -> Result<Option<ServiceClaims>, Error> {
        self.inner.gate.check_service(token)
    }

    /// What is so now of claims that were found genuine before.
    pub fn verdict(&self, claims: &Claims, certainty: Certainty) -> Result<Verdict, Error> {
        self.inner.gate.verdict(claims, certainty)
    }

    /// Whether this node can decide, and takes connections.
    pub fn is_ready(&self) -> bool {
        self.trouble().is_none()
    }

    /// Whether this node holds its lease.
    pub fn is_leased(&self) -> bool {
        self.inner.gate.is_ready()
    }

    /// Whether this node is the one that does what is to be done once.
    pub fn is_on_duty(&self) -> bool {
        self.inner.gate.is_ready() && self.inner.peers.is_mine()
    }

    /// Why this node does not decide, for people; none where it does.
    pub fn trouble(&self) -> Option<&'static str> {
        if self.inner.leaving.load(Ordering::Acquire) || self.inner.limits.is_draining() {
            return Some("it is making way, and will stop");
        }
        (!self.inner.gate.is_ready()).then(|| self.inner.gate.trouble())
    }

    /// Returns once this node can decide.
    pub async fn until_ready(&self) {
        self.inner.gate.until_ready().await;
    }

    /// Returns once something that this node does by itself has broken off. It can't go on then.
    pub async fn until_broken(&self) {
        self.tasks.until_broken().await;
    }

    /// Says whenever the signing keys are others, or may be.
    pub fn keys_read(&self) -> watch::Receiver<u64> {
        self.inner.gate.keys_read()
    }

    /// The last position that was applied.
    pub fn head(&self) -> Seq {
        *self.inner.applied.borrow()
    }

    /// Returns once a position after this one has been applied.
    pub async fn until_past(&self, seq: Seq) {
        let mut applied = self.inner.applied.clone();
        if applied.wait_for(|applied| *applied > seq).await.is_err() {
            // Nobody follows any more, so nothing will be applied.
            std::future::pending::<()>().await;
        }
    }

    /// How the node is at this moment.
    pub fn pulse(&self) -> Pulse {
        let (users, connections) = self.inner.hub.size();
        Pulse {
            head: self.head(),
            connections,
            users,
            tell: self.inner.stopwatch.summary(),
        }
    }

    /// Lets a connection in, as one that has yet to say who it is; counts it against the limits.
    pub fn admit(&self, address: Option<IpAddr>) -> Result<Visitor, Close> {
        arrival::admit(&self.inner, address)
    }

    /// Opens the connection of a visitor whose claims were found genuine ([`Self::examine`], or a
    /// redeemed ticket). Whether they still hold is decided here.
    pub async fn open(&self, visitor: Visitor, claims: Claims) -> Result<Box<Line>, Refused> {
        arrival::open(visitor, claims).await
    }

    /// From now on this node says that it is not ready, so that nobody is sent to it any more; who comes all
    /// the same is let in.
    pub fn leave(&self) {
        self.inner.leaving.store(true, Ordering::Release);
    }

    /// Sends every connection elsewhere, to come back spread over `window`, and lets nobody in any
    /// more. Returns when all have gone, or after the window.
    pub async fn drain(&self, window: Duration) {
        self.inner.drain(window).await;
    }

    /// Stops following the log: from the end of the lease on this node decides nothing.
    pub fn stop(&self) {
        self.tasks.end();
    }
}

impl Inner {
    fn new(parts: NodeParts, settings: &NodeSettings, applied: watch::Receiver<Seq>) -> Self {
        let clock = parts.clock;
        let bell = Arc::new(Bell::default());
        let maxima = Maxima {
            total: settings.max_connections,
            per_address: settings.max_connections_per_address,
            unidentified: settings.max_unauthenticated,
        };
        Self {
            peers: Arc::new(Peers::new(parts.roster.id(), settings.lease)),
            source: parts.source,
            roster: parts.roster,
            entropy: parts.entropy,
            timing: Timing {
                heartbeat: settings.heartbeat,
                patience: settings.auth_timeout,
            },
            lease: settings.lease,
            gate: Arc::new(Gate::new(Arc::clone(&clock), settings.lease)),
            hub: Arc::new(Hub::new(
                settings.max_connections_per_user,
                Arc::clone(&bell),
            )),
            pace: Pace::new(settings.max_arrivals_per_s),
            limits: Arc::new(Limits::new(maxima)),
            wheel: Arc::new(Wheel::new(Arc::clone(&clock), Arc::clone(&bell))),
            bell,
            stopwatch: Arc::new(Stopwatch::new(Arc::clone(&clock))),
            readers: Arc::default(),
            clock,
            unread: Arc::default(),
            deliveries: Arc::default(),
            applied,
            leaving: AtomicBool::new(false),
            spread_ms: AtomicU64::new(0),
        }
    }
}
