//! Two nodes write to one database at once: what is promised for one holds for both together.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures::future::join_all;
use serde_json::{Value, json};
use sessionwire::domain::clock::Clock as _;
use sessionwire::domain::device::{Device, Platform};
use sessionwire::domain::id::DeviceId;
use sessionwire::domain::issuer::{ForeignSession, Identity, Proof, SessionKey};
use sessionwire::service::{Origin, SignInAnswer};
use sessionwire::storage::{Store, StoreOptions};

use crate::support::{Answer, PASSWORD, Server, SignedIn, database_of};

/// Two nodes with one database and one key file.
pub(crate) async fn two() -> [Arc<Server>; 2] {
    let first = Server::start_with(&[("ISSUER", "http://nodes.test")]).await;
    let second = beside(&first).await;
    [Arc::new(first), Arc::new(second)]
}

async fn beside(first: &Server) -> Server {
    let folder = first.directory.path().to_str().unwrap();
    Server::start_with(&[("ISSUER", "http://nodes.test"), ("DATA_DIR", folder)]).await
}

/// Returns when both have applied everything.
async fn until_level(nodes: &[Arc<Server>; 2]) {
    let head = nodes[0].head().await.max(nodes[1].head().await);
    for node in nodes {
        while node.node.head().0 < head {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    }
}

async fn live_sessions(server: &Server) -> Vec<Value> {
    let path = "/v1/sessions?state=live&limit=200";
    let live = server.get(path, &server.key).await;
    live.body["items"].as_array().unwrap().clone()
}

fn statuses(answers: &[Answer]) -> Vec<u16> {
    let mut statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    statuses
}

#[tokio::test(flavor = "multi_thread")]
async fn of_sign_ins_at_both_exactly_one_session_lives() {
    let nodes = two().await;
    nodes[0].user("anna", &[]).await;
    nodes[0]
        .policy(json!({ "max_sessions": 1, "at_limit": "evict_oldest" }))
        .await;
    let attempts = (0..60).map(|n| {
        let node = Arc::clone(&nodes[n % 2]);
        async move {
            let device = format!("device {n}");
            node.try_sign_in("anna", PASSWORD, &device).await
        }
    });
    let answers = join_all(attempts).await;
    until_level(&nodes).await;
    let mut living = 0;
    for answer in &answers {
        if answer.status == 401 {
            assert_eq!(answer.body["reason"], "superseded", "{}", answer.body);
            continue;
        }
        assert_eq!(answer.status, 200, "{}", answer.body);
        let who = SignedIn::read(&answer.body);
        for node in &nodes {
            let me = node.get("/v1/me", &who.access_token).await;
            if me.status == 200 {
                living += 1;
            } else {
                assert_eq!(me.body["reason"], "superseded");
            }
        }
    }
    assert_eq!(living, 2, "one session, at either node");
    assert_eq!(live_sessions(&nodes[1]).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_key_that_both_know_is_refused_by_both_once_it_was_taken_back() {
    let nodes = two().await;
    let body = json!({ "name": "job", "scopes": ["sessions"] });
    let made = nodes[0].post("/v1/api-keys", &nodes[0].key, body).await;
    let key = made.body["key"].as_str().unwrap();
    for node in [0, 1, 0, 1] {
        assert_eq!(nodes[node].get("/v1/users", key).await.status, 200);
    }
    let path = format!("/v1/api-keys/{}", made.body["id"].as_str().unwrap());
    assert_eq!(nodes[0].delete(&path, &nodes[0].key).await.status, 200);
    until_level(&nodes).await;
    for node in &nodes {
        assert_eq!(node.get("/v1/users", key).await.code(), "token_invalid");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_that_comes_in_the_middle_of_sign_ins_is_kept() {
    let nodes = two().await;
    let anna = nodes[0].user("anna", &[]).await;
    let group = nodes[0].group("one-seat", &[]).await;
    let policy = json!({ "max_sessions": 1, "at_limit": "evict_oldest" });
    let ways = [
        ("/v1/policies/default".to_owned(), policy.clone()),
        (format!("/v1/policies/users/{anna}"), policy.clone()),
        (format!("/v1/groups/{group}/members/{anna}"), json!({})),
    ];
    let path = format!("/v1/policies/groups/{group}");
    nodes[0].put(&path, &nodes[0].key, policy).await;
    for (round, (path, body)) in ways.into_iter().enumerate() {
        let sign_ins = join_all((0..16).map(|n| {
            let node = Arc::clone(&nodes[n % 2]);
            async move {
                let device = format!("device {round} {n}");
                node.try_sign_in("anna", PASSWORD, &device).await
            }
        }));
        let (_, done) = tokio::join!(sign_ins, nodes[1].put(&path, &nodes[0].key, body));
        assert_eq!(done.status, 200, "{}", done.body);
        assert_eq!(live_sessions(&nodes[0]).await.len(), 1, "{path}");
        let gone = nodes[0].delete(&path, &nodes[0].key).await;
        assert_eq!(gone.status, 200, "{}", gone.body);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn administrators_who_remove_each_other_at_different_nodes_leave_one() {
    let nodes = two().await;
    for round in 0..5 {
        let second = nodes[0]
            .user(&format!("second-{round}"), &["administrators"])
            .await;
        let third = nodes[0]
            .user(&format!("third-{round}"), &["administrators"])
            .await;
        let groups = nodes[0].get("/v1/groups", &nodes[0].key).await;
        let group = groups.body["items"][0]["id"].as_str().unwrap().to_owned();
        let users = nodes[0].get("/v1/users?limit=200", &nodes[0].key).await;
        // Whoever is left of the rounds before goes first.
        for user in users.body["items"].as_array().unwrap() {
            let id = user["id"].as_str().unwrap();
            if id != second && id != third {
                let path = format!("/v1/groups/{group}/members/{id}");
                nodes[0].delete(&path, &nodes[0].key).await;
            }
        }
        let (member, suspension) = (
            format!("/v1/groups/{group}/members/{second}"),
            format!("/v1/users/{third}/suspend"),
        );
        let (one, other) = tokio::join!(
            nodes[0].delete(&member, &nodes[0].key),
            nodes[1].post(&suspension, &nodes[0].key, json!({}))
        );
        let told = [one, other];
        assert_eq!(statuses(&told), [200, 409], "{told:?}");
        let refused = told.iter().find(|answer| answer.status == 409);
        assert_eq!(refused.unwrap().code(), "last_administrator");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_token_that_both_get_at_once_has_one_successor() {
    let nodes = two().await;
    nodes[0].user("anna", &[]).await;
    let mut who = nodes[0].sign_in("anna", "laptop").await;
    for _ in 0..10 {
        let answers = join_all((0..8).map(|n| {
            let (node, token) = (Arc::clone(&nodes[n % 2]), who.refresh_token.clone());
            async move { node.refresh(&token).await }
        }))
        .await;
        let mut successors: Vec<_> = answers
            .iter()
            .map(|answer| {
                assert_eq!(answer.status, 200, "{}", answer.body);
                SignedIn::read(&answer.body).refresh_token
            })
            .collect();
        successors.dedup();
        assert_eq!(successors.len(), 1, "one branch only");
        who.refresh_token = successors.remove(0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_that_races_with_new_rules_lives_by_them() {
    let nodes = two().await;
    nodes[0].user("anna", &[]).await;
    for round in 0..5 {
        nodes[0].policy(json!({ "max_age_s": 86_400 })).await;
        let device = format!("device {round}");
        let who = nodes[0].sign_in("anna", &device).await;
        let refreshes = join_all((0..8).map(|n| {
            let (node, token) = (Arc::clone(&nodes[n % 2]), who.refresh_token.clone());
            async move { node.refresh(&token).await }
        }));
        let (_, _) = tokio::join!(refreshes, nodes[1].policy(json!({ "max_age_s": 3600 })));
        let found = live_sessions(&nodes[0]).await;
        let is_it = |session: &&Value| session["id"] == *who.session_id;
        let session = found.iter().find(is_it).unwrap();
        let second = |member: &str| seconds(session[member].as_str().unwrap());
        let lives = second("expires_at") - second("created_at");
        assert_eq!(lives, 3600, "{session}");
    }
}

fn seconds(time: &str) -> i64 {
    let time = chrono::DateTime::parse_from_rfc3339(time).unwrap();
    time.timestamp()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_takeover_token_and_a_ticket_are_good_at_one_node_once() {
    let nodes = two().await;
    nodes[0].user("anna", &[]).await;
    nodes[0]
        .policy(json!({ "max_sessions": 1, "at_limit": "ask" }))
        .await;
    let mut who = nodes[0].sign_in("anna", "first").await;
    for round in 0..5 {
        let device = format!("device {round}");
        let refused = nodes[1].try_sign_in("anna", PASSWORD, &device).await;
        let token = json!({ "takeover_token": refused.body["takeover_token"] });
        let answers = join_all((0..6).map(|n| {
            let (node, token) = (Arc::clone(&nodes[n % 2]), token.clone());
            async move { node.post("/v1/sign-in/takeover", "", token).await }
        }))
        .await;
        assert_eq!(statuses(&answers), [200, 401, 401, 401, 401, 401]);
        let entered = answers.iter().find(|answer| answer.status == 200).unwrap();
        who = SignedIn::read(&entered.body);
        assert_eq!(live_sessions(&nodes[0]).await.len(), 1);
    }
    until_level(&nodes).await;
    let asked = nodes[0]
        .post("/v1/socket-tickets", &who.access_token, json!({}))
        .await;
    let ticket = asked.body["ticket"].as_str().unwrap().to_owned();
    let redeemed = join_all((0..6).map(|n| {
        let node = Arc::clone(&nodes[n % 2]);
        let ticket = sessionwire::domain::secret::Bearer::new(ticket.clone());
        async move { node.core.redeem_ticket(&ticket).await.is_ok() }
    }))
    .await;
    assert_eq!(redeemed.into_iter().filter(|done| *done).count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_has_no_gap_whatever_is_given_up() {
    let nodes = two().await;
    let group = nodes[0].group("analysts", &["reports:read"]).await;
    let anna = nodes[0].user("anna", &[]).await;
    let ben = nodes[0].user("ben", &[]).await;
    let writes = (0..80).map(|n| {
        let (node, key) = (Arc::clone(&nodes[n % 2]), nodes[0].key.clone());
        let user = if n % 3 == 0 { &anna } else { &ben };
        let path = format!("/v1/groups/{group}/members/{user}");
        async move {
            match n % 5 {
                0 => node.put(&path, &key, json!({})).await,
                1 => node.delete(&path, &key).await,
                // What is only tried, and what is refused, leaves nothing.
                2 => node.delete(&format!("{path}?dry_run=true"), &key).await,
                3 => {
                    node.post("/v1/users", &key, json!({ "username": "anna" }))
                        .await
                }
                _ => {
                    let name = format!("user-{n}");
                    node.post("/v1/users", &key, json!({ "username": name }))
                        .await
                }
            }
        }
    });
    for answer in join_all(writes).await {
        assert!(matches!(answer.status, 200 | 201 | 409), "{}", answer.body);
    }
    until_level(&nodes).await;
    for node in &nodes {
        let events = node.get("/v1/events?limit=200", &node.key).await;
        let items = events.body["items"].as_array().unwrap();
        let positions: Vec<_> = items.iter().filter_map(|it| it["seq"].as_u64()).collect();
        assert_eq!(positions, (1..=positions.len() as u64).collect::<Vec<_>>());
        assert_eq!(node.node.head().0, positions.len() as u64);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_request_is_done_once() {
    let nodes = two().await;
    for round in 0..5 {
        let answers = join_all((0..6).map(|n| {
            let (node, key) = (Arc::clone(&nodes[n % 2]), nodes[0].key.clone());
            async move {
                let body = json!({ "username": format!("user-{round}") });
                let url = format!("{}/v1/users", node.url);
                let request = node.http.post(url).bearer_auth(key).json(&body);
                let request = request.header("idempotency-key", format!("key-{round}"));
                Answer::read(request.send().await.unwrap()).await
            }
        }))
        .await;
        let made: Vec<_> = answers
            .iter()
            .filter(|answer| answer.status == 201)
            .map(|answer| &answer.body["id"])
            .collect();
        assert!(!made.is_empty() && made.iter().all(|id| *id == made[0]));
        for answer in answers.iter().filter(|answer| answer.status != 201) {
            assert_eq!(answer.code(), "idempotency_in_progress", "{}", answer.body);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_who_comes_to_both_is_one_user_with_one_session_a_sign_in() {
    let nodes = two().await;
    let now = nodes[0].clock.now().as_seconds();
    let proof = Proof {
        session: ForeignSession {
            identity: Identity {
                issuer: "https://id.test".into(),
                subject: "stranger".into(),
            },
            key: SessionKey::named("one"),
            signed_in_at: now,
        },
        issuer_name: "id".into(),
        issued_at: now,
        expires_at: now + 600,
        groups: None,
        display_name: None,
        creates_users: true,
    };
    let origin = Origin::default();
    let attached = join_all((0..8).map(|n| {
        let (node, proof, origin) = (Arc::clone(&nodes[n % 2]), proof.clone(), origin.clone());
        async move { node.core.attach(proof, &origin).await.unwrap() }
    }))
    .await;
    assert!(attached.iter().all(|claims| claims.sid == attached[0].sid));
    assert_eq!(live_sessions(&nodes[0]).await.len(), 1);
    let device = Device {
        id: DeviceId(uuid::Uuid::from_u128(7)),
        name: "phone".into(),
        platform: Platform::Ios,
    };
    let answer = nodes[1]
        .core
        .sign_in_by_proof(proof, Some(device), false, &origin)
        .await;
    let SignInAnswer::SignedIn(who) = answer.unwrap() else {
        panic!("not in")
    };
    assert_eq!(who.session.user_id, attached[0].sub);
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_start_at_once_make_one_administrator_and_one_key() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    // One key file for all is the one thing that nodes can't agree on by the database.
    let mut file = std::fs::OpenOptions::new();
    let file = file.write(true).create_new(true).mode(0o600);
    let mut file = file.open(folder.path().join("sessionwire.key")).unwrap();
    write!(file, "{}", URL_SAFE_NO_PAD.encode([7; 32])).unwrap();
    if database_of(folder.path()).await.is_none() {
        // Two that bring a file up to date at once are not provided for; a file is one node's.
        let path = folder.path().join("sessionwire.db");
        let options = StoreOptions::Sqlite { path, readers: 1 };
        Store::open(&options).await.unwrap().close().await;
    }
    let settings = [("ISSUER", "http://nodes.test"), ("DATA_DIR", path)];
    let (one, other) = tokio::join!(Server::start_with(&settings), Server::start_with(&settings));
    let users = one.get("/v1/users", &one.key).await;
    assert_eq!(users.body["items"].as_array().unwrap().len(), 1);
    let keys = other.get("/v1/signing-keys", &one.key).await;
    assert_eq!(keys.body["items"].as_array().unwrap().len(), 1);
}
