//! The terminal client, as the program that people start.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::support::{PASSWORD, Server};

struct Watch {
    child: Child,
    lines: tokio::sync::mpsc::Receiver<Value>,
}

impl Watch {
    fn start(server: &Server, arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_sessionwire"))
            .args(["watch", "--json", "--user", "anna", "--url", &server.url])
            .args(arguments)
            .env("WATCH_PASSWORD", PASSWORD)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = tokio::sync::mpsc::channel(100);
        std::thread::spawn(move || {
            for line in out.lines() {
                let message = serde_json::from_str(&line.unwrap()).unwrap();
                if sender.blocking_send(message).is_err() {
                    return;
                }
            }
        });
        Self { child, lines }
    }

    async fn expect(&mut self, kind: &str) -> Value {
        loop {
            let message = self.lines.recv().await.expect("watch ended");
            if message["type"] == kind {
                return message;
            }
        }
    }

    fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args([name, &pid]).status().unwrap();
        assert!(sent.success());
    }

    async fn exit_code(mut self) -> Option<i32> {
        let ended = tokio::task::spawn_blocking(move || self.child.wait().unwrap());
        ended.await.unwrap().code()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn interrupted_it_says_goodbye_and_leaves_the_session_alone() {
    let server = Server::start().await;
    server.user("anna", &[]).await;
    let mut watch = Watch::start(&server, &[]);
    watch.expect("welcome").await;
    watch.signal("-INT");
    assert_eq!(watch.exit_code().await, Some(0));
    let live = server.get("/v1/sessions?state=live", &server.key).await;
    assert_eq!(live.body["items"].as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn told_to_it_signs_out_when_it_is_stopped() {
    let server = Server::start().await;
    server.user("anna", &[]).await;
    let mut watch = Watch::start(&server, &["--sign-out"]);
    watch.expect("welcome").await;
    watch.signal("-TERM");
    assert_eq!(watch.exit_code().await, Some(0));
    let ended = server.get("/v1/sessions?state=ended", &server.key).await;
    assert_eq!(ended.body["items"][0]["reason"], "signed_out");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_prints_a_change_takes_a_new_token_and_leaves_when_thrown_out() {
    let server = Server::start().await;
    let group = server.group("analysts", &["reports:read"]).await;
    let anna = server.user("anna", &["analysts"]).await;
    let mut watch = Watch::start(&server, &[]);
    watch.expect("welcome").await;
    let path = format!("/v1/groups/{group}/members/{anna}");
    server.delete(&path, &server.key).await;
    let changed = watch.expect("permissions.changed").await;
    assert_eq!(changed["permissions"]["lost"], json!(["reports:read"]));
    watch.expect("token.refreshed").await;
    server
        .delete(&format!("/v1/users/{anna}"), &server.key)
        .await;
    watch.expect("session.revoked").await;
    let closed = watch.expect("watch.closed").await;
    assert_eq!(
        (&closed["code"], &closed["reason"]),
        (&json!(4503), &json!("user_deleted"))
    );
    assert_eq!(watch.exit_code().await, Some(1));
}
