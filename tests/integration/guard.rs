//! The guard of the crate `sessionwire-guard` in a service: real server, real feed, a network that can fail.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use sessionwire_guard::{Behind, Claims, Guard, GuardSettings, Reason, Refusal, Route};

use crate::support::{Holder, Program, Proxy, Server, SignedIn, program_key};

const WHAT: &str = "GET /reports";
const LAG: Duration = Duration::from_secs(1);

fn claims(token: &str) -> Claims {
    use base64::Engine as _;
    let body = token.split('.').nth(1).unwrap();
    let body = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(body);
    serde_json::from_slice(&body.unwrap()).unwrap()
}

fn settings(url: &str, key: &str, token: &str) -> GuardSettings {
    let claims = claims(token);
    let mut settings = GuardSettings::new(url, key, claims.iss, claims.aud);
    settings.max_feed_lag = LAG;
    settings
}

async fn guard(url: &str, server: &Server, who: &SignedIn) -> Guard {
    let guard = Guard::start(settings(url, &server.key, &who.access_token)).unwrap();
    guard.ready().await;
    guard
}

fn now(guard: &Guard, token: &str) -> Result<Arc<Claims>, Refusal> {
    guard.check_now(token, &Route::default(), WHAT)
}

/// The value of a metric.
fn metric(guard: &Guard, name: &str) -> f64 {
    let text = guard.metrics_text();
    let name = format!("sessionwire_guard_{name} ");
    let line = text.lines().find_map(|line| line.strip_prefix(&name));
    line.unwrap().parse().unwrap()
}

/// Looks again until it is so. What is waited for here happens by itself, and nothing tells of it.
async fn until(mut so: impl FnMut() -> bool) {
    let looked = async {
        while !so() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), looked)
        .await
        .expect("it never came to be so");
}

async fn revoke(server: &Server, user: &str) -> Value {
    let path = format!("/v1/users/{user}/sessions?wait_ms=10000");
    server.delete(&path, &server.key).await.body
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_retired_key_signed_is_refused_and_sessions_go_on() {
    let server = Server::start().await;
    server.user("anna", &[]).await;
    let who = server.sign_in("anna", "laptop").await;
    let guard = guard(&server.url, &server, &who).await;
    let claims = now(&guard, &who.access_token).unwrap();
    let path = format!(
        "/v1/signing-keys/{}?wait_ms=10000",
        claims.kid.as_deref().unwrap()
    );
    let receipt = server.delete(&path, &server.key).await.body;
    assert_eq!(
        receipt["guards"],
        json!({ "following": 1, "applied": 1 }),
        "{receipt}"
    );
    assert_eq!(now(&guard, &who.access_token), Err(Refusal::Invalid));
    let fresh = server.refresh(&who.refresh_token).await.body;
    let fresh = fresh["access_token"].as_str().unwrap();
    let route = Route::default();
    assert!(guard.check(fresh, &route, WHAT).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_bound_to_a_key_is_refused() {
    let server = Server::start().await;
    server.user("anna", &[]).await;
    let who = server.sign_in("anna", "laptop").await;
    let guard = guard(&server.url, &server, &who).await;
    let bound = Holder::new(&server).sign_in("anna", "phone").await;
    let token = &bound.access_token;
    assert_eq!(now(&guard, token), Err(Refusal::Invalid));
    let route = Route::default();
    assert_eq!(
        guard.check(token, &route, WHAT).await.err(),
        Some(Refusal::Invalid)
    );
    assert!(now(&guard, &who.access_token).is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn not_one_more_accept_after_the_receipt() {
    let server = Server::start().await;
    server.user("anna", &[]).await;
    let mut who = server.sign_in("anna", "laptop").await;
    let guard = guard(&server.url, &server, &who).await;
    for _ in 0..5 {
        let (stop, accepted) = (
            Arc::new(AtomicBool::new(false)),
            Arc::new(AtomicU64::new(0)),
        );
        let receipted = Arc::new(AtomicBool::new(false));
        let threads: Vec<_> = (0..2)
            .map(|_| {
                let (guard, token) = (guard.clone(), who.access_token.clone());
                let (stop, accepted) = (Arc::clone(&stop), Arc::clone(&accepted));
                let receipted = Arc::clone(&receipted);
                std::thread::spawn(move || {
                    let mut after = 0_u32;
                    // However late its turn comes, each asks after the receipt.
                    while after == 0 || !stop.load(Ordering::SeqCst) {
                        // What begins after the receipt.
                        let is_after = receipted.load(Ordering::SeqCst);
                        match now(&guard, &token) {
                            Ok(_) if is_after => panic!("accepted after the receipt"),
                            Ok(_) => drop(accepted.fetch_add(1, Ordering::SeqCst)),
                            Err(refusal) => {
                                assert_eq!(refusal, Refusal::Ended(Reason::RevokedByAdmin));
                                after += u32::from(is_after);
                            }
                        }
                    }
                })
            })
            .collect();
        until(|| accepted.load(Ordering::SeqCst) > 1000).await;
        let receipt = revoke(&server, &who.user_id).await;
        receipted.store(true, Ordering::SeqCst);
        assert_eq!(receipt["guards"], json!({ "following": 1, "applied": 1 }));
        for _ in 0..10_000 {
            assert!(now(&guard, &who.access_token).is_err());
        }
        stop.store(true, Ordering::SeqCst);
        for thread in threads {
            thread.join().unwrap();
        }
        who = server.sign_in("anna", "laptop").await;
    }
}

#[tokio::test]
async fn a_silent_feed_turns_the_guard_to_what_the_route_says_and_back() {
    let server = Server::start().await;
    server.user("anna", &[]).await;
    let who = server.sign_in("anna", "laptop").await;
    let other = server.sign_in("anna", "phone").await;
    let proxy = Proxy::before(server.address).await;
    let guard = guard(&proxy.url, &server, &who).await;
    let route = |behind| Route {
        behind: Some(behind),
        ..Route::default()
    };
    let (ask, accept) = (route(Behind::Introspect), route(Behind::Accept));
    assert!(now(&guard, &who.access_token).is_ok());

    proxy.silence_feed();
    let ended = format!("/v1/sessions/{}", other.session_id);
    server.delete(&ended, &server.key).await;
    until(|| now(&guard, &who.access_token) == Err(Refusal::CannotDecide)).await;
    assert!(metric(&guard, "feed_lag_seconds") >= LAG.as_secs_f64());
    assert_eq!(Refusal::CannotDecide.status(), 503);
    assert!(guard.check_now(&who.access_token, &accept, WHAT).is_ok());
    assert!(guard.check_now(&other.access_token, &accept, WHAT).is_ok());
    assert!(guard.check(&who.access_token, &ask, WHAT).await.is_ok());
    let asked = guard.check(&other.access_token, &ask, WHAT).await;
    assert_eq!(
        asked.unwrap_err(),
        Refusal::Stale,
        "the server does not say why"
    );
    assert_eq!(
        now(&guard, "nonsense").unwrap_err(),
        Refusal::Invalid,
        "what is wrong in itself is said at any time"
    );

    proxy.mend();
    until(|| now(&guard, &who.access_token).is_ok()).await;
    assert_eq!(
        now(&guard, &other.access_token).unwrap_err(),
        Refusal::Ended(Reason::RevokedByAdmin)
    );
}

#[tokio::test]
async fn what_was_accepted_too_late_is_reported() {
    let server = Server::start().await;
    let group = server.group("analysts", &["reports:read"]).await;
    let anna = server.user("anna", &["analysts"]).await;
    let who = server.sign_in("anna", "laptop").await;
    let proxy = Proxy::before(server.address).await;
    let mut settings = settings(&proxy.url, &server.key, &who.access_token);
    settings.max_feed_lag = Duration::from_secs(30);
    let guard = Guard::start(settings).unwrap();
    guard.ready().await;
    let before = guard.check_now(&who.access_token, &Route::default(), "GET /before");
    before.unwrap();
    proxy.silence_feed();
    let member = format!("/v1/groups/{group}/members/{anna}?wait_ms=0");
    server.delete(&member, &server.key).await;
    // Clearly later: how long the quickest message was under way is not known, and counts for the guard.
    tokio::time::sleep(Duration::from_millis(200)).await;
    for _ in 0..3 {
        let late = guard.check_now(&who.access_token, &Route::requiring("reports:read"), WHAT);
        late.unwrap();
    }
    // Long enough under way that its age says nothing.
    tokio::time::sleep(Duration::from_millis(300)).await;
    proxy.mend();
    until(|| metric(&guard, "late_uses_total{state=\"reported\"}") > 0.0).await;
    assert_eq!(now(&guard, &who.access_token), Err(Refusal::Stale));
    let found = server
        .get("/v1/events?type=token.late_use", &server.key)
        .await;
    let [event] = found.body["items"].as_array().unwrap().as_slice() else {
        panic!("{:?}", found.body);
    };
    assert_eq!(event["data"]["what"], WHAT);
    assert_eq!(event["data"]["count"], 3);
    assert_eq!(event["data"]["verdict"], "token_stale");
    assert_eq!(event["data"]["session_id"], json!(who.session_id));
    assert_eq!(event["data"]["jti"], json!(claims(&who.access_token).jti));
}

#[tokio::test]
async fn a_new_signing_key_is_found_when_it_is_needed() {
    let server = Server::start().await;
    server.user("anna", &[]).await;
    let who = server.sign_in("anna", "laptop").await;
    let guard = guard(&server.url, &server, &who).await;
    server
        .post("/v1/signing-keys", &server.key, json!({}))
        .await;
    let fresh = server.sign_in("anna", "phone").await;
    let route = Route::default();
    // Fetches that tokens ask for are seconds apart.
    let accepted = async {
        while guard
            .check(&fresh.access_token, &route, WHAT)
            .await
            .is_err()
        {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), accepted)
        .await
        .unwrap();
    assert!(guard.check(&who.access_token, &route, WHAT).await.is_ok());
    for n in 0..20 {
        let head = base64_of(&json!({ "typ": "at+jwt", "alg": "ES256", "kid": format!("k{n}") }));
        let forged = format!("{head}.e30.AAAA");
        let refusal = guard.check(&forged, &route, WHAT).await.unwrap_err();
        assert_eq!(refusal, Refusal::Invalid);
    }
    assert!(metric(&guard, "key_fetches_total{outcome=\"done\"}") <= 4.0);
}

fn base64_of(value: &Value) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(value.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_a_cut_network_nor_a_killed_server_makes_it_skip_anything() {
    let directory = tempfile::tempdir().unwrap();
    let key = program_key(directory.path());
    let mut program = Program::serve(directory.path(), 0);
    let address: std::net::SocketAddr = program.url.rsplit('/').next().unwrap().parse().unwrap();
    let http = reqwest::Client::new();
    let call = async |method: &str, path: &str, body: Value| -> Value {
        let url = format!("http://{address}{path}");
        let request = http.request(method.parse().unwrap(), url).bearer_auth(&key);
        let answer = request.json(&body).send().await.unwrap();
        answer.json().await.unwrap()
    };
    let sign_in = async |name: &str| {
        let device =
            json!({ "id": "018f0000-0000-7000-8000-00000000000a", "name": "d", "platform": "web" });
        let body =
            json!({ "username": name, "password": "correct horse battery", "device": device });
        let answer = call("POST", "/v1/sign-in", body).await;
        answer["access_token"].as_str().unwrap().to_owned()
    };
    let mut people = Vec::new();
    for name in ["anna", "ben", "chloe", "dario"] {
        let body = json!({ "username": name, "password": "correct horse battery" });
        let user = call("POST", "/v1/users", body).await;
        people.push((user["id"].as_str().unwrap().to_owned(), sign_in(name).await));
    }
    let proxy = Proxy::before(address).await;
    let guard = Guard::start(settings(&proxy.url, &key, &people[0].1)).unwrap();
    guard.ready().await;
    for (_, token) in &people {
        assert!(now(&guard, token).is_ok());
    }
    let end = async |id: &str| call("DELETE", &format!("/v1/users/{id}/sessions"), json!({})).await;
    let ended = Err(Refusal::Ended(Reason::RevokedByAdmin));

    // The network is cut, and something happens meanwhile.
    proxy.cut();
    end(&people[0].0).await;
    until(|| now(&guard, &people[1].1) == Err(Refusal::CannotDecide)).await;
    proxy.mend();
    until(|| now(&guard, &people[0].1) == ended).await;

    // The server is killed, and something happens before the guard is back.
    proxy.cut();
    program.kill();
    program = Program::serve(directory.path(), address.port());
    end(&people[1].0).await;
    proxy.mend();
    until(|| now(&guard, &people[1].1) == ended).await;
    until(|| now(&guard, &people[3].1).is_ok()).await;

    // The service starts anew, too.
    drop(guard);
    end(&people[2].0).await;
    let guard = Guard::start(settings(&proxy.url, &key, &people[0].1)).unwrap();
    guard.ready().await;
    for (_, token) in &people[..3] {
        assert_eq!(now(&guard, token), ended);
    }
    assert!(now(&guard, &people[3].1).is_ok());
    assert!(metric(&guard, "feed_faults_total{fault=\"gap\"}") < 1.0);
    program.kill();
}

#[tokio::test]
async fn a_refused_key_is_not_tried_again_and_again() {
    let server = Server::start().await;
    server.user("anna", &[]).await;
    let who = server.sign_in("anna", "laptop").await;
    let proxy = Proxy::before(server.address).await;
    let wrong = settings(&proxy.url, "swk_nobody", &who.access_token);
    let guard = Guard::start(wrong).unwrap();
    until(|| metric(&guard, "feed_reconnects_total") >= 1.0).await;
    assert_eq!(now(&guard, &who.access_token), Err(Refusal::CannotDecide));
    let connections = proxy.connections();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(proxy.connections(), connections);
}

#[tokio::test]
async fn settings_of_no_use_are_refused() {
    let good = || GuardSettings::new("https://s.example", "swk_x", "i", "a");
    assert!(Guard::start(good()).is_ok());
    for wrong in ["", "s.example", "ftp://s.example", "https://"] {
        let settings = GuardSettings {
            url: wrong.to_owned(),
            ..good()
        };
        assert!(Guard::start(settings).is_err(), "{wrong}");
    }
    let settings = GuardSettings {
        api_key: "swk_\nx".to_owned(),
        ..good()
    };
    assert!(!format!("{settings:?}").contains("swk_"));
    assert!(Guard::start(settings).is_err());
    let settings = GuardSettings {
        max_feed_lag: Duration::from_millis(10),
        ..good()
    };
    assert!(Guard::start(settings).is_err());
}
