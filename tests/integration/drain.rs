//! Making way: sockets are told when to come back, and the server exits within its bound.

use serde_json::json;

use crate::support::Server;

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
