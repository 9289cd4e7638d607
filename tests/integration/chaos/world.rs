//! Three nodes in processes of their own on PostgreSQL and NATS, each behind a network that can fail and one by a clock
//! that is wrong, and how faults are made. It may not know what the nodes are asked.

use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use parking_lot::{Mutex, RwLock};
use serde_json::{Value, json};

use super::schedule::{Fault, NODES, Planned};
use crate::cluster::Nats;
use crate::cluster_faults::signal;
use crate::postgres::host_of;
use crate::support::{Program, Proxy, fresh_database, postgres, program_key_on};

/// How long the log may be out of reach of a node.
pub(super) const LEASE: Duration = Duration::from_secs(1);
/// Longer than any fault: who does not answer by then never does.
const PATIENCE: Duration = Duration::from_secs(20);

/// How late each answer of a database is that is slow. A commit takes several.
const DELAY: Duration = Duration::from_millis(40);
/// By how many seconds the clock of the first node's machine is ahead.
const AHEAD: i64 = 3600;

/// What a node is told besides.
pub(super) type Setting = (&'static str, &'static str);

struct Node {
    name: String,
    network: Proxy,
    settings: Vec<Setting>,
    program: Mutex<Option<Program>>,
    url: RwLock<String>,
}

/// All of it.
pub(super) struct World {
    folder: tempfile::TempDir,
    database: String,
    nats: tokio::sync::Mutex<Nats>,
    nodes: Vec<Node>,
    key: String,
    http: reqwest::Client,
}

impl World {
    /// Three nodes that run; `of_the_last`: what only the last one is told.
    pub(super) async fn start(of_the_last: &[Setting]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = fresh_database(&postgres()).await;
        let key = program_key_on(folder.path(), &database);
        let there: SocketAddr = host_of(&database).parse().unwrap();
        let mut nodes = Vec::new();
        for number in 0..NODES {
            let is_last = number + 1 == NODES;
            nodes.push(Node {
                name: format!("node-{number}"),
                network: Proxy::before(there).await,
                settings: if is_last {
                    of_the_last.to_vec()
                } else {
                    Vec::new()
                },
                program: Mutex::default(),
                url: RwLock::default(),
            });
        }
        let world = Self {
            folder,
            database,
            nats: tokio::sync::Mutex::new(Nats::start().await),
            nodes,
            key,
            http: reqwest::Client::builder()
                .timeout(PATIENCE)
                .build()
                .unwrap(),
        };
        for number in 0..NODES {
            world.run(number).await;
        }
        world
    }

    async fn run(&self, number: usize) {
        let node = &self.nodes[number];
        let there = node.network.url.strip_prefix("http://").unwrap();
        let database = self.database.replace(&host_of(&self.database), there);
        let bus = self.nats.lock().await.address();
        let mut settings = vec![
            ("DATABASE", database.as_str()),
            ("BUS", bus.as_str()),
            ("NODE_NAME", node.name.as_str()),
            ("LEASE_MS", "1000"),
            ("LOST_LEASE_GRACE_S", "2"),
            ("SWEEP_INTERVAL_MS", "200"),
        ];
        settings.retain(|(name, _)| !node.settings.iter().any(|(own, _)| own == name));
        settings.extend(node.settings.iter().copied());
        let ahead = if number == 0 { AHEAD } else { 0 };
        let folder = self.folder.path();
        let program =
            tokio::task::block_in_place(|| Program::serve_ahead(folder, &settings, ahead));
        node.url.write().clone_from(&program.url);
        *node.program.lock() = Some(program);
    }

    /// Where a node is at the moment.
    pub(super) fn url(&self, node: usize) -> String {
        self.nodes[node].url.read().clone()
    }

    /// Asks a node; nothing where no answer came.
    pub(super) async fn ask(
        &self,
        node: usize,
        method: &str,
        path: &str,
        token: Option<&str>,
        body: Value,
    ) -> Option<(u16, Value)> {
        let url = format!("{}{path}", self.url(node));
        let request = self.http.request(method.parse().unwrap(), url);
        let request = request.bearer_auth(token.unwrap_or(&self.key)).json(&body);
        let answer = request.send().await.ok()?;
        let status = answer.status().as_u16();
        // An answer without a body is one too; a broken one is none.
        let body = answer.bytes().await.ok()?;
        Some((status, serde_json::from_slice(&body).unwrap_or_default()))
    }

    /// Asks again and again, whichever node, until one answers well.
    pub(super) async fn insist(&self, method: &str, path: &str, body: Value) -> Value {
        for turn in 0.. {
            let answer = self
                .ask(turn % NODES, method, path, None, body.clone())
                .await;
            match answer {
                Some((200 | 201, answer)) => return answer,
                Some((400..500, refusal)) => panic!("{method} {path}: {refusal}"),
                Some(_) | None => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
        unreachable!("it is asked for ever")
    }

    /// All pages of a list.
    pub(super) async fn all(&self, path: &str) -> Vec<Value> {
        let (mut items, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = self
                .insist("GET", &format!("{path}{cursor}"), json!({}))
                .await;
            items.extend(page["items"].as_array().unwrap().iter().cloned());
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return items,
            }
        }
    }

    /// Returns once all nodes decide.
    pub(super) async fn until_ready(&self) {
        for node in 0..NODES {
            loop {
                let answer = self.ask(node, "GET", "/readyz", None, json!({})).await;
                if matches!(answer, Some((200, _))) {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }

    /// Has something go wrong for its time, and heals it.
    pub(super) async fn suffer(&self, planned: Planned) {
        tokio::time::sleep(planned.after).await;
        self.begin(planned.fault).await;
        tokio::time::sleep(planned.lasts).await;
        self.heal(planned.fault).await;
    }

    pub(super) async fn begin(&self, fault: Fault) {
        match fault {
            Fault::Killed(node) => {
                let program = self.nodes[node].program.lock().take();
                program.unwrap().kill();
            }
            Fault::Frozen(node) => self.signal(node, "STOP"),
            Fault::NoDatabase(node) => self.nodes[node].network.cut(),
            Fault::Swallowed(node) => self.nodes[node].network.swallow(),
            Fault::Delayed(node) => self.nodes[node].network.slow(DELAY),
            Fault::Halved(node) => self.nodes[node].network.halve(),
            Fault::NoDatabaseAtAll => self.nodes.iter().for_each(|node| node.network.cut()),
            Fault::DatabaseCrashed => control("crash"),
            Fault::SlowCommits => control("slow"),
            Fault::Alone(node) => {
                // The others have the database, and need nothing else.
                self.nats.lock().await.kill();
                self.nodes[node].network.cut();
            }
            Fault::NoBus => self.nats.lock().await.kill(),
        }
    }

    pub(super) async fn heal(&self, fault: Fault) {
        match fault {
            Fault::Killed(node) => self.run(node).await,
            Fault::Frozen(node) => self.signal(node, "CONT"),
            Fault::NoDatabase(node)
            | Fault::Swallowed(node)
            | Fault::Delayed(node)
            | Fault::Halved(node) => self.nodes[node].network.mend(),
            Fault::NoDatabaseAtAll => self.nodes.iter().for_each(|node| node.network.mend()),
            Fault::DatabaseCrashed => control("start"),
            Fault::SlowCommits => control("quick"),
            Fault::Alone(node) => {
                self.nodes[node].network.mend();
                self.nats.lock().await.begin().await;
            }
            Fault::NoBus => self.nats.lock().await.begin().await,
        }
    }

    fn signal(&self, node: usize, name: &str) {
        signal(self.nodes[node].program.lock().as_ref().unwrap(), name);
    }
}

/// However it ends, the next test finds the database as it was.
impl Drop for World {
    fn drop(&mut self) {
        ["start", "quick"].into_iter().for_each(control);
    }
}

/// Does something to the database's server.
fn control(what: &str) {
    let program = std::env::var("TEST_POSTGRES_CONTROL")
        .expect("no control of PostgreSQL; run by tests/setup/postgres.sh");
    let done = tokio::task::block_in_place(|| Command::new(program).arg(what).status());
    assert!(done.unwrap().success(), "{what}");
}
