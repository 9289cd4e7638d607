//! Thousands of connections over three nodes: all hear a change, and when a node is killed all of its clients come
//! back to the others and know what changed meanwhile. `HERD` sets how many; 15,000 fit into a process's files.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, watch};
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};

use crate::cluster::Nats;
use crate::cluster_faults::Nodes;
use crate::support::Program;

/// Connections, unless told otherwise.
const HERD: usize = 3_000;
/// Of a user, on one session.
const PER_USER: usize = 60;
/// Who may shake hands at once.
const AT_THE_DOOR: usize = 200;
/// How long a client waits before it tries again, at first and at most.
const BACK_OFF: (u64, u64) = (100, 3_000);

type Stream = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// What a client was told last that it may, and when; nothing while it has no socket.
type Told = Mutex<Option<(BTreeSet<String>, Instant)>>;

/// What all clients know, and how many know it.
struct Herd {
    urls: Mutex<Vec<String>>,
    door: Semaphore,
    told: Vec<Told>,
    /// Changes whenever anybody was told something.
    news: watch::Sender<u64>,
}

impl Herd {
    fn tell(&self, client: usize, told: Option<BTreeSet<String>>) {
        *self.told[client].lock() = told.map(|told| (told, Instant::now()));
        self.news.send_modify(|count| *count += 1);
    }

    /// Waits until all were told just this; answers when each was, in order.
    async fn until_all_may(&self, wanted: &[&str]) -> Vec<Instant> {
        let wanted: BTreeSet<String> = wanted.iter().map(|&it| it.to_owned()).collect();
        let mut news = self.news.subscribe();
        let mut first = 0;
        loop {
            news.borrow_and_update();
            // From the first who did not know the last time: most looks are short.
            let knows =
                |client: &Told| matches!(&*client.lock(), Some((told, _)) if *told == wanted);
            while self.told.get(first).is_some_and(knows) {
                first += 1;
            }
            if first == self.told.len() && self.told.iter().all(knows) {
                let mut times: Vec<Instant> = self
                    .told
                    .iter()
                    .filter_map(|it| it.lock().as_ref().map(|it| it.1))
                    .collect();
                times.sort_unstable();
                return times;
            }
            if first == self.told.len() {
                first = 0;
            }
            news.changed().await.unwrap();
        }
    }

    async fn connect(&self, node: usize, token: &str) -> Option<Stream> {
        let urls = self.urls.lock().clone();
        let url = urls[node % urls.len()].replacen("http", "ws", 1);
        let mut request = format!("{url}/v1/socket").into_client_request().unwrap();
        let bearer = format!("Bearer {token}");
        request
            .headers_mut()
            .insert("authorization", bearer.parse().unwrap());
        let small = WebSocketConfig::default()
            .read_buffer_size(512)
            .write_buffer_size(0);
        let _place = self.door.acquire().await.unwrap();
        let connected = connect_async_with_config(request, Some(small), false);
        connected.await.ok().map(|(stream, _)| stream)
    }
}

/// A client, for ever.
async fn live(herd: Arc<Herd>, client: usize, token: Arc<str>) {
    let mut pause = BACK_OFF.0;
    for attempt in 0.. {
        if let Some(stream) = herd.connect(client + attempt, &token).await
            && listen(&herd, client, stream).await
        {
            pause = BACK_OFF.0;
        }
        herd.tell(client, None);
        // Spread by number instead of by chance.
        let share = u64::try_from(client % 100).unwrap();
        tokio::time::sleep(Duration::from_millis(pause / 2 + pause * share / 200)).await;
        pause = (pause * 2).min(BACK_OFF.1);
    }
}

/// Until the socket is lost; whether it was welcomed.
async fn listen(herd: &Herd, client: usize, mut stream: Stream) -> bool {
    let mut told = None;
    while let Some(Ok(message)) = stream.next().await {
        let Message::Text(text) = message else {
            continue;
        };
        let message: Value = serde_json::from_str(&text).unwrap();
        let names = |value: &Value| -> BTreeSet<String> {
            let items = value.as_array().unwrap().iter();
            items.map(|it| it.as_str().unwrap().to_owned()).collect()
        };
        match (message["type"].as_str().unwrap(), &mut told) {
            ("welcome", told) => *told = Some(names(&message["permissions"])),
            ("permissions.changed", Some(told)) => {
                told.extend(names(&message["permissions"]["gained"]));
                let lost = names(&message["permissions"]["lost"]);
                told.retain(|it| !lost.contains(it));
            }
            _ => continue,
        }
        herd.tell(client, told.clone());
    }
    told.is_some()
}

fn say(what: &str, began: Instant, times: &[Instant]) {
    let at = |share: usize| (times[(times.len() - 1) * share / 100] - began).as_millis();
    eprintln!(
        "{what}: first {} ms, half {} ms, 99 % {} ms, last {} ms",
        at(0),
        at(50),
        at(99),
        at(100)
    );
}

/// What a process holds of memory, its share of what it shares included, in kilobytes.
fn memory_of(program: &Program) -> u64 {
    let path = format!("/proc/{}/smaps_rollup", program.child.id());
    let text = std::fs::read_to_string(path).unwrap();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("Pss:"))
        .unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

async fn settle(nodes: &Nodes, node: &Program, group: &str, permissions: &[&str]) {
    let path = format!("/v1/groups/{group}/permissions?wait_ms=0");
    let body = json!({ "permissions": permissions });
    let answer = nodes.call(node, "PUT", &path, body).await;
    assert_eq!(answer["receipt"]["changed"], true, "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_herd_hears_a_change_and_comes_back_from_a_node_that_was_killed() {
    let size = std::env::var("HERD").map_or(HERD, |text| text.parse().unwrap());
    let nodes = Nodes::on_a_fresh_database().await;
    let nats = Nats::start().await;
    let bus = nats.address();
    let many = size.to_string();
    let settings = [
        ("BUS", bus.as_str()),
        ("MAX_CONNECTIONS_PER_ADDRESS", &many),
        ("MAX_HTTP_CONNECTIONS_PER_ADDRESS", "2000"),
        ("MAX_UNAUTHENTICATED", &many),
    ];
    let mut programs: Vec<Program> = ["first", "second", "third"]
        .map(|name| nodes.start_with(name, &settings))
        .into();
    let group = json!({ "name": "herd", "permissions": ["a:1"] });
    let group = nodes.call(&programs[0], "POST", "/v1/groups", group).await;
    let group = group["id"].as_str().unwrap().to_owned();
    let mut tokens: Vec<Arc<str>> = Vec::new();
    for number in 0..size.div_ceil(PER_USER) {
        let (_, token) = nodes
            .member(&programs[number % 3], &format!("user-{number}"), "herd")
            .await;
        tokens.push(token.into());
    }
    let empty = memory_of(&programs[0]);
    let herd = Arc::new(Herd {
        urls: Mutex::new(programs.iter().map(|it| it.url.clone()).collect()),
        door: Semaphore::new(AT_THE_DOOR),
        told: (0..size).map(|_| Mutex::default()).collect(),
        news: watch::Sender::new(0),
    });
    let began = Instant::now();
    for client in 0..size {
        tokio::spawn(live(
            Arc::clone(&herd),
            client,
            Arc::clone(&tokens[client / PER_USER]),
        ));
    }
    say("welcome", began, &herd.until_all_may(&["a:1"]).await);
    let taken = memory_of(&programs[0]) - empty;
    eprintln!(
        "memory of a node: {empty} kB, and {} B a connection",
        taken * 1024 * 3 / size as u64
    );

    let began = Instant::now();
    settle(&nodes, &programs[1], &group, &["a:1", "b:2"]).await;
    say("told", began, &herd.until_all_may(&["a:1", "b:2"]).await);

    let began = Instant::now();
    herd.urls.lock().pop();
    programs.pop().unwrap().kill();
    settle(&nodes, &programs[0], &group, &["b:2"]).await;
    say(
        "told or back after a kill",
        began,
        &herd.until_all_may(&["b:2"]).await,
    );
}
