//! Many clients in one process, which only listen, and come back when they lose their node. They may know of the
//! servers no more than the protocol says.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sessionwire::app::system::{SystemClock, SystemEntropy, raise_open_files};
use sessionwire::domain::clock::{Clock as _, Entropy as _};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

/// The protocol's back-off: at most that long after the first failure, and after many.
const BACKOFF_MS: u64 = 500;
const BACKOFF_MAX_MS: u64 = 30_000;
/// How many open their connections at once in the beginning, when nobody is in a hurry.
const AT_ONCE: usize = 8;

/// What the clients are to do: the first line that the process is told.
#[derive(Serialize, Deserialize)]
pub(super) struct Orders {
    pub(super) urls: Vec<String>,
    /// Which of them to begin with.
    pub(super) home: usize,
    pub(super) tokens: Vec<String>,
    pub(super) connections: usize,
    /// The permission that everybody is to have in the end.
    pub(super) gains: String,
}

/// What happened to a client.
#[derive(PartialEq, Eq)]
enum Report {
    Welcomed { gained: bool },
    Gained,
}

struct Client {
    orders: Arc<Orders>,
    number: usize,
    reports: mpsc::Sender<Report>,
}

impl Client {
    /// Connects, listens, and comes back, for ever.
    async fn run(self, first: Arc<Semaphore>) {
        let (mut at, mut failures) = (self.orders.home, 0);
        // Kept until the first welcome; when they lose their node, nobody waits for others.
        let mut turn = Some(first.acquire_owned().await.unwrap());
        loop {
            let stream = self.connect(&self.orders.urls[at]).await;
            if let Some(stream) = stream
                && self.listen(stream, &mut turn).await
            {
                failures = 0;
            }
            failures += 1;
            at = (at + 1 + self.number % 2) % self.orders.urls.len();
            let bound = BACKOFF_MAX_MS.min(BACKOFF_MS << (failures - 1).min(6));
            let pause = SystemEntropy.below(bound);
            tokio::time::sleep(Duration::from_millis(pause)).await;
        }
    }

    async fn connect(&self, url: &str) -> Option<WebSocketStream<TcpStream>> {
        let address = url.strip_prefix("http://").unwrap();
        let mut request = format!("ws://{address}/v1/socket")
            .into_client_request()
            .unwrap();
        let tokens = &self.orders.tokens;
        let bearer = format!("Bearer {}", tokens[self.number % tokens.len()]);
        let headers = request.headers_mut();
        headers.insert("authorization", bearer.parse().unwrap());
        let stream = TcpStream::connect(address).await.ok()?;
        let config = WebSocketConfig::default()
            .read_buffer_size(512)
            .write_buffer_size(0);
        let opened = client_async_with_config(request, stream, Some(config)).await;
        opened.ok().map(|(stream, _)| stream)
    }

    /// Listens to the end; says whether it was welcomed.
    async fn listen(
        &self,
        mut stream: WebSocketStream<TcpStream>,
        turn: &mut Option<OwnedSemaphorePermit>,
    ) -> bool {
        let mut was_welcomed = false;
        while let Some(Ok(message)) = stream.next().await {
            let Message::Text(text) = message else {
                continue;
            };
            let said: Value = serde_json::from_str(&text).unwrap();
            let has = |list: &Value| {
                let mut list = list.as_array().unwrap().iter();
                list.any(|it| *it == self.orders.gains)
            };
            let report = match said["type"].as_str() {
                Some("welcome") => {
                    was_welcomed = true;
                    turn.take();
                    let gained = has(&said["permissions"]);
                    Report::Welcomed { gained }
                }
                Some("permissions.changed") if has(&said["permissions"]["gained"]) => {
                    Report::Gained
                }
                _ => continue,
            };
            self.reports.send(report).await.unwrap();
        }
        was_welcomed
    }
}

/// Says when each client reported this, once all have.
async fn until_all(reports: &mut mpsc::Receiver<Report>, count: usize, did: &str, what: Report) {
    let clock = SystemClock::new();
    let mut times = Vec::new();
    while times.len() < count {
        if reports.recv().await.unwrap() == what {
            times.push(clock.now().as_millis());
        }
    }
    println!("{}", json!({ did: times }));
}

#[test]
#[ignore = "a process of clients, which the test beside it starts"]
fn a_process_of_clients() {
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).unwrap();
    let orders: Arc<Orders> = Arc::new(serde_json::from_str(&line).unwrap());
    raise_open_files(orders.connections);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(async {
        let count = orders.connections;
        let (sender, mut reports) = mpsc::channel(count);
        let first = Arc::new(Semaphore::new(AT_ONCE));
        for number in 0..count {
            let client = Client {
                orders: Arc::clone(&orders),
                number,
                reports: sender.clone(),
            };
            tokio::spawn(client.run(Arc::clone(&first)));
        }
        let welcomed = |gained| Report::Welcomed { gained };
        until_all(&mut reports, count, "opened", welcomed(false)).await;
        until_all(&mut reports, count, "heard", Report::Gained).await;
        until_all(&mut reports, count, "back", welcomed(true)).await;
    });
}
