//! A node on a log in memory, people who connect to it, and what they hear.

use std::sync::Arc;
use std::time::Duration;

use sessionwire_guard::{Claims, DeviceId};
use uuid::Uuid;

use super::signer::Signer;
use super::support::{Counting, ManualClock, MemoryLog, joins, session, user};
use crate::bus::{Bus, MemoryBus};
use crate::domain::clock::Clock;
use crate::domain::event::Event;
use crate::domain::id::Seq;
use crate::domain::message::ServerMessage;
use crate::node::{Alone, Line, Node, NodeParts, NodeSettings, Output, Refused, Settled};

/// Everything a test needs.
pub(crate) struct World {
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) log: Arc<MemoryLog>,
    pub(crate) bus: Arc<MemoryBus>,
    pub(crate) node: Node,
}

fn start(
    log: &Arc<MemoryLog>,
    bus: &Arc<MemoryBus>,
    clock: &Arc<ManualClock>,
    settings: &NodeSettings,
) -> Node {
    let parts = NodeParts {
        source: Arc::clone(log) as Arc<_>,
        bus: Arc::clone(bus) as Arc<_>,
        roster: Arc::new(Alone),
        clock: Arc::clone(clock) as Arc<_>,
        entropy: Arc::new(Counting::default()),
    };
    Node::start(parts, settings)
}

impl World {
    /// A node that is ready, on a log that begins with these events.
    pub(crate) async fn new(events: impl IntoIterator<Item = Event>) -> Self {
        Self::with(events, |_| {}).await
    }

    /// The same, and tokens that this key signs are genuine.
    pub(crate) async fn trusting(signer: &Signer) -> Self {
        Self::made([], |log| log.key = Some(signer.verification_key()), |_| {}).await
    }

    /// The same with settings of one's own.
    pub(crate) async fn with(
        events: impl IntoIterator<Item = Event>,
        set: impl FnOnce(&mut NodeSettings),
    ) -> Self {
        Self::made(events, |_| {}, set).await
    }

    async fn made(
        events: impl IntoIterator<Item = Event>,
        prepare: impl FnOnce(&mut MemoryLog),
        set: impl FnOnce(&mut NodeSettings),
    ) -> Self {
        let clock = Arc::new(ManualClock::default());
        let mut log = MemoryLog::new(Arc::clone(&clock));
        prepare(&mut log);
        log.commit(events);
        let log = Arc::new(log);
        let bus = Arc::new(MemoryBus::new());
        let mut settings = NodeSettings::default();
        set(&mut settings);
        let node = start(&log, &bus, &clock, &settings);
        node.until_ready().await;
        Self {
            clock,
            log,
            bus,
            node,
        }
    }

    /// Another node on the same log.
    pub(crate) fn another_node(&self) -> Node {
        start(&self.log, &self.bus, &self.clock, &NodeSettings::default())
    }

    /// Commits, publishes, and returns the last position.
    pub(crate) fn commit(&self, events: impl IntoIterator<Item = Event>) -> Seq {
        let batch = self.log.commit(events);
        let seq = batch.last_seq();
        self.bus.publish(batch);
        seq
    }

    /// Returns once the node has applied it.
    pub(crate) async fn applied(&self, seq: Seq) {
        let mut applied = self.node.inner.applied.clone();
        applied.wait_for(|it| *it >= seq).await.unwrap();
    }

    /// What the node says of a change.
    pub(crate) async fn settle(&self, seq: Seq) -> Settled {
        self.node.settle(seq, Duration::from_mins(1)).await
    }

    /// The claims of a token of this user, issued now.
    pub(crate) fn claims(&self, number: u128) -> Claims {
        // In this order, as the service does.
        let as_of = self.node.head();
        let rights = self.log.rights(user(number));
        let now = self.clock.now().as_seconds();
        Claims {
            iss: "sessionwire".into(),
            sub: user(number),
            aud: "sessionwire".into(),
            client_id: "client".into(),
            iat: now,
            exp: now + 300,
            jti: Uuid::nil(),
            sid: session(number),
            device_id: DeviceId(Uuid::from_u128(number)),
            auth_time: now,
            groups: rights.groups.into_iter().collect(),
            permissions: rights.permissions.into_iter().collect(),
            as_of,
            fence: Seq(0),
            generation: 0,
            session_exp: None,
            cnf: None,
            kid: None,
        }
    }

    /// A token that is out of date: since it was issued, the user came into a group.
    pub(crate) async fn stale_claims(&self, number: u128, group: &str) -> Claims {
        let claims = self.claims(number);
        let seq = self.commit([joins(number, group)]);
        self.applied(seq).await;
        claims
    }

    /// A token that lists this.
    pub(crate) fn claims_with(
        &self,
        number: u128,
        groups: &[&str],
        permissions: &[&str],
    ) -> Claims {
        let owned = |items: &[&str]| items.iter().map(|it| (*it).to_owned()).collect();
        Claims {
            groups: owned(groups),
            permissions: owned(permissions),
            ..self.claims(number)
        }
    }

    /// Connects.
    pub(crate) async fn open(&self, claims: Claims) -> Result<Client, Refused> {
        let visitor = self.node.admit(None)?;
        self.node.open(visitor, claims).await.map(Client)
    }

    /// Connects and is welcomed; whatever comes with the welcome is returned too.
    pub(crate) async fn connect(&self, claims: Claims) -> (Client, Vec<String>) {
        let mut client = self.open(claims).await.unwrap();
        let mut heard = Vec::new();
        while !client.0.is_live() {
            heard.extend(client.next().await);
        }
        assert_eq!(heard.remove(0), "welcome");
        (client, heard)
    }
}

/// A client that writes down what it hears, and tells receipts what a fast socket would.
pub(crate) struct Client(pub(crate) Box<Line>);

impl Client {
    /// What there is to hear next, in short.
    pub(crate) async fn next(&mut self) -> Vec<String> {
        hear(self.0.next().await)
    }

    /// What there is to hear, once something is.
    pub(crate) async fn hears(&mut self) -> Vec<String> {
        loop {
            let heard = self.next().await;
            if !heard.is_empty() {
                return heard;
            }
        }
    }

    /// Deals with what waits already; what is to be heard of it.
    pub(crate) fn has_heard(&mut self) -> Vec<String> {
        use futures::FutureExt;
        let mut heard = Vec::new();
        while let Some(outputs) = self.0.next().now_or_never() {
            heard.extend(hear(outputs));
        }
        heard
    }
}

/// Outputs in short; receipts are told as if all had been written.
pub(crate) fn hear(outputs: Vec<Output>) -> Vec<String> {
    let mut heard = Vec::new();
    for output in outputs {
        match output {
            Output::Send(message) => heard.push(brief(&message)),
            Output::SendShared(frame) => {
                let value: serde_json::Value = serde_json::from_slice(&frame.into_bytes()).unwrap();
                heard.push(value["type"].as_str().unwrap().to_owned());
            }
            Output::Ping => heard.push("(ping)".to_owned()),
            Output::Settle(ticket, outcome) => ticket.resolve(outcome),
            Output::Call(_) => {}
            Output::Close(close) => heard.push(format!("{} {}", close.code.number(), close.reason)),
        }
    }
    heard
}

fn brief(message: &ServerMessage) -> String {
    match message {
        ServerMessage::PermissionsChanged(it) => format!(
            "changed {} +{:?} -{:?} +{:?} -{:?}",
            it.id, it.groups.added, it.groups.removed, it.permissions.gained, it.permissions.lost
        )
        .replace('"', ""),
        ServerMessage::SessionRevoked(it) => format!("revoked {}", it.reason.as_str()),
        ServerMessage::Reconnect { after_ms } => format!("reconnect {after_ms}"),
        ServerMessage::Error { code, .. } => format!("error {code}"),
        other => serde_json::to_value(other).unwrap()["type"]
            .as_str()
            .unwrap()
            .to_owned(),
    }
}
