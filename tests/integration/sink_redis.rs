//! The sink that writes to Redis, with a real one that is frozen, killed and emptied.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::AsyncBufReadExt as _;

use crate::crash::call;
use crate::support::{Program, Redis, Server, program_key};

/// A server that writes there.
async fn server(redis: &Redis, settings: &str) -> Server {
    Server::start_with(&[("SINKS", &sink(redis, settings))]).await
}

fn sink(redis: &Redis, settings: &str) -> String {
    format!(
        "[{{ kind = 'redis', name = 'cache', url = 'redis://:let%20me%20in@127.0.0.1:{}', \
         timeout_s = 1, retry_max_s = 1 {settings} }}]",
        redis.port
    )
}

/// Waits until everything that happened so far is there.
async fn caught_up(server: &Server, redis: &Redis) {
    let head = server.head().await;
    while redis.position().await < head {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn report(server: &Server) -> Value {
    let sinks = server.get("/v1/sinks", &server.key).await;
    assert_eq!(sinks.status, 200, "{}", sinks.body);
    sinks.body["items"][0].clone()
}

async fn until_state(server: &Server, state: &str) -> Value {
    loop {
        let report = report(server).await;
        if report["state"] == state {
            return report;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn revoke(server: &Server, user: &str) {
    let path = format!("/v1/users/{user}/sessions");
    assert_eq!(server.delete(&path, &server.key).await.status, 200);
}

#[tokio::test]
async fn a_revocation_is_one_key_away_from_every_language() {
    let redis = Redis::start().await;
    let server = server(&redis, "").await;
    let anna = server.user("anna", &[]).await;
    let first = server.sign_in("anna", "laptop").await;
    caught_up(&server, &redis).await;
    assert!(!redis.is_revoked(&first.session_id, &anna).await);
    revoke(&server, &anna).await;
    caught_up(&server, &redis).await;
    assert!(redis.is_revoked(&first.session_id, &anna).await);
    let key = format!("sessionwire:revoked:sid:{}", first.session_id);
    let value = redis.value(&key).await.unwrap();
    assert_eq!(value["reason"], "revoked_by_admin");
    assert_eq!(value["seq"], server.head().await);
    let mut connection = redis.connect().await;
    let left: i64 = redis::cmd("TTL")
        .arg(&key)
        .query_async(&mut connection)
        .await
        .unwrap();
    assert!((3600..=71 * 60).contains(&left), "{left}");

    // Suspended, and back: the old session stays out, a new one is fine.
    let second = server.sign_in("anna", "laptop").await;
    server
        .post(&format!("/v1/users/{anna}/suspend"), &server.key, json!({}))
        .await;
    caught_up(&server, &redis).await;
    let user_key = format!("sessionwire:revoked:user:{anna}");
    let value = redis.value(&user_key).await.unwrap();
    assert_eq!(value["reason"], "user_suspended");
    assert!(value["not_before"].as_u64().unwrap() <= server.head().await);
    server
        .post(&format!("/v1/users/{anna}/resume"), &server.key, json!({}))
        .await;
    let third = server.sign_in("anna", "laptop").await;
    caught_up(&server, &redis).await;
    assert!(redis.is_revoked(&second.session_id, &anna).await);
    assert!(!redis.is_revoked(&third.session_id, &anna).await);

    server.post("/v1/revoke-all", &server.key, json!({})).await;
    caught_up(&server, &redis).await;
    assert!(redis.is_revoked(&third.session_id, &anna).await);
    let everybody = redis.value("sessionwire:revoked:everybody").await.unwrap();
    assert_eq!(everybody["reason"], "revoke_all");
}

#[tokio::test]
async fn the_stream_has_every_event_once_and_in_order() {
    let redis = Redis::start().await;
    let server = server(&redis, "").await;
    for n in 0..30 {
        server.user(&format!("user-{n}"), &[]).await;
    }
    caught_up(&server, &redis).await;
    let positions: Vec<u64> = redis
        .stream()
        .await
        .into_iter()
        .map(|(seq, _)| seq)
        .collect();
    assert_eq!(positions, (1..=server.head().await).collect::<Vec<_>>());
    while report(&server).await["lag_events"] != 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(report(&server).await["state"], "running");
}

#[tokio::test]
async fn a_filter_is_for_the_stream_and_never_for_revocations() {
    let redis = Redis::start().await;
    let server = server(&redis, ", events = ['user.*'], prefix = 'sessionwire'").await;
    let anna = server.user("anna", &[]).await;
    let who = server.sign_in("anna", "laptop").await;
    revoke(&server, &anna).await;
    caught_up(&server, &redis).await;
    assert!(redis.is_revoked(&who.session_id, &anna).await);
    let kinds: Vec<String> = redis
        .stream()
        .await
        .into_iter()
        .map(|(_, kind)| kind)
        .collect();
    assert_eq!(kinds, ["user.created", "user.created"]);
}

#[tokio::test]
async fn a_redis_that_was_away_gets_everything_after_it() {
    let mut redis = Redis::start().await;
    let server = server(&redis, "").await;
    let anna = server.user("anna", &[]).await;
    let who = server.sign_in("anna", "laptop").await;
    caught_up(&server, &redis).await;

    // Frozen: it takes connections and answers nothing.
    redis.signal("STOP");
    revoke(&server, &anna).await;
    let failing = until_state(&server, "failing").await;
    assert!(failing["lag_events"].as_u64().unwrap() > 0, "{failing}");
    assert!(failing["failing_since"].is_string() && failing["last_error"].is_string());
    assert_eq!(server.get("/readyz", "").await.status, 200);
    redis.signal("CONT");
    until_state(&server, "running").await;
    caught_up(&server, &redis).await;
    assert!(redis.is_revoked(&who.session_id, &anna).await);

    // Killed, and back without a memory.
    redis.kill();
    let second = server.sign_in("anna", "laptop").await;
    revoke(&server, &anna).await;
    until_state(&server, "failing").await;
    redis.begin().await;
    until_state(&server, "running").await;
    caught_up(&server, &redis).await;
    for session in [&who, &second] {
        assert!(redis.is_revoked(&session.session_id, &anna).await);
    }
    let positions: Vec<u64> = redis
        .stream()
        .await
        .into_iter()
        .map(|(seq, _)| seq)
        .collect();
    assert_eq!(positions, (1..=server.head().await).collect::<Vec<_>>());
}

#[tokio::test]
async fn far_behind_the_revocations_overtake_the_rest() {
    let redis = Redis::start().await;
    let server = server(&redis, "").await;
    let group = server.group("crowd", &[]).await;
    let mut members = Vec::new();
    for n in 0..60 {
        members.push(server.user(&format!("user-{n}"), &[]).await);
    }
    let who = server.sign_in("user-0", "laptop").await;
    caught_up(&server, &redis).await;
    let monitor = redis.monitor().await;
    redis.signal("STOP");
    let (first, path) = (
        server.head().await + 1,
        format!("/v1/groups/{group}/members"),
    );
    for _ in 0..20 {
        for change in [json!({ "add": members }), json!({ "remove": members })] {
            let changed = server.post(&path, &server.key, change).await;
            assert_eq!(changed.status, 200, "{}", changed.body);
        }
    }
    revoke(&server, &who.user_id).await;
    until_state(&server, "failing").await;
    redis.signal("CONT");
    caught_up(&server, &redis).await;
    let revoked = format!("revoked:sid:{}", who.session_id);
    // By then nearly all of the backlog has yet to come.
    let last = (first + 2000).to_string() + "-0";
    let mut seen = String::new();
    let mut monitor = tokio::io::BufReader::new(monitor);
    while !seen.contains(&revoked) {
        seen.clear();
        assert!(monitor.read_line(&mut seen).await.unwrap() > 0);
        assert!(!seen.contains(&last), "{seen}");
    }
    let positions: Vec<u64> = redis
        .stream()
        .await
        .into_iter()
        .map(|(seq, _)| seq)
        .collect();
    assert_eq!(positions, (1..=server.head().await).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_redis_that_was_emptied_is_filled_again_without_a_new_event() {
    let redis = Redis::start().await;
    let server = server(&redis, "").await;
    let anna = server.user("anna", &[]).await;
    let ben = server.user("ben", &[]).await;
    let annas = server.sign_in("anna", "laptop").await;
    let bens = server.sign_in("ben", "laptop").await;
    revoke(&server, &anna).await;
    server
        .post(&format!("/v1/users/{ben}/suspend"), &server.key, json!({}))
        .await;
    caught_up(&server, &redis).await;
    let before = redis.stream().await;
    let mut connection = redis.connect().await;
    let () = redis::cmd("FLUSHALL")
        .query_async(&mut connection)
        .await
        .unwrap();
    caught_up(&server, &redis).await;
    assert!(redis.is_revoked(&annas.session_id, "").await);
    assert!(redis.is_revoked(&bens.session_id, "").await);
    assert!(redis.is_revoked("", &ben).await);
    assert_eq!(redis.stream().await, before);
}

#[tokio::test]
async fn an_old_session_is_forgotten_when_no_token_can_be_left() {
    let redis = Redis::start().await;
    let server = server(&redis, "").await;
    let anna = server.user("anna", &[]).await;
    let old = server.sign_in("anna", "laptop").await;
    revoke(&server, &anna).await;
    server.advance(Duration::from_mins(72)).await;
    let new = server.sign_in("anna", "laptop").await;
    revoke(&server, &anna).await;
    caught_up(&server, &redis).await;
    let mut connection = redis.connect().await;
    let () = redis::cmd("FLUSHALL")
        .query_async(&mut connection)
        .await
        .unwrap();
    caught_up(&server, &redis).await;
    assert!(redis.is_revoked(&new.session_id, &anna).await);
    assert!(!redis.is_revoked(&old.session_id, &anna).await);
}

#[tokio::test]
async fn the_keys_of_another_log_are_left_alone() {
    let redis = Redis::start().await;
    let mut connection = redis.connect().await;
    let () = redis::cmd("XADD")
        .arg(&["sessionwire:events", "1000000-0", "type", "user.created"])
        .query_async(&mut connection)
        .await
        .unwrap();
    let server = server(&redis, "").await;
    let failing = until_state(&server, "failing").await;
    let error = failing["last_error"].as_str().unwrap();
    assert!(error.contains("another server's"), "{error}");
    let () = redis::cmd("DEL")
        .arg("sessionwire:events")
        .query_async(&mut connection)
        .await
        .unwrap();
    until_state(&server, "running").await;
    caught_up(&server, &redis).await;
    assert_eq!(redis.stream().await.len() as u64, server.head().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_was_killed_goes_on_where_it_was() {
    let redis = Redis::start().await;
    let directory = tempfile::tempdir().unwrap();
    let key = program_key(directory.path());
    let http = reqwest::Client::new();
    let sinks = sink(&redis, "");
    for round in 0..4 {
        let program = Program::serve_with(directory.path(), 0, &[("SINKS", &sinks)]);
        let url = |path: &str| format!("{}{path}", program.url);
        for n in 0..20 {
            let body = json!({ "username": format!("user-{round}-{n}") });
            let made = call(&http, "POST", url("/v1/users"), &key, body).await;
            assert!(made.is_some());
        }
        let caught_up = async || {
            let sinks = call(&http, "GET", url("/v1/sinks"), &key, Value::Null).await;
            sinks.unwrap()["items"][0]["lag_events"] == 0
        };
        // All but the last time it is killed while it has something to write.
        while round == 3 && !caught_up().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        program.kill();
    }
    let positions: Vec<u64> = redis
        .stream()
        .await
        .into_iter()
        .map(|(seq, _)| seq)
        .collect();
    assert!(positions.len() > 80);
    assert_eq!(positions, (1..=positions.len() as u64).collect::<Vec<_>>());
}

#[tokio::test]
async fn sinks_are_shown_to_administrators_only() {
    let redis = Redis::start().await;
    let server = server(&redis, "").await;
    server.user("anna", &[]).await;
    let who = server.sign_in("anna", "laptop").await;
    assert_eq!(server.get("/v1/sinks", &who.access_token).await.status, 403);
    let enable = "/v1/sinks/cache/enable";
    let nothing = server.post(enable, &server.key, json!({})).await;
    assert_eq!(
        (nothing.status, &nothing.body["changed"]),
        (200, &json!(false))
    );
    let unknown = server
        .post("/v1/sinks/x/enable", &server.key, json!({}))
        .await;
    assert_eq!(unknown.code(), "not_found");
}
