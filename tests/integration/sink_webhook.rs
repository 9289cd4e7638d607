//! The sink that posts to a receiver, with one that takes, refuses, stalls and goes away.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};
use standardwebhooks::Webhook;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::support::{Server, free_port};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// How the receiver answers.
#[derive(Clone, Copy)]
enum Way {
    Status(u16),
    Redirect,
    Flood,
    Stall,
}

#[derive(Default)]
struct Inbox {
    ways: VecDeque<Way>,
    heard: Vec<(HeaderMap, Bytes)>,
    taken: Vec<Value>,
}

type Shared = Arc<std::sync::Mutex<Inbox>>;

/// A receiver on a port of its own.
struct Receiver {
    port: u16,
    inbox: Shared,
    serving: Option<JoinHandle<()>>,
}

impl Receiver {
    async fn start() -> Self {
        let mut receiver = Self::away();
        receiver.begin().await;
        receiver
    }

    /// Nobody listens yet.
    fn away() -> Self {
        Self {
            port: free_port(),
            inbox: Shared::default(),
            serving: None,
        }
    }

    async fn begin(&mut self) {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        let listener = TcpListener::bind(address).await.unwrap();
        let router = Router::new()
            .fallback(receive)
            .with_state(Arc::clone(&self.inbox));
        let serving = async { axum::serve(listener, router).await.unwrap() };
        self.serving = Some(tokio::spawn(serving));
    }

    fn answers(&self, ways: &[Way]) {
        self.inbox.lock().unwrap().ways.extend(ways);
    }

    fn heard(&self) -> Vec<(HeaderMap, Bytes)> {
        self.inbox.lock().unwrap().heard.clone()
    }

    /// Positions of what was taken, in the order in which it was.
    fn taken(&self) -> Vec<u64> {
        let inbox = self.inbox.lock().unwrap();
        inbox
            .taken
            .iter()
            .map(|body| body["data"]["seq"].as_u64().unwrap())
            .collect()
    }

    async fn has(&self, seq: u64) {
        while self.taken().last().is_none_or(|last| *last < seq) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}/hook?token=hunter2", self.port)
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        if let Some(serving) = &self.serving {
            serving.abort();
        }
    }
}

async fn receive(State(inbox): State<Shared>, headers: HeaderMap, body: Bytes) -> Response {
    let way = {
        let mut inbox = inbox.lock().unwrap();
        inbox.heard.push((headers, body.clone()));
        let way = inbox.ways.pop_front().unwrap_or(Way::Status(204));
        if matches!(way, Way::Status(200..300) | Way::Flood) {
            inbox.taken.push(serde_json::from_slice(&body).unwrap());
        }
        way
    };
    match way {
        Way::Status(status) => StatusCode::from_u16(status).unwrap().into_response(),
        Way::Redirect => (StatusCode::FOUND, [("location", "/elsewhere")]).into_response(),
        Way::Flood => vec![b'x'; 10_000_000].into_response(),
        Way::Stall => std::future::pending().await,
    }
}

/// A server that posts there.
async fn server(receiver: &Receiver, settings: &str) -> Server {
    server_at(&receiver.url(), settings, &[]).await
}

async fn server_at(url: &str, settings: &str, more: &[(&str, &str)]) -> Server {
    let mut secret = tempfile::NamedTempFile::new().unwrap();
    std::io::Write::write_all(&mut secret, SECRET.as_bytes()).unwrap();
    let sinks = format!(
        "[{{ kind = 'webhook', name = 'hook', url = '{url}', secret_file = '{}', \
         timeout_s = 1, retry_max_s = 1, addresses = 'any' {settings} }}]",
        secret.path().display()
    )
    .replace("addresses = 'any' , addresses", "addresses");
    let settings: Vec<_> = more
        .iter()
        .copied()
        .chain([("SINKS", sinks.as_str())])
        .collect();
    let server = Server::start_with(&settings).await;
    // Sinks begin when the server does.
    assert_eq!(report(&server).await["name"], "hook");
    server
}

async fn report(server: &Server) -> Value {
    server.get("/v1/sinks", &server.key).await.body["items"][0].clone()
}

async fn until_state(server: &Server, state: &str) -> Value {
    loop {
        let report = report(server).await;
        if report["state"] == state {
            return report;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn events(server: &Server, query: &str) -> Vec<Value> {
    let page = server
        .get(&format!("/v1/events?limit=200{query}"), &server.key)
        .await;
    page.body["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn every_event_comes_once_in_order_and_signed() {
    let receiver = Receiver::start().await;
    let server = server(&receiver, ", start = 'beginning'").await;
    for n in 0..10 {
        server.user(&format!("user-{n}"), &[]).await;
    }
    receiver.has(server.head().await).await;
    let events = events(&server, "").await;
    let verifier = Webhook::new(SECRET).unwrap();
    for ((headers, body), event) in receiver.heard().iter().zip(&events) {
        verifier.verify(body, headers).unwrap();
        assert!(verifier.verify(b"{}", headers).is_err());
        let body: Value = serde_json::from_slice(body).unwrap();
        let expected = json!({ "type": event["type"], "timestamp": event["at"], "data": event });
        assert_eq!(body, expected);
    }
    assert_eq!(receiver.heard().len(), events.len());
}

#[tokio::test]
async fn what_was_refused_comes_again_under_the_same_id_and_nothing_overtakes_it() {
    let receiver = Receiver::start().await;
    let server = server(&receiver, "").await;
    receiver.answers(&[
        Way::Status(500),
        Way::Redirect,
        Way::Stall,
        Way::Status(429),
    ]);
    let anna = server.user("anna", &[]).await;
    let ben = server.user("ben", &[]).await;
    let failing = until_state(&server, "failing").await;
    assert!(!failing.to_string().contains("hunter2"), "{failing}");
    receiver.has(server.head().await).await;
    let heard = receiver.heard();
    let ids: Vec<_> = heard
        .iter()
        .map(|(headers, _)| &headers["webhook-id"])
        .collect();
    assert!(ids[..5].iter().all(|id| *id == ids[0]), "{ids:?}");
    let bodies: Vec<Value> = heard
        .iter()
        .map(|(_, body)| serde_json::from_slice(body).unwrap())
        .collect();
    assert_eq!(bodies.len(), 6);
    assert_eq!(bodies[4]["data"]["subject"]["id"], anna);
    assert_eq!(bodies[5]["data"]["subject"]["id"], ben);
    until_state(&server, "running").await;
}

#[tokio::test]
async fn a_receiver_that_was_away_gets_everything_after_it_also_from_a_server_that_restarted() {
    let mut receiver = Receiver::away();
    let directory = tempfile::tempdir().unwrap();
    let data = [("DATA_DIR", directory.path().to_str().unwrap())];
    let mut first = server_at(&receiver.url(), "", &data).await;
    let began = first.head().await;
    for n in 0..5 {
        first.user(&format!("user-{n}"), &[]).await;
    }
    let failing = until_state(&first, "failing").await;
    assert_eq!(failing["seq"], began);
    first.ask_to_stop();
    first.stopped().await;
    let second = server_at(&receiver.url(), "", &data).await;
    second.user("anna", &[]).await;
    until_state(&second, "failing").await;
    receiver.begin().await;
    let head = second.head().await;
    receiver.has(head).await;
    assert_eq!(receiver.taken(), (began + 1..=head).collect::<Vec<_>>());
}

#[tokio::test]
async fn one_that_fails_for_days_is_disabled_until_somebody_enables_it() {
    let receiver = Receiver::start().await;
    let server = server(&receiver, "").await;
    let began = server.head().await;
    receiver.answers(&[Way::Status(503); 100]);
    server.user("anna", &[]).await;
    until_state(&server, "failing").await;
    server.advance(Duration::from_hours(73)).await;
    let disabled = until_state(&server, "disabled").await;
    assert!(
        disabled["last_error"].as_str().unwrap().contains("503"),
        "{disabled}"
    );
    let told = events(&server, "&type=sink.disabled").await;
    assert_eq!(told[0]["subject"], json!({ "type": "sink", "id": "hook" }));
    assert_eq!(told[0]["data"]["failing_since"], disabled["failing_since"]);
    let tried = receiver.heard().len();
    server.user("ben", &[]).await;
    assert_eq!(report(&server).await["state"], "disabled");
    assert_eq!(receiver.heard().len(), tried, "nothing is tried");
    receiver.inbox.lock().unwrap().ways.clear();

    let enable = "/v1/sinks/hook/enable";
    let done = server.post(enable, &server.key, json!({})).await;
    assert_eq!((done.status, &done.body["changed"]), (200, &json!(true)));
    let head = server.head().await;
    receiver.has(head).await;
    assert_eq!(receiver.taken(), (began + 1..=head).collect::<Vec<_>>());
    let told = events(&server, "&type=sink.enabled").await;
    assert_eq!(told[0]["actor"]["type"], "api_key");
}

#[tokio::test]
async fn a_receiver_that_is_gone_is_disabled_at_once_and_tried_again_after_a_restart() {
    let receiver = Receiver::start().await;
    let directory = tempfile::tempdir().unwrap();
    let data = [("DATA_DIR", directory.path().to_str().unwrap())];
    let mut first = server_at(&receiver.url(), "", &data).await;
    let began = first.head().await;
    receiver.answers(&[Way::Status(410)]);
    first.user("anna", &[]).await;
    until_state(&first, "disabled").await;
    first.ask_to_stop();
    first.stopped().await;
    let second = server_at(&receiver.url(), "", &data).await;
    receiver.has(second.head().await).await;
    assert_eq!(receiver.taken()[0], began + 1);
    assert_eq!(events(&second, "&type=sink.enabled").await.len(), 1);
}

#[tokio::test]
async fn a_long_answer_is_not_read_to_its_end() {
    let receiver = Receiver::start().await;
    let server = server(&receiver, "").await;
    receiver.answers(&[Way::Flood]);
    server.user("anna", &[]).await;
    server.user("ben", &[]).await;
    receiver.has(server.head().await).await;
    assert_eq!(receiver.heard().len(), 2);
}

#[tokio::test]
async fn addresses_that_are_not_public_are_not_connected_to() {
    let receiver = Receiver::start().await;
    for host in ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "0x7f.1"] {
        let url = format!("http://{host}:{}/hook", receiver.port);
        let server = server_at(&url, ", addresses = 'public'", &[]).await;
        server.user("anna", &[]).await;
        let failing = until_state(&server, "failing").await;
        let error = failing["last_error"].as_str().unwrap();
        assert!(
            error.contains("not of the public network"),
            "{host}: {error}"
        );
    }
    assert!(receiver.heard().is_empty());
}

#[tokio::test]
async fn only_what_is_asked_for_comes() {
    let receiver = Receiver::start().await;
    let server = server(&receiver, ", events = ['session.*']").await;
    server.user("anna", &[]).await;
    server.sign_in("anna", "laptop").await;
    receiver.has(server.head().await).await;
    let heard: Vec<Value> = receiver.inbox.lock().unwrap().taken.clone();
    assert_eq!(heard.len(), 1);
    assert_eq!(heard[0]["type"], "session.started");
}
