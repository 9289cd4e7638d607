//! The socket: credentials, messages, close codes.

use std::time::Duration;

use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

use crate::support::{Heard, Server, SignedIn, device_named};

async fn anna() -> (Server, SignedIn) {
    let server = Server::start().await;
    server.group("staff", &["home:read"]).await;
    server.user("anna", &["staff"]).await;
    let who = server.sign_in("anna", "laptop").await;
    (server, who)
}

#[tokio::test]
async fn a_browser_says_who_it_is_in_the_first_message() {
    let (server, who) = anna().await;
    let origin = [
        ("origin", server.url.as_str()),
        ("sec-websocket-protocol", "sessionwire.v1"),
    ];
    let mut socket = server.socket_with("/v1/socket", &origin).await;
    socket
        .say(json!({ "type": "auth", "token": who.access_token }))
        .await;
    let welcome = socket.expect("welcome").await;
    assert_eq!(welcome["session_id"], who.session_id.as_str());
    assert_eq!(welcome["permissions"], json!(["home:read"]));
    assert_eq!(welcome["heartbeat_seconds"], 60);
    socket
        .say(json!({ "type": "auth", "token": who.access_token }))
        .await;
    assert_eq!(socket.expect_close(4505).await, "protocol_error");
}

#[tokio::test]
async fn a_ticket_opens_one_socket_and_is_spent_by_the_first_attempt() {
    let (server, who) = anna().await;
    let made = server
        .post("/v1/socket-tickets", &who.access_token, json!({}))
        .await;
    let path = format!(
        "/v1/socket?ticket={}",
        made.body["ticket"].as_str().unwrap()
    );
    let mut socket = server.socket_with(&path, &[]).await;
    socket.expect("welcome").await;
    let mut second = server.socket_with(&path, &[]).await;
    assert_eq!(second.expect_close(4500).await, "token_invalid");
    let made = server
        .post("/v1/socket-tickets", &who.access_token, json!({}))
        .await;
    server.advance(Duration::from_secs(31)).await;
    let path = format!(
        "/v1/socket?ticket={}",
        made.body["ticket"].as_str().unwrap()
    );
    let mut late = server.socket_with(&path, &[]).await;
    assert_eq!(late.expect_close(4500).await, "token_invalid");
}

#[tokio::test]
async fn a_back_end_signs_its_user_in_and_gets_nothing_but_a_ticket() {
    let server = Server::start().await;
    let anna = server.user("anna", &[]).await;
    let path = format!("/v1/users/{anna}/sessions");
    let wanted = |answer: &str| json!({ "device": device_named("laptop"), "answer": answer });
    let made = server.post(&path, &server.key, wanted("ticket")).await;
    assert_eq!(made.status, 201, "{}", made.body);
    let members: Vec<_> = made.body.as_object().unwrap().keys().collect();
    assert_eq!(members, ["expires_at", "session_id", "ticket"]);
    let socket = format!(
        "/v1/socket?ticket={}",
        made.body["ticket"].as_str().unwrap()
    );
    let mut first = server.socket_with(&socket, &[]).await;
    let welcome = first.expect("welcome").await;
    assert_eq!(welcome["session_id"], made.body["session_id"]);
    let mut second = server.socket_with(&socket, &[]).await;
    assert_eq!(second.expect_close(4500).await, "token_invalid");
    let ended = server.delete(&path, &server.key).await;
    assert_eq!(ended.body["sessions_ended"], 1);
    first.expect("session.revoked").await;
    let with_tokens = server.post(&path, &server.key, wanted("tokens")).await;
    assert!(with_tokens.body["refresh_token"].is_string());
    assert!(with_tokens.body["ticket"].is_null());
    let unknown = server.post(&path, &server.key, wanted("cookie")).await;
    assert_eq!(unknown.code(), "validation_failed");
    let sessions = format!("/v1/sessions?user_id={anna}&state=live");
    let live = server.get(&sessions, &server.key).await;
    assert_eq!(live.body["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_token_in_the_address_is_never_looked_at() {
    let (server, who) = anna().await;
    for name in ["token", "access_token"] {
        let path = format!("/v1/socket?{name}={}", who.access_token);
        let mut socket = server.socket_with(&path, &[]).await;
        socket.say(json!({ "type": "ping" })).await;
        assert_eq!(socket.expect_close(4505).await, "protocol_error");
    }
}

#[tokio::test]
async fn a_foreign_page_is_refused_whatever_its_credential() {
    let (server, who) = anna().await;
    let bearer = format!("Bearer {}", who.access_token);
    let headers = [
        ("origin", "https://evil.example"),
        ("authorization", bearer.as_str()),
    ];
    let mut socket = server.socket_with("/v1/socket", &headers).await;
    assert_eq!(socket.expect_close(4506).await, "origin_not_allowed");
}

#[tokio::test]
async fn whoever_says_nothing_is_closed_in_time() {
    let server = Server::start_with(&[("AUTH_TIMEOUT_S", "1")]).await;
    let mut socket = server.socket_with("/v1/socket", &[]).await;
    assert_eq!(socket.expect_close(4006).await, "not_authenticated_in_time");
}

#[tokio::test]
async fn what_is_not_the_protocol_is_closed() {
    let (server, who) = anna().await;
    let bomb = format!("{}1{}", "[".repeat(5_000), "]".repeat(5_000));
    for frame in [
        Message::Text("not json".into()),
        Message::Text("[]".into()),
        Message::Text("7".into()),
        Message::Text(bomb.into()),
        Message::Binary(vec![1, 2, 3].into()),
    ] {
        let mut before = server.socket_with("/v1/socket", &[]).await;
        before.send(frame.clone()).await;
        before.expect_close(4505).await;
        let mut after = server.welcomed(&who).await;
        after.send(frame).await;
        after.expect_close(4505).await;
    }
    let mut before = server.socket_with("/v1/socket", &[]).await;
    before.say(json!({ "type": "ping" })).await;
    before.expect_close(4505).await;
}

#[tokio::test]
async fn unknown_types_and_members_get_an_error_and_nothing_else_changes() {
    let (server, who) = anna().await;
    let mut socket = server.welcomed(&who).await;
    for message in [
        json!({ "type": "make.me.admin" }),
        json!({}),
        json!({ "type": 7 }),
        json!({ "type": "ping", "extra": 1 }),
        json!({ "type": "token.refresh" }),
        json!({ "type": "ack", "id": "seven" }),
        json!({ "type": "takeover.answer", "request_id": "no", "allow": true }),
    ] {
        socket.say(message).await;
        assert_eq!(socket.expect("error").await["code"], "validation_failed");
    }
    socket.say(json!({ "type": "ack", "id": 7 })).await;
    socket.expect_silence().await;
}

#[tokio::test]
async fn a_frame_above_the_bound_is_closed() {
    let (server, who) = anna().await;
    let mut socket = server.welcomed(&who).await;
    socket.send(Message::Text("x".repeat(20_000).into())).await;
    assert_eq!(socket.expect_close(4507).await, "frame_too_large");
}

#[tokio::test]
async fn a_flood_is_closed() {
    let (server, who) = anna().await;
    let mut socket = server.welcomed(&who).await;
    for _ in 0..100 {
        socket.say(json!({ "type": "ack", "id": 1 })).await;
    }
    assert_eq!(socket.expect_close(4003).await, "rate_limited");
}

#[tokio::test]
async fn the_token_is_refreshed_in_the_socket() {
    let (server, who) = anna().await;
    let mut socket = server.welcomed(&who).await;
    let newer = SignedIn::read(&server.refresh(&who.refresh_token).await.body);
    socket
        .say(json!({ "type": "token.refresh", "token": newer.access_token }))
        .await;
    assert!(socket.expect("token.refreshed").await["token_expires_at"].is_string());
    socket
        .say(json!({ "type": "token.refresh", "token": "rubbish" }))
        .await;
    assert_eq!(socket.expect("error").await["code"], "token_invalid");
    socket.expect_silence().await;
    let other = server.sign_in("anna", "phone").await;
    socket
        .say(json!({ "type": "token.refresh", "token": other.access_token }))
        .await;
    socket.expect_close(4500).await;
}

#[tokio::test]
async fn a_token_that_runs_out_is_announced_and_then_closes_the_socket() {
    let (server, who) = anna().await;
    let mut socket = server.welcomed(&who).await;
    server.advance(Duration::from_secs(245)).await;
    socket.expect("token.expiring").await;
    server.advance(Duration::from_mins(1)).await;
    assert_eq!(socket.expect_close(4001).await, "token_expired");
}

#[tokio::test]
async fn a_client_that_answers_no_ping_is_closed() {
    let server = Server::start_with(&[("HEARTBEAT_S", "1")]).await;
    server.user("anna", &[]).await;
    let who = server.sign_in("anna", "laptop").await;
    let mut socket = server.welcomed(&who).await;
    // Not reading, it answers no ping; the second one finds that out.
    let connected = || server.node.pulse().connections > 0;
    assert!(connected());
    while connected() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(socket.expect_close(4004).await, "heartbeat_missed");
}

#[tokio::test]
async fn notices_reach_open_connections_and_are_not_repeated() {
    let (server, who) = anna().await;
    let mut socket = server.welcomed(&who).await;
    let body =
        json!({ "level": "warning", "title": "Soon", "body": "We restart.", "data": { "a": 1 } });
    let path = format!("/v1/users/{}/notices", who.user_id);
    let sent = server.post(&path, &server.key, body).await;
    assert!([200, 201].contains(&sent.status), "{}", sent.body);
    let notice = socket.expect("notice").await;
    assert_eq!(
        (&notice["level"], &notice["data"]),
        (&json!("warning"), &json!({ "a": 1 }))
    );
    let mut later = server.welcomed(&who).await;
    later.expect_silence().await;
}

#[tokio::test]
async fn presence_lists_who_is_connected() {
    let (server, who) = anna().await;
    server.user("ben", &[]).await;
    assert_eq!(
        server.get("/v1/presence", &server.key).await.body["items"],
        json!([])
    );
    let _first = server.welcomed(&who).await;
    let _second = server.welcomed(&who).await;
    let presence = server.get("/v1/presence", &server.key).await;
    let item = &presence.body["items"][0];
    assert_eq!(
        (&item["username"], &item["connections"], &item["devices"]),
        (&json!("anna"), &json!(2), &json!(1))
    );
    assert_eq!(presence.body["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn broken_utf8_gets_the_codes_of_the_rfc() {
    use tokio::io::AsyncWriteExt as _;
    let (server, who) = anna().await;
    let mut stream = tokio::net::TcpStream::connect(server.address)
        .await
        .unwrap();
    let request = format!(
        "GET /v1/socket HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Authorization: Bearer {}\r\n\r\n",
        server.address, who.access_token
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    // A masked text frame that holds 0xFF, which is never UTF-8.
    stream
        .write_all(&[0x81, 0x81, 0, 0, 0, 0, 0xFF])
        .await
        .unwrap();
    let mut answer = Vec::new();
    tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut answer)
        .await
        .unwrap();
    let codes = [4505_u16.to_be_bytes(), 1007_u16.to_be_bytes()];
    assert!(
        codes
            .iter()
            .any(|code| answer.windows(2).any(|window| window == code))
    );
}

#[tokio::test]
async fn not_a_websocket_is_a_clear_error() {
    let (server, who) = anna().await;
    let answer = server.get("/v1/socket", &who.access_token).await;
    assert_eq!((answer.status, answer.code()), (400, "validation_failed"));
}

#[tokio::test]
async fn every_connection_of_a_user_is_counted_against_the_bound() {
    let server = Server::start_with(&[("MAX_CONNECTIONS_PER_USER", "2")]).await;
    server.user("anna", &[]).await;
    let who = server.sign_in("anna", "laptop").await;
    let _held = (server.welcomed(&who).await, server.welcomed(&who).await);
    let mut third = server.socket(&who.access_token).await;
    assert_eq!(
        third.hear().await,
        Heard::Close(4003, "rate_limited".into())
    );
}

#[tokio::test]
async fn a_client_that_reads_nothing_is_closed_and_harms_nobody() {
    let server = Server::start_with(&[("WRITE_TIMEOUT_S", "1")]).await;
    server.user("anna", &[]).await;
    let who = server.sign_in("anna", "laptop").await;
    let deaf = server.welcomed(&who).await;
    let user = sessionwire::domain::id::UserId(who.user_id.parse().unwrap());
    let path = format!("/v1/users/{}/notices?wait_ms=0", who.user_id);
    let data = "x".repeat(8_000);
    let body = json!({ "level": "info", "title": "a", "body": "b", "data": data });
    let mut sent = 0;
    while server.node.connections_reached(&[user], &[]) > 0 {
        assert!(sent < 50_000, "it must end some time");
        assert_eq!(
            server.post(&path, &server.key, body.clone()).await.status,
            200
        );
        sent += 1;
    }
    let mut other = server.welcomed(&who).await;
    other.expect_silence().await;
    drop(deaf);
}
