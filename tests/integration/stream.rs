//! The log as a stream of server-sent events.

use serde_json::{Value, json};

use crate::support::{Reader, Server};

const PATH: &str = "/v1/events/stream";
const FROM_THE_START: &str = "/v1/events/stream?after=0";

#[tokio::test]
async fn every_event_comes_once_and_in_order_from_where_the_reader_was() {
    let server = Server::start().await;
    let group = server.group("analysts", &[]).await;
    let anna = server.user("anna", &[]).await;
    let path = format!("/v1/groups/{group}/members/{anna}");
    let mut reader = Reader::open(&server, FROM_THE_START, &server.key, None).await;
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
    let mut again = Reader::open(&server, FROM_THE_START, &server.key, Some(head - 1)).await;
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
    let query = format!("{PATH}?type=membership.added&user_id={ben}");
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
    let mut reader = Reader::open(&server, PATH, &server.key, None).await;
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
    let mut of_person = Reader::open(&server, PATH, &root.access_token, None).await;
    let path = format!("/v1/users/{}/sessions", root.user_id);
    server.delete(&path, &server.key).await;
    let last = of_person.last().await;
    assert_eq!(last.event, "problem");
    assert_eq!(last.data["code"], "session_ended");

    let made = json!({ "name": "reader", "scopes": ["admin"] });
    let made = server.post("/v1/api-keys", &server.key, made).await.body;
    let mut of_key = Reader::open(&server, PATH, made["key"].as_str().unwrap(), None).await;
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
        let answer = Reader::ask(&server, &format!("{PATH}{path}"), token, None).await;
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
        open.push(Reader::open(&server, PATH, &server.key, None).await);
    }
    let refused = Reader::ask(&server, PATH, &server.key, None).await;
    assert_eq!(refused.status(), 429);
    assert_eq!(refused.headers()["retry-after"], "5");
    drop(open);
    while Reader::ask(&server, PATH, &server.key, None).await.status() == 429 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_stream_ends_when_the_server_makes_way() {
    let mut server = Server::start().await;
    let mut reader = Reader::open(&server, PATH, &server.key, None).await;
    reader.next().await.unwrap();
    server.ask_to_stop();
    assert_eq!(reader.last().await.data["code"], "cannot_decide");
    server.stopped().await;
}
