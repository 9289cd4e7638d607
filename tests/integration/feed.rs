//! The feed, read by a service that decides with the index of the guard crate.

use base64::Engine as _;
use serde_json::{Value, json};
use sessionwire_guard::{Change, Claims, Note, RevocationIndex, Seq, Verdict};

use crate::support::{Message, Reader, Server};

const PATH: &str = "/v1/feed";

/// A service that follows the feed as `docs/feed.md` says.
struct Service {
    reader: Reader,
    index: RevocationIndex,
    id: String,
    snapshots: u32,
}

impl Service {
    async fn start(server: &Server, after: Option<u64>) -> Self {
        let mut reader = Reader::open(server, PATH, &server.key, after).await;
        let hello = reader.next().await.unwrap();
        assert_eq!(hello.event, "hello");
        assert_eq!(hello.data["heartbeat_ms"], 1000);
        Self {
            reader,
            index: RevocationIndex::at(Seq(after.unwrap_or(0))),
            id: hello.data["reader"].as_str().unwrap().to_owned(),
            snapshots: 0,
        }
    }

    /// Reads on until everything up to the position has been applied.
    async fn until(&mut self, seq: u64) {
        while self.index.position().0 < seq {
            let message = self.reader.next().await.unwrap();
            self.take(&message);
        }
    }

    fn take(&mut self, message: &Message) {
        let data = &message.data;
        let position = |name: &str| Seq(data[name].as_u64().unwrap());
        match message.event.as_str() {
            "reset" => self.index = RevocationIndex::default(),
            "snapshot" => {
                self.snapshots += 1;
                let notes = self.index.notes().into_iter().chain(notes(data));
                self.index = RevocationIndex::restored(position("seq"), notes);
            }
            "changes" => {
                assert_eq!(
                    position("after"),
                    self.index.position(),
                    "nothing is skipped"
                );
                assert!(position("head") >= position("seq"));
                for note in notes(data) {
                    self.index.apply(note.seq, [note.change], note.keep_until);
                }
                self.index.apply(position("seq"), [], 0);
                assert_eq!(message.id, data["seq"].as_u64());
            }
            other => panic!("{other}: {data}"),
        }
    }

    fn verdict(&self, token: &str) -> Verdict {
        let claims = token.split('.').nth(1).unwrap();
        let claims = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(claims);
        let claims: Claims = serde_json::from_slice(&claims.unwrap()).unwrap();
        self.index.verdict(&claims).unwrap()
    }
}

fn notes(data: &Value) -> Vec<Note> {
    let changes = data["changes"].as_array().unwrap();
    let note = |change: &Value| Note {
        seq: Seq(change["seq"].as_u64().unwrap()),
        keep_until: change["keep_until"].as_i64().unwrap() * 1000,
        change: serde_json::from_value::<Change>(change.clone()).unwrap(),
    };
    changes.iter().map(note).collect()
}

/// What the server itself says of a token.
async fn code(server: &Server, token: &str) -> String {
    server.get("/v1/me", token).await.code().to_owned()
}

fn said(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Good => "",
        Verdict::Ended(..) => "session_ended",
        Verdict::Stale(_) => "token_stale",
    }
}

#[tokio::test]
async fn a_service_decides_as_the_server_does() {
    let server = Server::start().await;
    let mut early = Service::start(&server, None).await;
    let group = server.group("analysts", &["reports:read"]).await;
    let mut tokens = Vec::new();
    for name in ["anna", "ben", "chloe", "dario", "emil"] {
        let id = server.user(name, &["analysts"]).await;
        let who = server.sign_in(name, "laptop").await;
        tokens.push((id, who.access_token));
    }
    let member = format!("/v1/groups/{group}/members/{}", tokens[0].0);
    server.delete(&member, &server.key).await;
    server
        .delete(&format!("/v1/users/{}", tokens[1].0), &server.key)
        .await;
    let ended = format!("/v1/users/{}/sessions", tokens[2].0);
    server.delete(&ended, &server.key).await;
    let resumed_at = server.node.head().0;
    early.until(resumed_at).await;
    let mut resumed = Service::start(&server, Some(resumed_at)).await;
    resumed.index = RevocationIndex::restored(Seq(resumed_at), early.index.notes());
    let suspend = format!("/v1/users/{}/suspend", tokens[3].0);
    server.post(&suspend, &server.key, json!({})).await;
    let permissions = json!({ "permissions": ["audit:read"] });
    let path = format!("/v1/groups/{group}/permissions");
    server.put(&path, &server.key, permissions).await;
    let mut late = Service::start(&server, None).await;
    for service in [&mut early, &mut resumed, &mut late] {
        service.until(server.node.head().0).await;
        for (_, token) in &tokens {
            assert_eq!(said(service.verdict(token)), code(&server, token).await);
        }
    }
    assert_eq!(
        (early.snapshots, resumed.snapshots, late.snapshots),
        (1, 0, 1)
    );

    server.post("/v1/revoke-all", &server.key, json!({})).await;
    late.until(server.node.head().0).await;
    assert_eq!(said(late.verdict(&tokens[4].1)), "session_ended");
}

#[tokio::test]
async fn a_receipt_counts_the_services_that_have_applied_it() {
    let server = Server::start().await;
    let mut service = Service::start(&server, None).await;
    let _silent = Service::start(&server, None).await;
    // The node may have yet to apply what the log holds by now.
    service.until(server.head().await).await;
    let ack = async |seq: u64| {
        let body = json!({ "reader": service.id, "seq": seq });
        server.post("/v1/feed/acks", &server.key, body).await
    };
    assert_eq!(ack(1).await.status, 204);
    let anna = server.user("anna", &[]).await;
    server.sign_in("anna", "laptop").await;
    let path = format!("/v1/users/{anna}/sessions?wait_ms=10000");
    let acknowledge = async {
        // The receipt waits until the service says that it has come this far.
        service.until(server.node.head().0 + 1).await;
        ack_of(&server, &service).await
    };
    let (receipt, status) = tokio::join!(server.delete(&path, &server.key), acknowledge);
    assert_eq!(status, 204);
    assert_eq!(
        receipt.body["guards"],
        json!({ "following": 1, "applied": 1 })
    );

    // One that falls behind is waited for so long only, and said to be behind.
    server.sign_in("anna", "laptop").await;
    let path = format!("/v1/users/{anna}/sessions?wait_ms=10");
    let receipt = server.delete(&path, &server.key).await;
    assert_eq!(
        receipt.body["guards"],
        json!({ "following": 1, "applied": 0 })
    );
    drop(service);
    loop {
        server.sign_in("anna", "laptop").await;
        let receipt = server.delete(&path, &server.key).await;
        if receipt.body["guards"]["following"] == 0 {
            break;
        }
    }
}

async fn ack_of(server: &Server, service: &Service) -> u16 {
    let body = json!({ "reader": service.id, "seq": service.index.position() });
    server.post("/v1/feed/acks", &server.key, body).await.status
}

#[tokio::test]
async fn a_position_that_never_was_begins_anew() {
    let server = Server::start().await;
    let mut service = Service::start(&server, Some(1_000_000)).await;
    let reset = service.reader.next().await.unwrap();
    assert_eq!(reset.event, "reset");
    service.take(&reset);
    service.until(server.node.head().0).await;
    assert_eq!(service.snapshots, 1);
}

#[tokio::test]
async fn a_service_hears_that_nothing_happened() {
    let server = Server::start().await;
    let mut service = Service::start(&server, None).await;
    service.until(server.head().await).await;
    let beat = service.reader.next().await.unwrap();
    assert_eq!(beat.event, "changes");
    assert_eq!(beat.data["after"], beat.data["seq"]);
    assert_eq!(beat.data["changes"], json!([]));
}

#[tokio::test]
async fn the_feed_is_for_keys_with_its_scope() {
    let server = Server::start().await;
    server.user("anna", &[]).await;
    let key = async |scope: &str| {
        let body = json!({ "name": scope, "scopes": [scope] });
        let made = server.post("/v1/api-keys", &server.key, body).await;
        made.body["key"].as_str().unwrap().to_owned()
    };
    let status = async |key: &str| Reader::ask(&server, PATH, key, None).await.status();
    assert_eq!(status(&key("feed").await).await, 200);
    for scope in ["sessions", "verify"] {
        assert_eq!(status(&key(scope).await).await, 403, "{scope}");
    }
    let who = server.sign_in("anna", "laptop").await;
    assert_eq!(status(&who.access_token).await, 403);
    assert_eq!(status("x").await, 401);
}

#[tokio::test]
async fn a_wrong_acknowledgement_is_refused() {
    let server = Server::start().await;
    let service = Service::start(&server, None).await;
    let ack = async |body: Value| {
        let answer = server.post("/v1/feed/acks", &server.key, body).await;
        answer.code().to_owned()
    };
    let nobody = json!({ "reader": "00000000-0000-0000-0000-000000000000", "seq": 1 });
    assert_eq!(ack(nobody).await, "not_found");
    let ahead = json!({ "reader": service.id, "seq": 1_000_000 });
    assert_eq!(ack(ahead).await, "validation_failed");
    assert_eq!(
        ack(json!({ "reader": service.id })).await,
        "validation_failed"
    );
}
