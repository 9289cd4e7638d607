//! Nodes in processes of their own on one PostgreSQL database, which are frozen and killed: whatever happens
//! to one, no token is good anywhere after its receipt.

use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use sessionwire::app::system::SystemClock;
use sessionwire::domain::clock::{Clock as _, Timestamp};

use crate::crash::call;
use crate::support::{Program, fresh_database, postgres, program_key_on};

/// Nodes that share a database and a key file.
pub(crate) struct Nodes {
    folder: tempfile::TempDir,
    url: String,
    key: String,
    http: reqwest::Client,
}

impl Nodes {
    pub(crate) async fn on_a_fresh_database() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = fresh_database(&postgres()).await;
        Self {
            key: program_key_on(folder.path(), &url),
            folder,
            url,
            http: reqwest::Client::new(),
        }
    }

    pub(crate) fn start(&self, name: &str) -> Program {
        self.start_with(name, &[])
    }

    /// The same with further settings.
    pub(crate) fn start_with(&self, name: &str, settings: &[(&str, &str)]) -> Program {
        let own = [("DATABASE", self.url.as_str()), ("NODE_NAME", name)];
        Program::serve_with(self.folder.path(), 0, &[&own, settings].concat())
    }

    /// On a machine whose clock is so many seconds ahead.
    fn start_ahead(&self, name: &str, seconds: i64) -> Program {
        let own = [("DATABASE", self.url.as_str()), ("NODE_NAME", name)];
        let often = [("SWEEP_INTERVAL_MS", "50")];
        Program::serve_ahead(
            self.folder.path(),
            &[own.as_slice(), &often].concat(),
            seconds,
        )
    }

    /// Returns once all of them may decide.
    pub(crate) async fn until_ready(&self, programs: &[Program]) {
        for program in programs {
            let url = format!("{}/readyz", program.url);
            while self.http.get(&url).send().await.unwrap().status() != 200 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    }

    pub(crate) async fn call(
        &self,
        node: &Program,
        method: &str,
        path: &str,
        body: Value,
    ) -> Value {
        let url = format!("{}{path}", node.url);
        call(&self.http, method, url, &self.key, body)
            .await
            .unwrap()
    }

    /// A session of somebody, and its access token.
    pub(crate) async fn session(&self, node: &Program, name: &str) -> (String, String) {
        let user = self
            .call(node, "POST", "/v1/users", json!({ "username": name }))
            .await;
        let path = format!("/v1/users/{}/sessions", user["id"].as_str().unwrap());
        let device = json!({ "id": uuid::Uuid::from_u128(7), "name": "phone", "platform": "ios" });
        let session = self
            .call(node, "POST", &path, json!({ "device": device }))
            .await;
        let text = |name: &str| session[name].as_str().unwrap().to_owned();
        (text("session_id"), text("access_token"))
    }

    async fn revoke(&self, node: &Program, session: &str) -> Value {
        let path = format!("/v1/sessions/{session}?wait_ms=10000");
        self.call(node, "DELETE", &path, json!({})).await
    }

    /// The status and code that a token gets from a node that can decide.
    async fn verdict(&self, node: &Program, token: &str) -> (u16, String) {
        loop {
            let asked = self.http.get(format!("{}/v1/me", node.url));
            let answer = asked.bearer_auth(token).send().await.unwrap();
            let status = answer.status().as_u16();
            let body: Value = answer.json().await.unwrap();
            if status != 503 {
                break (status, body["code"].as_str().unwrap_or_default().to_owned());
            }
        }
    }
}

pub(crate) fn signal(program: &Program, name: &str) {
    let pid = program.child.id().to_string();
    let sent = Command::new("kill")
        .args([&format!("-{name}"), &pid])
        .status();
    assert!(sent.unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_was_frozen_accepts_nothing_that_ended_meanwhile() {
    let nodes = Nodes::on_a_fresh_database().await;
    let (awake, frozen) = (nodes.start("awake"), nodes.start("frozen"));
    let (session, token) = nodes.session(&awake, "anna").await;
    assert_eq!(nodes.verdict(&frozen, &token).await.0, 200);
    signal(&frozen, "STOP");
    let receipt = nodes.revoke(&awake, &session).await;
    assert_eq!(
        receipt["nodes"]["live"], receipt["nodes"]["applied"],
        "{receipt}"
    );
    assert_eq!(receipt["nodes"]["lost"], json!(["frozen"]), "{receipt}");
    assert_eq!(
        receipt["connections"]["unknown"],
        json!(["frozen"]),
        "{receipt}"
    );
    // They wait at its door, and are the first thing that it sees when it wakes.
    let asked: Vec<_> = (0..20)
        .map(|_| {
            let request = nodes.http.get(format!("{}/v1/me", frozen.url));
            tokio::spawn(request.bearer_auth(&token).send())
        })
        .collect();
    signal(&frozen, "CONT");
    for answer in asked {
        let status = answer.await.unwrap().unwrap().status().as_u16();
        assert!(matches!(status, 401 | 503), "{status}");
    }
    let verdict = nodes.verdict(&frozen, &token).await;
    assert_eq!(verdict, (401, "session_ended".to_owned()));
    // It is one of them again.
    let (session, token) = nodes.session(&frozen, "ben").await;
    let receipt = nodes.revoke(&frozen, &session).await;
    assert_eq!(receipt["nodes"]["applied"], 2, "{receipt}");
    assert_eq!(nodes.verdict(&awake, &token).await.1, "session_ended");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_was_killed_holds_nobody_up_and_its_sessions_live_elsewhere() {
    let nodes = Nodes::on_a_fresh_database().await;
    let (first, second) = (nodes.start("first"), nodes.start("second"));
    let (session, token) = nodes.session(&first, "anna").await;
    let (other, _) = nodes.session(&second, "ben").await;
    first.kill();
    assert_eq!(nodes.verdict(&second, &token).await.0, 200);
    let receipt = nodes.revoke(&second, &session).await;
    assert_eq!(receipt["nodes"]["lost"], json!(["first"]), "{receipt}");
    assert_eq!(nodes.verdict(&second, &token).await.1, "session_ended");
    let third = nodes.start("third");
    let receipt = nodes.revoke(&second, &other).await;
    assert_eq!(receipt["nodes"]["applied"], 2, "{receipt}");
    assert_eq!(nodes.verdict(&third, &token).await.1, "session_ended");
}

/// A day is longer than any token lives, and than somebody may be idle by this policy.
#[tokio::test(flavor = "multi_thread")]
async fn nodes_go_by_one_time_however_wrong_their_machines_clocks_are() {
    const DAY: i64 = 86_400;
    let nodes = Nodes::on_a_fresh_database().await;
    let all = [
        nodes.start_ahead("right", 0),
        nodes.start_ahead("fast", DAY),
        nodes.start_ahead("slow", -DAY),
    ];
    nodes.until_ready(&all).await;
    let policy = json!({ "idle_timeout_s": 3600 });
    nodes
        .call(&all[0], "PUT", "/v1/policies/default", policy)
        .await;
    let mut tokens = Vec::new();
    for (node, name) in all.iter().zip(["anna", "ben", "carla"]) {
        let (_, token) = nodes.session(node, name).await;
        tokens.push(token);
    }
    let path = "/v1/sessions?state=live";
    let live = nodes.call(&all[0], "GET", path, json!({})).await;
    let live = live["items"].as_array().unwrap();
    assert_eq!(live.len(), tokens.len());
    for session in live {
        let began: Timestamp = serde_json::from_value(session["created_at"].clone()).unwrap();
        let now = SystemClock::new().now();
        assert!(
            now.since(began) < Duration::from_mins(1) && began < now.plus(Duration::from_secs(1))
        );
    }
    // Whoever is on duty sweeps meanwhile.
    for node in &all {
        for token in &tokens {
            assert_eq!(nodes.verdict(node, token).await.0, 200);
        }
    }
}
