//! The log as a stream of server-sent events.

use reqwest::Response;
use serde_json::{Value, json};

use crate::support::Server;

/// A message of a stream.
#[derive(Debug, Default)]
struct Message {
    event: String,
    id: Option<u64>,
    data: Value,
}

/// A reader of server-sent events, as far as they are used here.
struct Reader {
    answer: Response,
    text: String,
}

impl Reader {
    async fn open(server: &Server, path: &str, token: &str, last_event_id: Option<u64>) -> Self {
        let answer = ask(server, path, token, last_event_id).await;
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        let text = String::new();
        Self { answer, text }
    }

    /// The next message; `None` at the end.
    async fn next(&mut self) -> Option<Message> {
        loop {
            if let Some((message, rest)) = self.text.split_once("\n\n") {
                let message = read(message);
                self.text = rest.to_owned();
                return Some(message);
            }
            let chunk = self.answer.chunk().await.unwrap()?;
            self.text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    /// The next message of the log.
    async fn event(&mut self) -> Message {
        loop {
            let message = self.next().await.unwrap();
            if message.event.is_empty() {
                return message;
            }
        }
    }

    /// The last message, past everything before it.
    async fn last(&mut self) -> Message {
        let mut last = Message::default();
        while let Some(message) = self.next().await {
            last = message;
        }
        last
    }
}

fn read(text: &str) -> Message {
    let mut message = Message::default();
    for line in text.lines() {
        match line.split_once(": ").unwrap() {
            ("id", id) => message.id = Some(id.parse().unwrap()),
            ("event", event) => message.event = event.to_owned(),
            ("data", data) => message.data = serde_json::from_str(data).unwrap(),
            other => panic!("{other:?}"),
        }
    }
    message
}

async fn ask(server: &Server, path: &str, token: &str, last_event_id: Option<u64>) -> Response {
    let url = format!("{}/v1/events/stream{path}", server.url);
    let mut request = server.http.get(url).bearer_auth(token);
    request = request.header("accept", "text/event-stream");
    if let Some(id) = last_event_id {
        request = request.header("last-event-id", id);
    }
    request.send().await.unwrap()
}

#[tokio::test]
async fn every_event_comes_once_and_in_order_from_where_the_reader_was() {
    let server = Server::start().await;
    let group = server.group("analysts", &[]).await;
    let anna = server.user("anna", &[]).await;
    let path = format!("/v1/groups/{group}/members/{anna}");
    let mut reader = Reader::open(&server, "?after=0", &server.key, None).await;
    for _ in 0..150 {
        server.put(&path, &server.key, json!({})).await;
        server.delete(&path, &server.key).await;
    }
    let head = server.node.head().0;
    for seq in 1..=head {
        let event = reader.event().await;
        assert_eq!(
            (event.id, event.data["seq"].as_u64()),
            (Some(seq), Some(seq))
        );
    }
    let mut again = Reader::open(&server, "?after=0", &server.key, Some(head - 1)).await;
    let event = again.event().await;
    assert_eq!(event.id, Some(head));
    assert_eq!(event.data["type"], "membership.removed");
    assert_eq!(event.data["actor"]["type"], "api_key");
}

#[tokio::test]
async fn only_what_was_asked_for_comes() {
    let server = Server::start().await;
    let group = server.group("analysts", &[]).await;
    let (anna, ben) = (
        server.user("anna", &[]).await,
        server.user("ben", &[]).await,
    );
    let query = format!("?type=membership.added&user_id={ben}");
    let mut reader = Reader::open(&server, &query, &server.key, None).await;
    for user in [&anna, &ben] {
        let path = format!("/v1/groups/{group}/members/{user}");
        server.put(&path, &server.key, json!({})).await;
    }
    let event = reader.event().await;
    assert_eq!(event.data["subject"]["id"], ben);
}

#[tokio::test]
async fn the_node_says_how_it_is() {
    let server = Server::start().await;
    let anna = server.user("anna", &[]).await;
    let who = server.sign_in("anna", "laptop").await;
    let mut socket = server.socket(&who.access_token).await;
    socket.expect("welcome").await;
    let notice = json!({ "level": "info", "title": "t", "body": "b" });
    let path = format!("/v1/users/{anna}/notices");
    server.post(&path, &server.key, notice).await;
    socket.expect("notice").await;
    let mut reader = Reader::open(&server, "", &server.key, None).await;
    let node = reader.next().await.unwrap();
    assert_eq!(node.event, "node");
    assert_eq!(node.data["head"], server.node.head().0);
    assert_eq!(
        (&node.data["connections"], &node.data["users"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(node.data["tell"]["count"], 1);
}

#[tokio::test]
async fn a_stream_ends_with_the_credential_that_opened_it() {
    let server = Server::start().await;
    let root = server.sign_in("root", "laptop").await;
    let mut of_person = Reader::open(&server, "", &root.access_token, None).await;
    let path = format!("/v1/users/{}/sessions", root.user_id);
    server.delete(&path, &server.key).await;
    let last = of_person.last().await;
    assert_eq!(last.event, "problem");
    assert_eq!(last.data["code"], "session_ended");

    let made = json!({ "name": "reader", "scopes": ["admin"] });
    let made = server.post("/v1/api-keys", &server.key, made).await.body;
    let mut of_key = Reader::open(&server, "", made["key"].as_str().unwrap(), None).await;
    let path = format!("/v1/api-keys/{}", made["id"].as_str().unwrap());
    server.delete(&path, &server.key).await;
    assert_eq!(of_key.last().await.data["code"], "token_invalid");
}

#[tokio::test]
async fn who_may_not_or_asks_wrongly_is_told_so() {
    let server = Server::start().await;
    server.user("anna", &[]).await;
    let who = server.sign_in("anna", "laptop").await;
    let status = async |path: &str, token: &str| {
        let answer = ask(&server, path, token, None).await;
        let body: Value = answer.json().await.unwrap();
        body["code"].as_str().unwrap().to_owned()
    };
    assert_eq!(status("", &who.access_token).await, "forbidden");
    assert_eq!(status("", "x").await, "token_invalid");
    assert_eq!(status("?after=-1", &server.key).await, "validation_failed");
    let beyond = format!("?after={}", u64::MAX);
    assert_eq!(status(&beyond, &server.key).await, "validation_failed");
}

#[tokio::test]
async fn streams_have_a_bound_and_give_their_place_back() {
    let server = Server::start().await;
    let mut open = Vec::new();
    for _ in 0..100 {
        open.push(Reader::open(&server, "", &server.key, None).await);
    }
    let refused = ask(&server, "", &server.key, None).await;
    assert_eq!(refused.status(), 429);
    assert_eq!(refused.headers()["retry-after"], "5");
    drop(open);
    while ask(&server, "", &server.key, None).await.status() == 429 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_stream_ends_when_the_server_makes_way() {
    let mut server = Server::start().await;
    let mut reader = Reader::open(&server, "", &server.key, None).await;
    reader.next().await.unwrap();
    server.ask_to_stop();
    assert_eq!(reader.last().await.data["code"], "cannot_decide");
    server.stopped().await;
}
