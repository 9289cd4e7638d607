//! Making way: sockets are told when to come back, and the server exits within its bound.

use serde_json::json;

use crate::cluster_faults::signal;
use crate::support::{Program, Server, program_key};

#[tokio::test]
async fn sockets_are_told_when_to_come_back_and_closed() {
    let mut server = Server::start().await;
    server.user("anna", &[]).await;
    let who = server.sign_in("anna", "laptop").await;
    let mut sockets = Vec::new();
    for _ in 0..5 {
        sockets.push(server.welcomed(&who).await);
    }
    server.ask_to_stop();
    for socket in &mut sockets {
        let reconnect = socket.expect("reconnect").await;
        assert!(reconnect["after_ms"].as_u64().unwrap() < 1_000);
        assert_eq!(socket.expect_close(4000).await, "draining");
    }
    drop(sockets);
    server.stopped().await;
    assert!(!server.node.is_ready());
    let refused = server
        .http
        .post(format!("{}/v1/sign-in", server.url))
        .json(&json!({}))
        .send();
    assert!(refused.await.is_err());
}

#[tokio::test]
async fn it_says_that_it_is_not_ready_before_it_sends_anybody_away() {
    let directory = tempfile::tempdir().unwrap();
    let key = program_key(directory.path());
    let settings = [("DRAIN_NOTICE_S", "60"), ("DRAIN_S", "300")];
    let mut program = Program::serve_with(directory.path(), 0, &settings);
    let http = reqwest::Client::new();
    let ready = async || {
        let asked = http.get(format!("{}/readyz", program.url)).send().await;
        asked.unwrap().status().as_u16()
    };
    let readers = async || {
        let asked = http.get(format!("{}/v1/users", program.url));
        asked
            .bearer_auth(&key)
            .send()
            .await
            .map(|it| it.status().as_u16())
    };
    while ready().await != 200 {}
    signal(&program, "TERM");
    while ready().await == 200 {}
    // Who comes all the same is served.
    assert_eq!(ready().await, 503);
    assert_eq!(readers().await.unwrap(), 200);
    // Whoever asks once more does not want to wait for minutes.
    signal(&program, "TERM");
    let ended = tokio::task::spawn_blocking(move || program.child.wait().unwrap());
    assert!(ended.await.unwrap().success());
}

#[tokio::test]
async fn more_than_the_rate_are_told_when_to_come_back() {
    let server = Server::start_with(&[("MAX_ARRIVALS_PER_S", "2")]).await;
    server.user("anna", &[]).await;
    let who = server.sign_in("anna", "laptop").await;
    let mut first = server.welcomed(&who).await;
    let mut second = server.welcomed(&who).await;
    let mut third = server.socket(&who.access_token).await;
    let told = third.expect("reconnect").await;
    let after_ms = told["after_ms"].as_u64().unwrap();
    assert!((500..=1100).contains(&after_ms), "{told}");
    assert_eq!(third.expect_close(4003).await, "rate_limited");
    // Without a token nobody takes a turn.
    server
        .clock
        .advance(std::time::Duration::from_millis(after_ms));
    for _ in 0..5 {
        server.socket("none").await.expect_close(4500).await;
    }
    server.welcomed(&who).await;
    first.expect_silence().await;
    second.expect_silence().await;
}
