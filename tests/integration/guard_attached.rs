//! Guards and tokens of other issuers: one question about each, and from then on the feed decides.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use serde_json::{Value, json};
use sessionwire::service::Step;
use sessionwire_guard::client::{Clock, SystemClock};
use sessionwire_guard::{
    Authenticated, Behind, Claims, Guard, GuardLayer, GuardSettings, Reason, Refusal, Route,
};
use tokio::net::TcpListener;

use crate::support::{Answer, IssuerKey, Provider, Proxy, Server, Steps};

const WHAT: &str = "GET /reports";
const ASKED: [&str; 3] = ["active", "inactive", "unanswered"];

struct World {
    provider: Provider,
    server: Server,
    /// With the two scopes that a guard needs, and none besides.
    key: String,
}

impl World {
    async fn new() -> Self {
        let provider = Provider::start(IssuerKey::ec("k1")).await;
        let setting = provider.setting(", use = 'attach'");
        let server = Server::start_with(&[("ISSUERS", &setting)]).await;
        let body = json!({ "name": "guard", "scopes": ["feed", "verify"] });
        let made = server.post("/v1/api-keys", &server.key, body).await;
        let key = made.body["key"].as_str().unwrap().to_owned();
        Self {
            provider,
            server,
            key,
        }
    }

    async fn settings(&self, url: &str) -> GuardSettings {
        let metadata = "/.well-known/oauth-authorization-server";
        let metadata = self.server.get(metadata, "").await;
        let issuer = metadata.body["issuer"].as_str().unwrap();
        let mut settings = GuardSettings::new(url, &self.key, issuer, "sessionwire");
        settings.issuers = vec![self.provider.url.clone()];
        // How fast a machine is, is not what is tried; where it is, the test says so.
        settings.max_feed_lag = Duration::from_hours(1);
        settings
    }

    async fn guard(&self) -> Guard {
        let guard = Guard::start(self.settings(&self.server.url).await).unwrap();
        in_sync(&guard).await;
        guard
    }

    fn token(&self, subject: &str, session: &str) -> String {
        self.provider.token(&self.server, subject, session)
    }

    async fn revoke(&self, claims: &Claims) -> Value {
        let path = format!("/v1/sessions/{}?wait_ms=10000", claims.sid);
        self.server.delete(&path, &self.server.key).await.body
    }

    async fn put(&self, path: &str, body: Value) {
        let path = format!("{path}?wait_ms=10000");
        let done = self.server.put(&path, &self.server.key, body).await;
        assert_eq!(done.status, 200, "{}", done.body);
    }
}

/// Its first position may be older than the server's head.
async fn in_sync(guard: &Guard) {
    guard.ready().await;
    while guard.lag().is_none() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn check(guard: &Guard, token: &str) -> Result<Arc<Claims>, Refusal> {
    guard.check(token, &Route::default(), WHAT).await
}

/// How often the server was asked, by what it said.
fn asked(guard: &Guard) -> [u64; 3] {
    let text = guard.metrics_text();
    ASKED.map(|outcome| {
        let name = format!("sessionwire_guard_introspections_total{{outcome=\"{outcome}\"}} ");
        let line = text.lines().find_map(|line| line.strip_prefix(&name));
        line.unwrap().parse().unwrap()
    })
}

/// Uptime as the test has it.
struct Stopped(SystemClock, AtomicU64);

impl Clock for Stopped {
    fn now_ms(&self) -> i64 {
        self.0.now_ms()
    }

    fn uptime(&self) -> Duration {
        Duration::from_secs(self.1.load(Ordering::SeqCst))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_question_and_none_accepted_after_the_receipt() {
    let world = World::new().await;
    let guard = world.guard().await;
    let token = world.token("anna", "s1");
    let now = || guard.check_now(&token, &Route::default(), WHAT);
    assert_eq!(now(), Err(Refusal::CannotDecide), "never waits");
    let all = (0..50).map(|_| check(&guard, &token));
    for outcome in futures::future::join_all(all).await {
        outcome.unwrap();
    }
    let claims = now().unwrap();
    for _ in 0..10_000 {
        assert_eq!(now().unwrap().sid, claims.sid);
    }
    assert_eq!(asked(&guard), [1, 0, 0]);
    let me = world.server.get("/v1/me", &token).await;
    assert_eq!(me.body["id"], claims.sub.to_string());

    let receipt = world.revoke(&claims).await;
    assert_eq!(receipt["guards"], json!({ "following": 1, "applied": 1 }));
    let ended = Err(Refusal::Ended(Reason::RevokedByAdmin));
    assert_eq!(now(), ended);
    assert_eq!(check(&guard, &token).await, ended);
    assert_eq!(asked(&guard), [1, 0, 0], "what is known is not asked");
    let mut renewed = world.provider.claims(&world.server, "anna", "s1");
    renewed["auth_time"] = json!(world.server.now() - 120);
    let renewed = world.provider.key.sign(&renewed);
    assert_eq!(check(&guard, &renewed).await, Err(Refusal::Invalid));
    let other = check(&guard, &world.token("anna", "s2")).await.unwrap();
    assert_eq!(other.sub, claims.sub);

    // A guard that was never told of issuers refuses them, and so does one that begins after the revocation.
    let mut settings = world.settings(&world.server.url).await;
    settings.issuers.clear();
    let plain = Guard::start(settings).unwrap();
    in_sync(&plain).await;
    assert_eq!(check(&plain, &token).await, Err(Refusal::Invalid));
    assert_eq!(asked(&plain), [0, 0, 0]);
    let late = world.guard().await;
    assert_eq!(check(&late, &token).await, Err(Refusal::Invalid));
}

#[tokio::test]
async fn rights_are_those_of_the_moment() {
    let world = World::new().await;
    let guard = world.guard().await;
    let group = world.server.group("staff", &["reports:read"]).await;
    let token = world.token("anna", "s1");
    let reports = Route::requiring("reports:read");
    let may_read = async || guard.check(&token, &reports, WHAT).await;
    assert_eq!(may_read().await, Err(Refusal::Forbidden));
    let user = check(&guard, &token).await.unwrap().sub;
    let path = format!("/v1/groups/{group}/members/{user}");
    world.put(&path, json!({})).await;
    // All at once: one question.
    let all = futures::future::join_all((0..50).map(|_| may_read())).await;
    assert!(all.iter().all(Result::is_ok), "{all:?}");
    assert_eq!(asked(&guard), [2, 0, 0]);
    let path = format!("/v1/groups/{group}/permissions");
    world.put(&path, json!({ "permissions": [] })).await;
    assert_eq!(may_read().await, Err(Refusal::Forbidden));
    assert_eq!(may_read().await, Err(Refusal::Forbidden));
    assert_eq!(asked(&guard), [3, 0, 0]);
}

#[tokio::test]
async fn a_service_in_axum_takes_them_as_it_takes_the_servers_own() {
    let world = World::new().await;
    let guard = world.guard().await;
    let layer = GuardLayer::new(guard.clone()).requires("reports:read");
    let reports = get(async |who: Authenticated| who.0.sub.to_string());
    let app = Router::new()
        .route("/reports", reports.layer(layer))
        .with_state(guard.clone());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/reports", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    let token = world.token("anna", "s1");
    let ask = async || {
        let request = world.server.http.get(&url).bearer_auth(&token);
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    assert_eq!(ask().await.0, 403);
    let claims = check(&guard, &token).await.unwrap();
    let group = world.server.group("staff", &["reports:read"]).await;
    let path = format!("/v1/groups/{group}/members/{}", claims.sub);
    world.put(&path, json!({})).await;
    assert_eq!(ask().await, (200, claims.sub.to_string()));
    world.revoke(&claims).await;
    let (status, problem) = ask().await;
    let problem: Value = serde_json::from_str(&problem).unwrap();
    assert_eq!((status, &problem["code"]), (401, &json!("session_ended")));
}

#[tokio::test]
async fn invented_tokens_cost_a_bounded_number_of_questions() {
    let world = World::new().await;
    let clock = Arc::new(Stopped(SystemClock::new(), AtomicU64::new(100)));
    let settings = world.settings(&world.server.url).await;
    let guard = Guard::start_with(settings, Arc::clone(&clock) as _).unwrap();
    in_sync(&guard).await;
    let claims = |subject: &str| world.provider.claims(&world.server, subject, "s1");
    let known = world.token("anna", "s1");
    check(&guard, &known).await.unwrap();

    let mut elsewhere = claims("anna");
    elsewhere["iss"] = json!("https://elsewhere.example");
    let mut over = claims("anna");
    over["exp"] = json!(world.server.now() - 400);
    let whole = world.token("ben", "s1");
    let [head, body, _] = <[_; 3]>::try_from(whole.split('.').collect::<Vec<_>>()).unwrap();
    let long = world.token(&"x".repeat(20_000), "s1");
    for (token, refusal) in [
        (world.provider.key.sign(&elsewhere), Refusal::Invalid),
        (world.provider.key.sign(&over), Refusal::Expired),
        (format!("{head}.{body}"), Refusal::Invalid),
        (format!("{whole}.{body}"), Refusal::Invalid),
        (long, Refusal::Invalid),
        ("a.b.c".to_owned(), Refusal::Invalid),
    ] {
        assert_eq!(check(&guard, &token).await, Err(refusal), "{token}");
    }
    assert_eq!(asked(&guard), [1, 0, 0]);

    let forged = IssuerKey::ec("k1").sign(&claims("ben"));
    for _ in 0..3 {
        assert_eq!(check(&guard, &forged).await, Err(Refusal::Invalid));
    }
    assert_eq!(asked(&guard), [1, 1, 0], "remembered");
    clock.1.fetch_add(10, Ordering::SeqCst);
    assert_eq!(check(&guard, &forged).await, Err(Refusal::Invalid));
    assert_eq!(asked(&guard), [1, 2, 0], "for a moment");

    let mut refused = Vec::new();
    for number in 0..1_010 {
        let token = format!("{head}.{body}.{number:08}");
        refused.push(check(&guard, &token).await.unwrap_err());
    }
    let undecided = refused.iter().filter(|it| **it == Refusal::CannotDecide);
    assert_eq!(undecided.count(), 11);
    assert!(asked(&guard)[1] <= 1_001);
    assert!(check(&guard, &known).await.is_ok(), "from memory");
    assert_eq!(check(&guard, &whole).await, Err(Refusal::CannotDecide));
    clock.1.fetch_add(1, Ordering::SeqCst);
    assert!(check(&guard, &whole).await.is_ok());
}

#[tokio::test]
async fn an_outage_takes_away_what_was_never_seen() {
    let world = World::new().await;
    let proxy = Proxy::before(world.server.address).await;
    let mut settings = world.settings(&proxy.url).await;
    let patient = Guard::start(settings.clone()).unwrap();
    settings.max_feed_lag = Duration::from_secs(1);
    let guard = Guard::start(settings).unwrap();
    in_sync(&patient).await;
    in_sync(&guard).await;
    let (seen, unseen) = (world.token("anna", "s1"), world.token("ben", "s1"));
    let claims = check(&patient, &seen).await.unwrap();
    while check(&guard, &seen).await.is_err() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    proxy.cut();
    assert!(check(&patient, &seen).await.is_ok(), "by what it knows");
    assert_eq!(
        check(&patient, &unseen).await,
        Err(Refusal::CannotDecide),
        "the server can't be asked"
    );
    let fallen = async {
        while check(&guard, &seen).await != Err(Refusal::CannotDecide) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let fallen = tokio::time::timeout(Duration::from_secs(20), fallen).await;
    fallen.expect("it never fell behind");
    let with = |behind| Route {
        behind: Some(behind),
        ..Route::default()
    };
    let (accept, ask) = (with(Behind::Accept), with(Behind::Introspect));
    assert!(guard.check(&seen, &accept, WHAT).await.is_ok());
    let unanswered = Err(Refusal::CannotDecide);
    assert_eq!(guard.check(&unseen, &accept, WHAT).await, unanswered);
    assert_eq!(guard.check(&seen, &ask, WHAT).await, unanswered);

    proxy.silence_feed();
    let answered = async {
        while guard.check(&seen, &ask, WHAT).await.is_err() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let answered = tokio::time::timeout(Duration::from_secs(20), answered).await;
    answered.expect("it could never be asked");
    world.revoke(&claims).await;
    let refused = Err(Refusal::Invalid);
    assert_eq!(guard.check(&seen, &ask, WHAT).await, refused);
    proxy.mend();
    let told = async {
        while check(&guard, &seen).await != Err(Refusal::Ended(Reason::RevokedByAdmin)) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let told = tokio::time::timeout(Duration::from_secs(20), told).await;
    told.expect("it never heard of the revocation");
    assert!(check(&guard, &unseen).await.is_ok());
}

#[test]
fn what_changes_while_the_server_answers_is_in_the_answer() {
    Steps::run(async |mut steps| {
        let world = World::new().await;
        let guard = world.guard().await;
        let group = world.server.group("staff", &["reports:read"]).await;
        let first = check(&guard, &world.token("anna", "s1")).await.unwrap();
        steps.hold_at(Step::RightsRead);
        let request = format!("{}/oauth/introspect", world.server.url);
        let request = world.server.http.post(request).bearer_auth(&world.key);
        let request = request.form(&[("token", world.token("anna", "s2"))]);
        let asked = tokio::spawn(async move { Answer::read(request.send().await.unwrap()).await });
        steps.until_held().await;
        world
            .put(
                &format!("/v1/groups/{group}/members/{}", first.sub),
                json!({}),
            )
            .await;
        steps.let_go();
        let answer = asked.await.unwrap().body;
        assert_eq!(answer["active"], true, "{answer}");
        assert_eq!(answer["permissions"], json!(["reports:read"]));
    });
}
