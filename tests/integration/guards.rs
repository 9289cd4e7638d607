//! What else services that check tokens ask and say: the feed over a WebSocket, filters, late uses.

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message as Frame;

use crate::support::{Heard, Reader, Server, Socket};

const FEED: &str = "/v1/feed";

async fn key(server: &Server, scope: &str) -> String {
    let body = json!({ "name": scope, "scopes": [scope] });
    let made = server.post("/v1/api-keys", &server.key, body).await;
    made.body["key"].as_str().unwrap().to_owned()
}

async fn feed_socket(server: &Server, query: &str) -> Socket {
    let authorization = format!("Bearer {}", server.key);
    let headers = [
        ("authorization", authorization.as_str()),
        ("sec-websocket-protocol", "sessionwire.feed.v1"),
    ];
    server
        .socket_with(&format!("{FEED}{query}"), &headers)
        .await
}

/// The next message of this name.
async fn next(socket: &mut Socket, name: &str) -> Value {
    loop {
        match socket.hear().await {
            Heard::Message(message) if message["event"] == name => return message,
            Heard::Message(_) => {}
            Heard::Close(code, reason) => panic!("closed: {code} {reason}"),
        }
    }
}

/// Reads on until a stretch brings changes.
async fn changes(socket: &mut Socket) -> Value {
    loop {
        let message = next(socket, "changes").await;
        if message["data"]["changes"] != json!([]) {
            return message;
        }
    }
}

#[tokio::test]
async fn the_feed_comes_over_a_websocket_too() {
    let server = Server::start().await;
    let anna = server.user("anna", &[]).await;
    let mut socket = feed_socket(&server, "").await;
    let hello = next(&mut socket, "hello").await;
    let snapshot = next(&mut socket, "snapshot").await;
    assert_eq!(snapshot["data"]["more"], false);
    let who = server.sign_in("anna", "laptop").await;
    let path = format!("/v1/users/{anna}/sessions?wait_ms=10000");
    let applied = async {
        let message = changes(&mut socket).await;
        let change = &message["data"]["changes"][0];
        assert_eq!(change["session_id"], json!(who.session_id));
        assert!(change["age_ms"].as_u64().unwrap() < 60_000, "{change}");
        assert_eq!(message["id"], message["data"]["seq"]);
        socket
            .say(json!({ "type": "ack", "seq": message["data"]["seq"] }))
            .await;
        message["id"].as_u64().unwrap()
    };
    let first_ack = json!({ "reader": hello["data"]["reader"], "seq": 0 });
    server.post("/v1/feed/acks", &server.key, first_ack).await;
    let (receipt, position) = tokio::join!(server.delete(&path, &server.key), applied);
    assert_eq!(
        receipt.body["guards"],
        json!({ "following": 1, "applied": 1 })
    );

    let mut resumed = feed_socket(&server, &format!("?after={position}")).await;
    next(&mut resumed, "hello").await;
    let beat = resumed.hear().await;
    let Heard::Message(beat) = beat else {
        panic!("{beat:?}");
    };
    assert_eq!(beat["event"], "changes");
    assert_eq!(beat["data"]["after"], position);
}

#[tokio::test]
async fn nonsense_on_the_feeds_socket_closes_it() {
    let server = Server::start().await;
    let ahead = json!({ "type": "ack", "seq": 1_000_000 }).to_string();
    let frames = [
        Frame::text("hello"),
        Frame::text("{\"type\":\"weather\"}"),
        Frame::text(ahead),
        Frame::binary(vec![1, 2, 3]),
    ];
    for frame in frames {
        let mut socket = feed_socket(&server, "").await;
        socket.send(frame).await;
        loop {
            if let Heard::Close(code, _) = socket.hear().await {
                assert_eq!(code, 4505);
                break;
            }
        }
    }
    let mut socket = feed_socket(&server, "").await;
    socket.send(Frame::text("x".repeat(100_000))).await;
    while let Heard::Message(_) = socket.hear().await {}
}

#[tokio::test]
async fn a_service_hears_of_the_kinds_that_it_asked_for() {
    let server = Server::start().await;
    let group = server.group("analysts", &["reports:read"]).await;
    let anna = server.user("anna", &["analysts"]).await;
    server.sign_in("anna", "laptop").await;
    let path = format!("{FEED}?kinds=session_ended,user_ended");
    let mut reader = Reader::open(&server, &path, &server.key, None).await;
    let rights = json!({ "permissions": [] });
    let permissions = format!("/v1/groups/{group}/permissions");
    server.put(&permissions, &server.key, rights).await;
    let suspended = server
        .post(&format!("/v1/users/{anna}/suspend"), &server.key, json!({}))
        .await;
    let until = suspended.body["seq"].as_u64().unwrap();
    let mut kinds = Vec::new();
    let mut position = None;
    while position < Some(until) {
        let message = reader.next().await.unwrap();
        if message.event != "changes" {
            continue;
        }
        let after = message.data["after"].as_u64();
        assert!(
            position.is_none() || position == after,
            "nothing is skipped"
        );
        position = message.data["seq"].as_u64();
        let changes = message.data["changes"].as_array().unwrap();
        kinds.extend(changes.iter().map(|it| it["kind"].clone()));
    }
    assert_eq!(kinds, [json!("user_ended")]);

    let wrong = format!("{FEED}?kinds=weather");
    let answer = Reader::ask(&server, &wrong, &server.key, None).await;
    assert_eq!(answer.status(), 400);
}

#[tokio::test]
async fn late_uses_are_events() {
    let server = Server::start().await;
    let (anna, ben) = (
        server.user("anna", &[]).await,
        server.user("ben", &[]).await,
    );
    let who = server.sign_in("anna", "laptop").await;
    let mut socket = feed_socket(&server, "").await;
    let reader = next(&mut socket, "hello").await["data"]["reader"].clone();
    let ended = server
        .delete(&format!("/v1/users/{anna}/sessions"), &server.key)
        .await;
    let seq = ended.body["seq"].as_u64().unwrap();
    let use_of = |user: &str| {
        json!({
            "session_id": who.session_id, "user_id": user, "jti": "018f0000-0000-7000-8000-000000000001",
            "seq": seq, "code": "session_ended", "what": "GET /reports", "count": 3,
            "first_at": "2026-01-01T00:00:00Z", "last_at": "2026-01-01T00:00:01Z",
        })
    };
    let feed_key = key(&server, "feed").await;
    let report = async |key: &str, body: Value| server.post("/v1/feed/late-uses", key, body).await;
    let both = json!({ "reader": reader, "uses": [use_of(&anna), use_of(&ben)] });
    let answer = report(&feed_key, both).await;
    assert_eq!(
        (answer.status, &answer.body),
        (200, &json!({ "recorded": 1 }))
    );
    let events = server
        .get("/v1/events?type=token.late_use", &server.key)
        .await;
    let [event] = events.body["items"].as_array().unwrap().as_slice() else {
        panic!("{:?}", events.body);
    };
    assert_eq!(
        event["subject"],
        json!({ "type": "session", "id": who.session_id })
    );
    assert_eq!(event["actor"]["type"], "api_key");
    assert_eq!(event["data"]["what"], "GET /reports");
    assert_eq!(event["data"]["change_seq"], seq);
    assert_eq!(event["data"]["count"], 3);

    let with = |change: Value| {
        let mut one = use_of(&anna);
        let members = change.as_object().unwrap().clone();
        one.as_object_mut().unwrap().extend(members);
        json!({ "reader": reader, "uses": [one] })
    };
    let wrong = [
        with(json!({ "seq": 1_000_000 })),
        with(json!({ "count": 0 })),
        with(json!({ "what": "x".repeat(201) })),
        with(json!({ "what": "" })),
        with(json!({ "code": "weather" })),
        with(json!({ "last_at": "2025-01-01T00:00:00Z" })),
        json!({ "reader": reader, "uses": vec![use_of(&anna); 101] }),
    ];
    for body in wrong {
        assert_eq!(report(&feed_key, body).await.code(), "validation_failed");
    }
    let nobody = "00000000-0000-0000-0000-000000000000";
    let stranger = json!({ "reader": nobody, "uses": [use_of(&anna)] });
    assert_eq!(report(&feed_key, stranger).await.code(), "not_found");
    let none = json!({ "reader": reader, "uses": [] });
    let verify_key = key(&server, "verify").await;
    assert_eq!(report(&verify_key, none).await.code(), "forbidden");
    let after = server
        .get("/v1/events?type=token.late_use", &server.key)
        .await;
    assert_eq!(after.body["items"].as_array().unwrap().len(), 1);
}
