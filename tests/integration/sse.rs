//! The socket's messages as server-sent events: the same bodies, limits, receipts and ends.

use std::time::Duration;

use futures::future::join_all;
use serde_json::{Value, json};

use crate::support::{Answer, Heard, PASSWORD, Reader, Server, SignedIn};

const PATH: &str = "/v1/stream";

async fn anna(settings: &[(&str, &str)]) -> (Server, SignedIn) {
    let server = Server::start_with(settings).await;
    server.group("staff", &["home:read"]).await;
    server.user("anna", &["staff"]).await;
    let who = server.sign_in("anna", "laptop").await;
    (server, who)
}

async fn open(server: &Server, who: &SignedIn, heard: Option<u64>) -> Reader {
    Reader::open(server, PATH, &who.access_token, heard).await
}

async fn welcomed(server: &Server, who: &SignedIn) -> Reader {
    let mut stream = open(server, who, None).await;
    stream.expect("welcome").await;
    stream
}

async fn refused(server: &Server, token: &str, heard: Option<u64>) -> Answer {
    Answer::read(Reader::ask(server, PATH, token, heard).await).await
}

async fn notify(server: &Server, who: &SignedIn) -> Value {
    let notice = json!({ "level": "info", "title": "t", "body": "b" });
    let path = format!("/v1/users/{}/notices", who.user_id);
    let sent = server.post(&path, &server.key, notice).await;
    assert_eq!(sent.status, 200, "{}", sent.body);
    sent.body
}

async fn join(server: &Server, who: &SignedIn, group: &str) -> u64 {
    let path = format!("/v1/groups/{group}/members/{}", who.user_id);
    let joined = server.put(&path, &server.key, json!({})).await;
    joined.body["seq"].as_u64().unwrap()
}

#[tokio::test]
async fn says_what_the_socket_says() {
    // As often as a stream beats at least.
    let (server, who) = anna(&[("HEARTBEAT_S", "25")]).await;
    let group = server.group("analysts", &["reports:read"]).await;
    let mut socket = server.socket(&who.access_token).await;
    let mut stream = open(&server, &who, None).await;
    let mut same = async |kind: &str| {
        let mut said = socket.expect(kind).await;
        let event = stream.expect(kind).await;
        let said = said.as_object_mut().unwrap();
        said.remove("type");
        let mut told = event.data.clone();
        if said.remove("connection_id").is_some() {
            assert!(
                told.as_object_mut()
                    .unwrap()
                    .remove("connection_id")
                    .is_some()
            );
        }
        assert_eq!(Value::from(said.clone()), told);
        assert_eq!(event.id, told["id"].as_u64());
        event
    };
    same("welcome").await;
    let changed = join(&server, &who, &group).await;
    assert_eq!(same("permissions.changed").await.id, Some(changed));
    let receipt = notify(&server, &who).await;
    assert_eq!(receipt["connections"], json!({ "told": 2, "closed": 0 }));
    same("notice").await;
    let presence = server.get("/v1/presence", &server.key).await;
    assert_eq!(presence.body["items"][0]["connections"], 2);
    let path = format!("/v1/sessions/{}", who.session_id);
    let receipt = server.delete(&path, &server.key).await.body;
    assert_eq!(receipt["connections"], json!({ "told": 2, "closed": 2 }));
    same("session.revoked").await;
    assert_eq!(socket.expect_close(4501).await, "revoked_by_admin");
    assert_eq!(
        stream.expect_close().await,
        (4501, "revoked_by_admin".into())
    );
}

#[tokio::test]
async fn an_ended_session_is_told_once() {
    let (server, who) = anna(&[]).await;
    let path = format!("/v1/sessions/{}", who.session_id);
    server.delete(&path, &server.key).await;
    let mut late = open(&server, &who, None).await;
    let revoked = late.expect("session.revoked").await;
    assert_eq!(revoked.data["reason"], "revoked_by_admin");
    assert_eq!(late.expect_close().await.0, 4501);
    // An EventSource comes back by itself, and gives up at this.
    let again = refused(&server, &who.access_token, revoked.id).await;
    assert_eq!((again.status, again.code()), (401, "session_ended"));
    assert_eq!(again.body["reason"], "revoked_by_admin");
}

#[tokio::test]
async fn who_comes_back_hears_what_was_missed_and_not_what_was_heard() {
    let (server, who) = anna(&[]).await;
    let (one, two) = (
        server.group("one", &[]).await,
        server.group("two", &[]).await,
    );
    let mut stream = welcomed(&server, &who).await;
    join(&server, &who, &one).await;
    let heard = stream.expect("permissions.changed").await.id;
    drop(stream);

    // The token is older than the change, and the client knows of it.
    let mut back = open(&server, &who, heard).await;
    let welcome = back.expect("welcome").await;
    assert_eq!(welcome.data["groups"], json!(["one", "staff"]));
    notify(&server, &who).await;
    let notice = back.expect("notice").await;
    drop(back);

    let missed = join(&server, &who, &two).await;
    for last in [heard, notice.id] {
        let mut back = open(&server, &who, last).await;
        back.expect("welcome").await;
        let changed = back.expect("permissions.changed").await;
        assert_eq!(changed.id, Some(missed));
        assert_eq!(changed.data["groups"]["added"], json!(["one", "two"]));
    }

    // A change of a group that only the present rights name.
    let mut back = open(&server, &who, Some(missed)).await;
    back.expect("welcome").await;
    let path = format!("/v1/groups/{two}/permissions");
    let granted = json!({ "permissions": ["reports:read"] });
    let granted = server.put(&path, &server.key, granted).await.body["seq"].as_u64();
    assert_eq!(back.expect("permissions.changed").await.id, granted);
    for (last, told) in [(Some(missed), true), (granted, false), (None, true)] {
        let mut back = open(&server, &who, last).await;
        back.expect("welcome").await;
        notify(&server, &who).await;
        let next = back.next().await.unwrap();
        assert_eq!(next.event == "permissions.changed", told, "{last:?}");
    }
    // What nobody could have heard is not believed.
    let mut ahead = open(&server, &who, Some(1_000_000)).await;
    ahead.expect("welcome").await;
    ahead.expect("permissions.changed").await;
}

#[tokio::test]
async fn what_can_not_begin_is_refused_with_a_status() {
    let (server, who) = anna(&[]).await;
    assert_eq!(
        refused(&server, "nonsense", None).await.code(),
        "token_invalid"
    );
    let ask = async |path: &str, headers: &[(&str, &str)]| {
        let mut request = server.http.get(format!("{}{path}", server.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = Answer::read(request.send().await.unwrap()).await;
        format!("{} {}", answer.status, answer.code())
    };
    let bearer = format!("Bearer {}", who.access_token);
    let bearer = ("authorization", bearer.as_str());
    assert_eq!(ask(PATH, &[]).await, "401 token_missing");
    let in_address = format!("{PATH}?token={}", who.access_token);
    assert_eq!(ask(&in_address, &[]).await, "401 token_missing");
    let basic = ("authorization", "Basic YTpi");
    assert_eq!(ask(PATH, &[basic]).await, "401 token_invalid");
    let foreign = ("origin", "https://evil.example");
    assert_eq!(ask(PATH, &[bearer, foreign]).await, "403 forbidden");
    for wrong in ["x", "-1", "99999999999999999999"] {
        let id = ("last-event-id", wrong);
        assert_eq!(ask(PATH, &[bearer, id]).await, "400 validation_failed");
    }
    server.advance(Duration::from_mins(6)).await;
    assert_eq!(
        refused(&server, &who.access_token, None).await.code(),
        "token_expired"
    );
    assert_eq!(server.node.pulse().connections, 0);
}

#[tokio::test]
async fn a_token_that_runs_out_is_announced_and_then_ends_the_stream() {
    let (server, who) = anna(&[]).await;
    let mut stream = welcomed(&server, &who).await;
    server.advance(Duration::from_secs(245)).await;
    stream.expect("token.expiring").await;
    server.advance(Duration::from_mins(1)).await;
    assert_eq!(stream.expect_close().await, (4001, "token_expired".into()));
}

#[tokio::test]
async fn streams_and_sockets_share_their_bounds() {
    let (server, who) = anna(&[("MAX_CONNECTIONS_PER_USER", "2")]).await;
    let mut socket = server.welcomed(&who).await;
    let stream = welcomed(&server, &who).await;
    let third = refused(&server, &who.access_token, None).await;
    assert_eq!((third.status, third.code()), (429, "rate_limited"));
    assert_eq!(third.headers["retry-after"], "5");
    let mut other = server.socket(&who.access_token).await;
    assert!(matches!(other.hear().await, Heard::Close(4003, _)));
    drop(stream);
    while Reader::ask(&server, PATH, &who.access_token, None)
        .await
        .status()
        != 200
    {
        tokio::task::yield_now().await;
    }
    socket.expect_silence().await;
}

#[tokio::test]
async fn a_stream_takes_no_place_of_requests() {
    let (server, who) = anna(&[("MAX_HTTP_CONNECTIONS_PER_ADDRESS", "2")]).await;
    let mut streams = Vec::new();
    for _ in 0..4 {
        streams.push(welcomed(&server, &who).await);
    }
    notify(&server, &who).await;
    for stream in &mut streams {
        stream.expect("notice").await;
    }
}

#[tokio::test]
async fn a_server_that_makes_way_says_when_to_come_back() {
    let (mut server, who) = anna(&[]).await;
    let mut stream = welcomed(&server, &who).await;
    server.ask_to_stop();
    let reconnect = stream.expect("reconnect").await;
    let after_ms = reconnect.data["after_ms"].as_u64();
    assert!(after_ms.unwrap() < 1_000);
    assert_eq!(reconnect.retry, after_ms);
    assert_eq!(stream.expect_close().await, (4000, "draining".into()));
    server.stopped().await;
}

#[tokio::test]
async fn an_idle_stream_beats_and_lives() {
    let (server, who) = anna(&[("HEARTBEAT_S", "1")]).await;
    let mut stream = welcomed(&server, &who).await;
    let mut connected = 0;
    while stream.comments < 3 {
        // A notice a second, to look at what came between.
        tokio::time::sleep(Duration::from_secs(1)).await;
        notify(&server, &who).await;
        stream.expect("notice").await;
        connected = server.node.pulse().connections;
    }
    assert_eq!(connected, 1);
}

#[tokio::test]
async fn a_reader_that_reads_nothing_is_not_told_and_let_go() {
    // Fewer than may wait for a connection.
    const AT_ONCE: usize = 8;
    // Long enough for the kernel's buffers to be filled by then, also by a slow server.
    let (server, who) = anna(&[("WRITE_TIMEOUT_S", "5")]).await;
    let deaf = welcomed(&server, &who).await;
    let path = format!("/v1/users/{}/notices?wait_ms=0", who.user_id);
    let data = "x".repeat(8_000);
    let notice = json!({ "level": "info", "title": "a", "body": "b", "data": data });
    let mut untold = 0;
    while server.node.pulse().connections > 0 {
        let posts = (0..AT_ONCE).map(|_| server.post(&path, &server.key, notice.clone()));
        for sent in join_all(posts).await {
            assert_eq!(sent.status, 200);
            untold += u32::from(sent.body["connections"]["told"] == 0);
        }
        assert!(untold < 50_000, "it must end some time");
    }
    assert!(untold > 0, "what the kernel did not take was called told");
    drop(deaf);
    welcomed(&server, &who).await;
}

#[tokio::test]
async fn who_can_only_hear_is_nobody_who_could_answer() {
    let (server, laptop) = anna(&[]).await;
    let policy = json!({ "max_sessions": 1, "at_limit": "approve" });
    server.policy(policy).await;
    let mut stream = welcomed(&server, &laptop).await;
    let refused = server.try_sign_in("anna", PASSWORD, "phone").await;
    assert_eq!(refused.code(), "session_limit_reached");
    assert!(refused.body["takeover_token"].is_string());
    // Beside one that can answer it is asked too.
    let mut socket = server.welcomed(&laptop).await;
    let asked = server.try_sign_in("anna", PASSWORD, "phone").await;
    assert_eq!(asked.status, 202);
    socket.expect("session.takeover_requested").await;
    stream.expect("session.takeover_requested").await;
}
