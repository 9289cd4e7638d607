//! Several nodes on one database, which speak over a real NATS that is killed and lied on, or over PostgreSQL.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Process, Server, free_port, fresh_database, postgres, until_open};

const ISSUER: &str = "http://cluster.test";

/// A NATS server.
pub(crate) struct Nats {
    port: u16,
    process: Option<Process>,
    /// What it is told besides.
    further: Vec<String>,
}

impl Nats {
    pub(crate) async fn start() -> Self {
        Self::start_with(Vec::new()).await
    }

    async fn start_with(further: Vec<String>) -> Self {
        let mut nats = Self {
            port: free_port(),
            process: None,
            further,
        };
        nats.begin().await;
        nats
    }

    pub(crate) async fn begin(&mut self) {
        let mut command = Command::new("/usr/sbin/nats-server");
        command.args(["-a", "127.0.0.1", "-p", &self.port.to_string()]);
        command.args(["--user", "sessionwire", "--pass", "let me in"]);
        command.args(&self.further);
        self.process = Some(Process::start(&mut command));
        until_open(self.port).await;
    }

    pub(crate) fn kill(&mut self) {
        self.process.take().unwrap().kill();
    }

    pub(crate) fn address(&self) -> String {
        format!("nats://sessionwire:let%20me%20in@127.0.0.1:{}", self.port)
    }
}

/// Two nodes.
async fn pair(nats: &Nats) -> (Server, Server) {
    let address = nats.address();
    let settings = |name| {
        [
            ("BUS", address.as_str()),
            ("ISSUER", ISSUER),
            ("NODE_NAME", name),
        ]
    };
    let first = Server::start_with(&settings("first")).await;
    let second = first.join(&settings("second")).await;
    (first, second)
}

fn receipt(answer: &crate::support::Answer) -> &Value {
    answer.body.get("receipt").unwrap_or(&answer.body)
}

#[tokio::test]
async fn a_revocation_at_one_node_closes_the_sockets_of_another() {
    let nats = Nats::start().await;
    let (first, second) = pair(&nats).await;
    Box::pin(revoke_across(&first, &second)).await;
}

#[tokio::test]
async fn the_same_over_the_database() {
    let url = fresh_database(&postgres()).await;
    let settings = |name| {
        [
            ("DATABASE", url.as_str()),
            ("BUS", "postgres"),
            ("ISSUER", ISSUER),
            ("NODE_NAME", name),
        ]
    };
    let first = Server::start_with(&settings("first")).await;
    let second = first.join(&settings("second")).await;
    Box::pin(revoke_across(&first, &second)).await;
}

/// The certificate of PostgreSQL's tests is for any server here.
#[tokio::test]
async fn the_same_over_a_bus_that_shows_a_certificate() {
    let authority = std::env::var("TEST_POSTGRES_CA").unwrap();
    let folder = Path::new(&authority).parent().unwrap();
    let file = |option: &str, name| format!("--{option}={}", folder.join(name).display());
    let further = vec![
        "--tls".to_owned(),
        file("tlscert", "server.pem"),
        file("tlskey", "server.key"),
    ];
    let nats = Nats::start_with(further).await;
    let address = nats.address().replacen("nats://", "tls://", 1);
    let settings = |name| {
        [
            ("BUS", address.as_str()),
            ("BUS_CA_FILE", authority.as_str()),
            ("ISSUER", ISSUER),
            ("NODE_NAME", name),
        ]
    };
    let first = Server::start_with(&settings("first")).await;
    let second = first.join(&settings("second")).await;
    Box::pin(revoke_across(&first, &second)).await;

    // Who trusts nobody that vouches for the server does not speak to it.
    let wary = [
        ("BUS", address.as_str()),
        ("ISSUER", ISSUER),
        ("NODE_NAME", "wary"),
    ];
    let wary = first.join(&wary).await;
    let path = format!("/v1/groups/{}", first.group("analysts", &[]).await);
    let answer = wary
        .delete(&format!("{path}?wait_ms=10000"), &wary.key)
        .await;
    let unknown = &receipt(&answer)["connections"]["unknown"];
    assert_eq!(*unknown, json!(["first", "second"]), "{}", answer.body);
}

async fn revoke_across(first: &Server, second: &Server) {
    first.user("anna", &[]).await;
    let phone = first.sign_in("anna", "phone").await;
    let laptop = second.sign_in("anna", "laptop").await;
    let mut here = first.welcomed(&phone).await;
    let mut there = second.welcomed(&phone).await;
    let mut other = second.welcomed(&laptop).await;

    let path = format!("/v1/sessions/{}?wait_ms=10000", phone.session_id);
    let answer = first.delete(&path, &first.key).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(
        answer.body["nodes"],
        json!({ "live": 2, "applied": 2, "late": [] })
    );
    let share = |node| json!({ "node": node, "told": 1, "closed": 1 });
    let connections = json!({
        "told": 2, "closed": 2, "by_node": [share("first"), share("second")],
    });
    assert_eq!(answer.body["connections"], connections);
    for socket in [&mut here, &mut there] {
        let message = socket.expect("session.revoked").await;
        assert_eq!(message["reason"], "revoked_by_admin");
        socket.expect_close(4501).await;
    }
    for server in [first, second] {
        let me = server.get("/v1/me", &phone.access_token).await;
        assert_eq!((me.status, me.code()), (401, "session_ended"));
    }
    other.expect_silence().await;

    // Either node says the same of it later.
    for server in [first, second] {
        let path = format!("/v1/receipts/{}", answer.body["seq"]);
        let later = server.get(&path, &server.key).await;
        assert_eq!(later.status, 200, "{}", later.body);
        assert_eq!(later.body["nodes"], answer.body["nodes"]);
        assert_eq!(later.body["connections"], connections);
    }
    let unknown = first.get("/v1/receipts/100000", &first.key).await;
    assert_eq!((unknown.status, unknown.code()), (404, "not_found"));
}

#[tokio::test]
async fn a_bus_that_is_gone_costs_time_and_no_truth() {
    let mut nats = Nats::start().await;
    let (first, second) = pair(&nats).await;
    let group = first.group("analysts", &["reports:read"]).await;
    let anna = first.user("anna", &["analysts"]).await;
    let phone = second.sign_in("anna", "phone").await;
    let mut socket = second.welcomed(&phone).await;
    nats.kill();

    let path = format!("/v1/groups/{group}/members/{anna}?wait_ms=10000");
    let answer = first.delete(&path, &first.key).await;
    assert_eq!(receipt(&answer)["nodes"]["applied"], 2, "{}", answer.body);
    // It has applied the change; what came of it there went over the bus.
    assert_eq!(
        receipt(&answer)["connections"]["unknown"],
        json!(["second"])
    );
    let stale = second.get("/v1/me", &phone.access_token).await;
    assert_eq!(stale.code(), "token_stale");
    socket.expect("permissions.changed").await;

    nats.begin().await;
    let path = format!("/v1/groups/{group}/members/{anna}?wait_ms=10000");
    let back = loop {
        first.put(&path, &first.key, json!({})).await;
        let answer = first.delete(&path, &first.key).await;
        if receipt(&answer)["connections"]["unknown"].is_null() {
            break answer;
        }
    };
    assert_eq!(receipt(&back)["nodes"]["applied"], 2, "{}", back.body);
}

#[tokio::test]
async fn who_speaks_on_the_bus_without_the_secret_is_not_believed() {
    let nats = Nats::start().await;
    let (first, second) = pair(&nats).await;
    first.user("anna", &[]).await;
    let phone = first.sign_in("anna", "phone").await;
    let mut socket = second.welcomed(&phone).await;
    let liar = async_nats::ConnectOptions::with_user_and_password(
        "sessionwire".to_owned(),
        "let me in".to_owned(),
    );
    let liar = liar
        .connect(format!("nats://127.0.0.1:{}", nats.port))
        .await
        .unwrap();
    let head = second.head().await;
    let made_up = json!({ "entries": [{
        "seq": head + 1,
        "at": "2026-11-23T12:00:00Z",
        "initiating_entity": "admin",
        "event": { "type": "sessions.revoked_all", "data": {} },
    }]});
    for letter in [made_up.to_string().into_bytes(), vec![0; 40], Vec::new()] {
        let mut sealed = vec![0; 32];
        sealed.extend(&letter);
        liar.publish("sessionwire.bus", sealed.into())
            .await
            .unwrap();
        liar.publish("sessionwire.bus", letter.into())
            .await
            .unwrap();
    }
    liar.flush().await.unwrap();

    let path = format!("/v1/users/{}/notices?wait_ms=10000", phone.user_id);
    let notice = json!({ "level": "info", "title": "Still there", "body": "Yes" });
    let answer = first.post(&path, &first.key, notice).await;
    assert_eq!(receipt(&answer)["nodes"]["applied"], 2, "{}", answer.body);
    socket.expect("notice").await;
    let me = second.get("/v1/me", &phone.access_token).await;
    assert_eq!(me.status, 200, "{}", me.body);
}

#[tokio::test]
async fn a_limit_holds_whichever_node_people_come_to() {
    let nats = Nats::start().await;
    let (first, second) = pair(&nats).await;
    first.user("anna", &[]).await;
    first
        .policy(json!({ "max_sessions": 1, "count_by": "user", "at_limit": "evict_oldest" }))
        .await;
    let mut before = first.sign_in("anna", "phone").await;
    for (round, device) in ["laptop", "tablet", "desk"].into_iter().enumerate() {
        let (at, other) = if round % 2 == 0 {
            (&second, &first)
        } else {
            (&first, &second)
        };
        let mut socket = other.welcomed(&before).await;
        let next = at.sign_in("anna", device).await;
        let message = socket.expect("session.revoked").await;
        assert_eq!(message["reason"], "superseded");
        assert_eq!(message["replaced_by"]["device_name"], device);
        socket.expect_close(4502).await;
        before = next;
    }
}

#[tokio::test]
async fn a_node_that_stops_hands_its_duty_on_and_is_no_longer_waited_for() {
    let nats = Nats::start().await;
    let (mut first, second) = pair(&nats).await;
    assert!(first.node.is_on_duty() && !second.node.is_on_duty());
    first.ask_to_stop();
    first.stopped().await;
    while !second.node.is_on_duty() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let answer = second.group("analysts", &[]).await;
    let path = format!("/v1/groups/{answer}/permissions?wait_ms=10000");
    let answer = second
        .put(&path, &second.key, json!({ "permissions": ["a:b"] }))
        .await;
    let alone = json!({ "live": 1, "applied": 1, "late": [] });
    assert_eq!(receipt(&answer)["nodes"], alone, "{}", answer.body);
}
