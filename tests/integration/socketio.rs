//! Socket.IO: the same messages, limits, receipts and ends as the socket's, over both of its transports, and
//! bounds against whoever does not speak it.

use std::time::Duration;

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::support::{PASSWORD, Server, SignedIn, asking, event, refusal};

async fn anna(settings: &[(&str, &str)]) -> (Server, SignedIn) {
    let server = Server::start_with(settings).await;
    server.group("staff", &["home:read"]).await;
    server.user("anna", &["staff"]).await;
    let who = server.sign_in("anna", "laptop").await;
    (server, who)
}

async fn notify(server: &Server, who: &SignedIn) -> Value {
    let notice = json!({ "level": "info", "title": "t", "body": "b" });
    let path = format!("/v1/users/{}/notices", who.user_id);
    let sent = server.post(&path, &server.key, notice).await;
    assert_eq!(sent.status, 200, "{}", sent.body);
    sent.body["connections"].clone()
}

async fn revoke(server: &Server, who: &SignedIn) -> Value {
    let path = format!("/v1/sessions/{}", who.session_id);
    server.delete(&path, &server.key).await.body["connections"].clone()
}

#[tokio::test]
async fn says_what_the_socket_says_over_both_transports() {
    let (server, who) = anna(&[]).await;
    let group = server.group("analysts", &["reports:read"]).await;
    let mut plain = server.welcomed(&who).await;
    let mut socket = server.engine_welcomed(&who).await;
    let mut polls = server.polls_welcomed(&who).await;
    let path = format!("/v1/groups/{group}/members/{}", who.user_id);
    let join = server.put(&path, &server.key, json!({}));
    let hear = async {
        let mut said = plain.expect("permissions.changed").await;
        said.as_object_mut().unwrap().remove("type");
        assert_eq!(socket.expect("permissions.changed").await, said);
        assert_eq!(polls.expect("permissions.changed").await, said);
    };
    let (joined, ()) = tokio::join!(join, hear);
    assert_eq!(joined.body["receipt"]["connections"]["told"], 3);
    let presence = server.get("/v1/presence", &server.key).await;
    assert_eq!(presence.body["items"][0]["connections"], 3);

    let end = revoke(&server, &who);
    let hear = async {
        assert_eq!(
            socket.expect("session.revoked").await["reason"],
            "revoked_by_admin"
        );
        socket.expect_close(4501).await;
        assert_eq!(
            polls.expect("session.revoked").await["reason"],
            "revoked_by_admin"
        );
        polls.expect_close(4501).await;
    };
    let (reached, ()) = tokio::join!(end, hear);
    assert_eq!(reached, json!({ "told": 3, "closed": 3 }));
    // What is kept of a session is gone a moment after its end.
    while polls.hear().await != "(400)" {}
}

#[tokio::test]
async fn a_refused_handshake_says_why() {
    let (server, who) = anna(&[]).await;
    let spent = server
        .post("/v1/socket-tickets", &who.access_token, json!({}))
        .await;
    let ticket = json!({ "ticket": spent.body["ticket"] }).to_string();
    let foreign = Some("https://evil.example");
    let own = Some(server.url.as_str());
    let good = json!({ "token": who.access_token }).to_string();
    for (origin, auth, code, reason) in [
        (None, "", 4500, "token_missing"),
        (None, "{}", 4500, "token_missing"),
        (None, r#"{"token":7}"#, 4500, "token_missing"),
        (None, r#"{"token":"nonsense"}"#, 4500, "token_invalid"),
        (None, "[]", 4505, "protocol_error"),
        (None, "{", 4505, "protocol_error"),
        (foreign, good.as_str(), 4506, "origin_not_allowed"),
        (own, ticket.as_str(), 0, ""),
        (own, ticket.as_str(), 4500, "token_invalid"),
    ] {
        let mut socket = server.engine("", origin).await;
        socket.expect_open().await;
        socket.say(&format!("40{auth}")).await;
        let heard = socket.hear().await;
        if code == 0 {
            assert!(heard.starts_with("40{"), "{heard}");
            continue;
        }
        let told = refusal(&heard);
        assert_eq!(
            (&told["code"], &told["reason"]),
            (&json!(code), &json!(reason)),
            "{auth}"
        );
        assert!(told.get("message").is_none());
    }
    revoke(&server, &who).await;
    let mut polls = server.polls().await;
    assert_eq!(polls.say(&asking(&who)).await, 200);
    let told = refusal(&polls.hear().await);
    assert_eq!(told["code"], 4501);
    assert_eq!(told["message"]["type"], "session.revoked");
    assert_eq!(told["message"]["reason"], "revoked_by_admin");
}

#[tokio::test]
async fn a_client_says_what_it_says_over_the_socket() {
    let (server, who) = anna(&[]).await;
    let newer = SignedIn::read(&server.refresh(&who.refresh_token).await.body);
    let other = server.sign_in("anna", "phone").await;
    let mut socket = server.engine_welcomed(&who).await;
    let refresh = |it: &SignedIn| {
        format!(
            "42{}",
            json!(["token.refresh", { "token": it.access_token }])
        )
    };
    socket.say(&refresh(&newer)).await;
    assert!(socket.expect("token.refreshed").await["token_expires_at"].is_string());
    socket.say(r#"427["ack",{"id":1}]"#).await;
    assert_eq!(socket.hear().await, "437[]");
    socket.say(r#"428["activity"]"#).await;
    assert_eq!(socket.hear().await, "438[]");
    for wrong in [
        r#"["make.me.admin",{}]"#,
        r#"["ack",{"id":"seven"}]"#,
        r#"["ack",7]"#,
        r#"["activity",{},{}]"#,
        r#"["token.refresh",{"token":"t","more":1}]"#,
    ] {
        socket.say(&format!("42{wrong}")).await;
        assert_eq!(socket.expect("error").await["code"], "validation_failed");
    }
    socket.say(r#"429["make.me.admin",{}]"#).await;
    let answers = [socket.hear().await, socket.hear().await];
    assert_eq!(answers[0], "439[]");
    assert_eq!(event(&answers[1]).0, "error");
    socket.say(&refresh(&other)).await;
    socket.expect_close(4500).await;
}

#[tokio::test]
async fn the_person_answers_whether_another_device_may_come_in() {
    let (server, laptop) = anna(&[]).await;
    let policy = json!({ "max_sessions": 1, "at_limit": "approve" });
    server.policy(policy).await;
    let mut polls = server.polls_welcomed(&laptop).await;
    let asked = server.try_sign_in("anna", PASSWORD, "phone").await;
    assert_eq!(asked.status, 202);
    let request = polls.expect("session.takeover_requested").await;
    let answer = json!(["takeover.answer", { "request_id": request["request_id"], "allow": true }]);
    assert_eq!(polls.say(&format!("42{answer}")).await, 200);
    assert_eq!(
        polls.expect("session.revoked").await["reason"],
        "superseded"
    );
    polls.expect_close(4502).await;
}

#[tokio::test]
async fn who_says_nothing_is_refused_in_time() {
    let server = Server::start_with(&[("AUTH_TIMEOUT_S", "1")]).await;
    let mut socket = server.engine("", None).await;
    socket.expect_open().await;
    assert_eq!(refusal(&socket.hear().await)["code"], 4006);
    let mut polls = server.polls().await;
    assert_eq!(refusal(&polls.hear().await)["code"], 4006);
    while polls.hear().await != "(400)" {}
}

#[tokio::test]
async fn a_token_that_runs_out_closes_the_transport() {
    let (server, who) = anna(&[]).await;
    let mut polls = server.polls_welcomed(&who).await;
    server.advance(Duration::from_secs(245)).await;
    let expiring = loop {
        match polls.hear().await.as_str() {
            "2" => assert_eq!(polls.say("3").await, 200),
            packet => break event(packet).0,
        }
    };
    assert_eq!(expiring, "token.expiring");
    server.advance(Duration::from_mins(1)).await;
    polls.expect_close(4001).await;
}

#[tokio::test]
async fn a_client_that_answers_no_ping_is_closed_and_one_that_does_lives() {
    let (server, who) = anna(&[("HEARTBEAT_S", "1")]).await;
    let mut socket = server.engine("", None).await;
    let open = socket.expect_open().await;
    assert_eq!(open["pingInterval"], 1_000);
    socket.say(&asking(&who)).await;
    let mut heard = Vec::new();
    for _ in 0..5 {
        let packet = socket.hear().await;
        if packet == "2" {
            socket.say("3").await;
        }
        heard.push(packet);
    }
    // Not at once, but after the interval.
    assert_eq!(event(&heard[1]).0, "welcome");
    assert_eq!(heard[2..], ["2", "2", "2"]);
    assert_eq!(socket.hear().await, "2");
    socket.expect_close(4004).await;
}

#[tokio::test]
async fn a_server_that_makes_way_says_when_to_come_back() {
    let (mut server, who) = anna(&[]).await;
    let mut socket = server.engine_welcomed(&who).await;
    let mut visitor = server.engine("", None).await;
    visitor.expect_open().await;
    server.ask_to_stop();
    assert!(
        socket.expect("reconnect").await["after_ms"]
            .as_u64()
            .unwrap()
            < 1_000
    );
    socket.expect_close(4000).await;
    let told = refusal(&visitor.hear().await);
    assert_eq!(told["code"], 4000);
    assert!(told["message"]["after_ms"].is_u64());
    drop((socket, visitor));
    server.stopped().await;
}

#[tokio::test]
async fn connections_are_counted_with_all_others() {
    let settings = [
        ("MAX_CONNECTIONS_PER_USER", "2"),
        ("MAX_UNAUTHENTICATED", "1"),
    ];
    let (server, who) = anna(&settings).await;
    let _held = (
        server.welcomed(&who).await,
        server.polls_welcomed(&who).await,
    );
    let mut third = server.engine("", None).await;
    third.expect_open().await;
    // Nobody else may be undecided at the same time: who comes is told so, and nothing is kept of it.
    let mut turned_away = server.polls().await;
    assert_eq!(refusal(&turned_away.hear().await)["code"], 4003);
    assert_eq!(turned_away.hear().await, "(400)");
    let mut turned_away = server.engine("", None).await;
    turned_away.expect_open().await;
    assert_eq!(refusal(&turned_away.hear().await)["code"], 4003);
    assert_eq!(turned_away.hear().await, "(4003)");
    third.say(&asking(&who)).await;
    assert_eq!(refusal(&third.hear().await)["code"], 4003);
}

#[tokio::test]
async fn a_client_that_does_not_poll_is_not_told_and_let_go() {
    let (server, who) = anna(&[("WRITE_TIMEOUT_S", "1")]).await;
    let mut polls = server.polls_welcomed(&who).await;
    assert_eq!(
        notify(&server, &who).await,
        json!({ "told": 0, "closed": 0 })
    );
    while server.node.pulse().connections > 0 {
        tokio::task::yield_now().await;
    }
    // It may yet read what it missed, if it comes at once, and why it is over.
    while polls.hear().await != "(400)" {}
    let mut socket = server.engine_welcomed(&who).await;
    assert_eq!(notify(&server, &who).await["told"], 1);
    socket.expect("notice").await;
    socket.send(Message::Close(None)).await;
    while server.node.pulse().connections > 0 {
        tokio::task::yield_now().await;
    }
}
