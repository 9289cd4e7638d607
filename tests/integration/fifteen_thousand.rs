//! Fifteen thousand connections over three nodes in processes of their own, which speak over NATS:
//! a change of rights reaches all of them, and when a node is killed, its clients come back to the others and know
//! their rights. Nothing here depends on how long that takes; the figures are printed.

mod clients;

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::{Value, json};
use sessionwire::app::system::SystemClock;
use sessionwire::domain::clock::Clock as _;

use crate::cluster::Nats;
use crate::cluster_faults::Nodes;
use crate::support::Program;
use clients::Orders;

const NODES: usize = 3;
const USERS: usize = 150;
/// At each node, unless `TEST_CONNECTIONS` says how many. A server and its clients both need a file for each, and when one
/// node is gone the others have half as many again.
const CONNECTIONS: usize = 5000;

fn connections() -> usize {
    let set = std::env::var("TEST_CONNECTIONS");
    set.map_or(CONNECTIONS, |it| it.parse().unwrap())
}

/// A process of clients, all of one node to begin with.
struct Clients {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Clients {
    fn start(orders: &Orders) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "--nocapture"])
            .arg("fifteen_thousand::clients::a_process_of_clients")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut orders = serde_json::to_vec(orders).unwrap();
        orders.push(b'\n');
        child.stdin.take().unwrap().write_all(&orders).unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        Self { child, lines }
    }

    /// When each of them did this, in milliseconds.
    fn until_all(&mut self, did: &str) -> Vec<i64> {
        loop {
            let mut line = String::new();
            assert!(self.lines.read_line(&mut line).unwrap() > 0, "they stopped");
            let Some(at) = line.find('{') else { continue };
            let said: Value = serde_json::from_str(&line[at..]).unwrap();
            let times = serde_json::from_value::<Vec<i64>>(said[did].clone()).unwrap();
            assert_eq!(times.len(), connections());
            return times;
        }
    }
}

impl Drop for Clients {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn now() -> i64 {
    SystemClock::new().now().as_millis()
}

/// First, median and last, in milliseconds after the beginning.
fn figures(mut times: Vec<i64>, began: i64) -> String {
    times.sort_unstable();
    let at = |place: usize| times[place] - began;
    let last = times.len() - 1;
    format!(
        "first {} ms, median {} ms, last {} ms",
        at(0),
        at(last / 2),
        at(last)
    )
}

/// The memory of a process that is its own, in MB.
fn memory(program: &Program) -> u64 {
    let path = format!("/proc/{}/smaps_rollup", program.child.id());
    let text = std::fs::read_to_string(path).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:"));
    let kilobytes = line.and_then(|it| it.split_whitespace().next()).unwrap();
    kilobytes.parse::<u64>().unwrap() / 1024
}

fn start(nodes: &Nodes, nats: &Nats, name: &str) -> Program {
    let (all, bus) = ((NODES * connections()).to_string(), nats.address());
    nodes.start_with(
        name,
        &[
            ("BUS", &bus),
            ("MAX_CONNECTIONS", &all),
            ("MAX_CONNECTIONS_PER_ADDRESS", &all),
            ("MAX_HTTP_CONNECTIONS", &all),
            ("MAX_HTTP_CONNECTIONS_PER_ADDRESS", &all),
            ("MAX_UNAUTHENTICATED", &all),
            ("ACCESS_TOKEN_TTL_S", "3600"),
        ],
    )
}

/// Somebody's access token.
async fn token(nodes: &Nodes, node: &Program, number: usize) -> String {
    let body = json!({ "username": format!("user-{number}"), "groups": ["everybody"] });
    let user = nodes.call(node, "POST", "/v1/users", body).await;
    let path = format!("/v1/users/{}/sessions", user["id"].as_str().unwrap());
    let device = json!({ "id": uuid::Uuid::from_u128(7), "name": "phone", "platform": "ios" });
    let body = json!({ "device": device });
    let session = nodes.call(node, "POST", &path, body).await;
    session["access_token"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn all_hear_a_change_and_come_back_from_a_node_that_was_killed() {
    let nats = Nats::start().await;
    let nodes = Nodes::on_a_fresh_database().await;
    let names = ["first", "second", "third"];
    let mut programs = names
        .into_iter()
        .map(|name| start(&nodes, &nats, name))
        .collect::<Vec<_>>();
    let body = json!({ "name": "everybody", "permissions": ["reports:read"] });
    nodes.until_ready(&programs).await;
    let group = nodes.call(&programs[0], "POST", "/v1/groups", body).await;
    let mut tokens = Vec::new();
    for number in 0..USERS {
        tokens.push(token(&nodes, &programs[0], number).await);
    }
    let urls: Vec<_> = programs.iter().map(|it| it.url.clone()).collect();
    let began = now();
    let mut clients: Vec<_> = (0..NODES)
        .map(|home| {
            Clients::start(&Orders {
                urls: urls.clone(),
                home,
                tokens: tokens.clone(),
                connections: connections(),
                gains: "reports:write".to_owned(),
            })
        })
        .collect();
    let opened = clients.iter_mut().flat_map(|it| it.until_all("opened"));
    println!("opened: {}", figures(opened.collect(), began));

    let began = now();
    let path = format!("/v1/groups/{}?wait_ms=10000", group["id"].as_str().unwrap());
    let body = json!({ "permissions": ["reports:read", "reports:write"] });
    let changed = nodes.call(&programs[0], "PATCH", &path, body).await;
    let answered = now() - began;
    let heard = clients.iter_mut().flat_map(|it| it.until_all("heard"));
    println!(
        "heard: {}; answered {answered} ms",
        figures(heard.collect(), began)
    );
    let path = format!("/v1/receipts/{}?wait_ms=10000", changed["receipt"]["seq"]);
    let receipt = nodes.call(&programs[0], "GET", &path, json!({})).await;
    assert_eq!(receipt["nodes"]["applied"], NODES, "{receipt}");
    assert_eq!(
        receipt["connections"]["told"],
        NODES * connections(),
        "{receipt}"
    );
    let each: Vec<_> = programs.iter().map(memory).collect();
    println!("memory: {each:?} MB");

    let began = now();
    programs.pop().unwrap().kill();
    let back = clients[NODES - 1].until_all("back");
    println!("back: {}", figures(back, began));
    let each: Vec<_> = programs.iter().map(memory).collect();
    println!("memory: {each:?} MB");
}
