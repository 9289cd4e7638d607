//! Socket.IO against whoever does not speak it: each gets a clear answer, and nobody else is harmed.

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::support::{Server, SignedIn, asking, event, refusal};

const BINARY_EVENT: &str = r#"451-["ack",{"_placeholder":true,"num":0}]"#;

async fn anna() -> (Server, SignedIn) {
    let server = Server::start().await;
    server.user("anna", &[]).await;
    let who = server.sign_in("anna", "laptop").await;
    (server, who)
}

#[tokio::test]
async fn what_is_not_engine_io_is_refused_in_its_own_form() {
    let server = Server::start().await;
    let polling = "EIO=4&transport=polling";
    let unknown = format!("{polling}&sid=x");
    for (method, query, code) in [
        ("GET", "", 5),
        ("GET", "transport=polling", 5),
        ("GET", "EIO=3&transport=polling", 5),
        ("GET", "EIO=4", 0),
        ("GET", "EIO=4&transport=pigeon", 0),
        ("GET", "EIO=4&transport=websocket", 3),
        ("POST", polling, 2),
        ("PUT", polling, 2),
        ("DELETE", &unknown, 1),
        ("GET", &unknown, 1),
        ("POST", &unknown, 1),
    ] {
        let method = method.parse().unwrap();
        let answer = server
            .call(method, &format!("/socket.io/?{query}"), "", None)
            .await;
        assert_eq!(
            (answer.status, &answer.body["code"]),
            (400, &json!(code)),
            "{query}"
        );
        assert!(answer.body["message"].is_string());
    }
    assert_eq!(server.node.pulse().connections, 0);
}

#[tokio::test]
async fn a_namespace_that_does_not_exist_is_refused_and_nothing_else_changes() {
    let (server, who) = anna().await;
    let mut socket = server.engine("", None).await;
    socket.expect_open().await;
    for _ in 0..2 {
        socket.say("40/admin,{}").await;
        let refused = socket.hear().await;
        let told: Value = serde_json::from_str(refused.strip_prefix("44/admin,").unwrap()).unwrap();
        assert_eq!(told["message"], "Invalid namespace");
        assert_eq!(told["data"]["code"], 4505);
        socket.say(&asking(&who)).await;
        let packet = socket.hear().await;
        if packet.starts_with("40{") {
            socket.expect("welcome").await;
            break;
        }
    }
    socket.say("40/admin").await;
    assert!(socket.hear().await.starts_with("44/admin,{"));
    socket.expect_silence().await;
}

#[tokio::test]
async fn what_is_not_the_protocol_is_closed() {
    let (server, who) = anna().await;
    let bomb = format!("42{}1{}", "[".repeat(5_000), "]".repeat(5_000));
    let texts = [
        "",
        "abc",
        "2",
        "2probe",
        "5",
        "4",
        "4é",
        "43[]",
        "44{}",
        "47",
        "41/admin",
        "42/admin,[]",
        "42",
        "42{",
        "42{}",
        "42[]",
        "42[7]",
        "42not json",
        BINARY_EVENT,
        "461-[]",
        "bAQID",
        &bomb,
    ];
    let frames = texts.iter().map(|it| Message::Text((*it).into()));
    let bytes = Message::Binary(vec![1, 2, 3].into());
    for frame in frames.chain([bytes]) {
        let mut before = server.engine("", None).await;
        before.expect_open().await;
        before.send(frame.clone()).await;
        assert_eq!(refusal(&before.hear().await)["code"], 4505, "{frame:?}");
        let mut after = server.engine_welcomed(&who).await;
        after.send(frame).await;
        after.expect_close(4505).await;
    }
    for text in texts {
        let mut polls = server.polls_welcomed(&who).await;
        let status = polls.say(text).await;
        assert!([200, 400].contains(&status), "{text}: {status}");
        polls.expect_close(4505).await;
    }
    for twice in [asking(&who), r#"42["auth",{"token":"t"}]"#.to_owned()] {
        let mut socket = server.engine_welcomed(&who).await;
        socket.say(&twice).await;
        socket.expect_close(4505).await;
    }
}

#[tokio::test]
async fn what_is_too_large_is_closed() {
    let (server, who) = anna().await;
    let large = format!("42{}", json!(["ack", { "id": "x".repeat(20_000) }]));
    let mut socket = server.engine_welcomed(&who).await;
    socket.say(&large).await;
    socket.expect_close(4507).await;
    let mut polls = server.polls_welcomed(&who).await;
    assert_eq!(polls.say(&large).await, 413);
    polls.expect_close(4507).await;
    let mut before = server.polls().await;
    assert_eq!(before.say(&large).await, 413);
    assert_eq!(refusal(&before.hear().await)["code"], 4507);
}

#[tokio::test]
async fn a_flood_is_closed_and_harms_nobody() {
    let (server, who) = anna().await;
    let ack = r#"42["ack",{"id":1}]"#;
    let mut bystander = server.engine_welcomed(&who).await;

    let mut socket = server.engine_welcomed(&who).await;
    for _ in 0..100 {
        socket.say(ack).await;
    }
    socket.expect_close(4003).await;

    let mut polls = server.polls_welcomed(&who).await;
    let path = polls.path.clone();
    let flood = post(&server, &path, vec!["3"; 1_000].join("\u{1e}"));
    tokio::join!(flood, polls.expect_close(4003));

    let mut undecided = server.polls().await;
    let path = undecided.path.clone();
    let flood = post(&server, &path, vec!["40/no"; 1_000].join("\u{1e}"));
    let told = async {
        loop {
            let packet = undecided.hear().await;
            if !packet.starts_with("44/no") {
                break refusal(&packet);
            }
        }
    };
    let (_, told) = tokio::join!(flood, told);
    assert_eq!(told["code"], 4003);
    bystander.expect_silence().await;
}

async fn post(server: &Server, path: &str, payload: String) -> u16 {
    let request = server.http.post(format!("{}{path}", server.url));
    request
        .body(payload)
        .send()
        .await
        .unwrap()
        .status()
        .as_u16()
}

#[tokio::test]
async fn two_polls_at_once_end_the_session() {
    let (server, who) = anna().await;
    let mut polls = server.polls_welcomed(&who).await;
    let twin = server.get(&polls.path, "");
    let (first, second) = tokio::join!(polls.poll(), twin);
    let mut statuses = [first.status, second.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 400]);
    while polls.hear().await != "(400)" {}
    while server.node.pulse().connections > 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_client_that_leaves_is_forgotten() {
    let (server, who) = anna().await;
    for goodbye in ["1", "41"] {
        let polls = server.polls_welcomed(&who).await;
        let (answer, status) = tokio::join!(polls.poll(), polls.say(goodbye));
        assert_eq!((answer.status, &answer.body, status), (200, &json!(6), 200));
        let mut socket = server.engine_welcomed(&who).await;
        socket.say(goodbye).await;
        while server.node.pulse().connections > 0 {
            tokio::task::yield_now().await;
        }
    }
    drop(server.engine_welcomed(&who).await);
    while server.node.pulse().connections > 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_web_socket_takes_over_and_nothing_is_lost() {
    let (server, who) = anna().await;
    let mut polls = server.polls_welcomed(&who).await;
    let id = polls.path.split_once("&sid=").unwrap().1.to_owned();
    let mut socket = server.engine(&format!("&sid={id}"), None).await;
    let pending = polls.poll();
    let upgrade = async {
        socket.say("2probe").await;
        assert_eq!(socket.hear().await, "3probe");
        // A second one is let go of.
        let mut twin = server.engine(&format!("&sid={id}"), None).await;
        twin.say("2probe").await;
        assert_eq!(twin.hear().await, "(gone)");
    };
    let (released, ()) = tokio::join!(pending, upgrade);
    assert_eq!(released.body, json!(6));
    let notice = json!({ "level": "info", "title": "t", "body": "b" });
    let path = format!("/v1/users/{}/notices", who.user_id);
    let told = server.post(&path, &server.key, notice);
    let (told, ()) = tokio::join!(told, async {
        // It was put in for a poll, and arrives over the WebSocket.
        while server.node.head().0 < 4 {
            tokio::task::yield_now().await;
        }
        socket.say("5").await;
        socket.expect("notice").await;
    });
    assert_eq!(told.body["connections"]["told"], 1);
    socket.expect_silence().await;
    assert_eq!(polls.hear().await, "(400)");
    assert_eq!(polls.say("3").await, 400);
}

#[tokio::test]
async fn a_web_socket_that_comes_to_nothing_leaves_the_polls() {
    let (server, who) = anna().await;
    let mut polls = server.polls_welcomed(&who).await;
    let id = polls.path.split_once("&sid=").unwrap().1.to_owned();
    for nonsense in ["3", r#"42["ack",{"id":1}]"#] {
        let mut socket = server.engine(&format!("&sid={id}"), None).await;
        socket.say("2probe").await;
        assert_eq!(socket.hear().await, "3probe");
        socket.say(nonsense).await;
        assert_eq!(socket.hear().await, "(gone)");
    }
    assert_eq!(polls.say(r#"42["ping",{}]"#).await, 200);
    loop {
        match polls.hear().await.as_str() {
            "6" => {}
            packet => break assert_eq!(event(packet).0, "pong"),
        }
    }
}
