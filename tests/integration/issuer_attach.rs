//! Tokens of other issuers that are taken as they are: for sockets, REST and whoever asks about them.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Answer, IssuerKey, Provider, Server, Way};

async fn world() -> (Provider, Server) {
    let provider = Provider::start(IssuerKey::ec("k1")).await;
    let setting = provider.setting(", use = 'attach'");
    let server = Server::start_with(&[("ISSUERS", &setting)]).await;
    (provider, server)
}

async fn sessions(server: &Server) -> Vec<Value> {
    let listed = server.get("/v1/sessions?state=live", &server.key).await;
    listed.body["items"].as_array().unwrap().clone()
}

async fn introspect(server: &Server, token: &str) -> Value {
    let request = server.http.post(format!("{}/oauth/introspect", server.url));
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    let request = request.bearer_auth(&server.key);
    let response = request.body(format!("token={token}")).send().await;
    Answer::read(response.unwrap()).await.body
}

/// What everybody says who is asked about a token.
async fn verdicts(server: &Server, token: &str) -> [String; 3] {
    let code = |answer: Answer| match answer.status {
        200 => "good".to_owned(),
        _ => format!("{} {}", answer.status, answer.code()),
    };
    let active = introspect(server, token).await["active"] == true;
    [
        code(server.get("/v1/me", token).await),
        code(server.get("/v1/verify", token).await),
        if active { "good" } else { "inactive" }.to_owned(),
    ]
}

#[tokio::test]
async fn a_foreign_token_is_as_good_as_one_of_ours() {
    let (provider, server) = world().await;
    let claims = provider.claims(&server, "anna", "s1");
    let token = provider.key.sign(&claims);
    let mut socket = server.socket(&token).await;
    let welcome = socket.expect("welcome").await;
    assert_eq!(verdicts(&server, &token).await, ["good"; 3]);
    let live = sessions(&server).await;
    assert_eq!(live.len(), 1, "{live:?}");
    assert_eq!(live[0]["id"], welcome["session_id"]);
    assert_eq!(live[0]["device"]["name"], "shop");
    let answer = introspect(&server, &token).await;
    assert_eq!(answer["sid"], welcome["session_id"]);
    let leeway = 30;
    assert_eq!(
        answer["exp"].as_i64(),
        claims["exp"].as_i64().map(|it| it + leeway)
    );

    // Whatever token of the sign-in comes, it is the same session; another sign-in is another one.
    let mut renewed = provider.claims(&server, "anna", "s1");
    renewed["jti"] = json!("another");
    let me = server.get("/v1/me", &provider.key.sign(&renewed)).await;
    assert_eq!(me.body["username"], "shop:anna", "{}", me.body);
    assert_eq!(sessions(&server).await.len(), 1);
    let other = provider.token(&server, "anna", "s2");
    assert_eq!(server.get("/v1/me", &other).await.status, 200);
    assert_eq!(sessions(&server).await.len(), 2);

    let ticket = server.post("/v1/socket-tickets", &token, json!({})).await;
    let path = format!(
        "/v1/socket?ticket={}",
        ticket.body["ticket"].as_str().unwrap()
    );
    let mut second = server.socket_with(&path, &[]).await;
    assert_eq!(
        second.expect("welcome").await["session_id"],
        welcome["session_id"]
    );
}

#[tokio::test]
async fn a_revocation_here_denies_it_everywhere() {
    for what in ["administrator", "sign-out", "everywhere"] {
        let (provider, server) = world().await;
        let token = provider.token(&server, "anna", "s1");
        let unseen = provider.token(&server, "anna", "s2");
        let mut socket = server.socket(&token).await;
        let session = socket.expect("welcome").await["session_id"].clone();
        assert_eq!(verdicts(&server, &token).await, ["good"; 3]);
        let done = match what {
            "administrator" => {
                let path = format!("/v1/sessions/{}", session.as_str().unwrap());
                server.delete(&path, &server.key).await
            }
            "sign-out" => server.post("/v1/sign-out", &token, json!({})).await,
            _ => {
                server
                    .post("/v1/sign-out-everywhere", &token, json!({}))
                    .await
            }
        };
        assert_eq!(done.status, 200, "{what}: {}", done.body);
        let refused = ["401 session_ended", "401 session_ended", "inactive"];
        assert_eq!(verdicts(&server, &token).await, refused, "{what}");
        socket.expect("session.revoked").await;
        socket.expect_close(4501).await;

        // Nothing depends on what is remembered, nor on which token of the sign-in comes.
        server.advance(Duration::from_secs(90)).await;
        assert_eq!(verdicts(&server, &token).await, refused, "{what}");
        let mut renewed = provider.claims(&server, "anna", "s1");
        renewed["auth_time"] = json!(server.now() - 120);
        let renewed = provider.key.sign(&renewed);
        assert_eq!(verdicts(&server, &renewed).await, refused, "{what}");
        let mut again = server.socket(&renewed).await;
        again.expect_close(4501).await;
        let expected = if what == "everywhere" {
            refused
        } else {
            ["good"; 3]
        };
        assert_eq!(
            verdicts(&server, &unseen).await,
            expected,
            "{what}: never seen"
        );

        let later = provider.token(&server, "anna", "s1");
        assert_eq!(verdicts(&server, &later).await, ["good"; 3], "{what}");
        assert_eq!(
            verdicts(&server, &token).await,
            refused,
            "{what}: the old one stays so"
        );
    }
}

#[tokio::test]
async fn rights_are_those_of_the_moment() {
    let (provider, server) = world().await;
    let group = server.group("staff", &["reports:read"]).await;
    let token = provider.token(&server, "anna", "s1");
    let mut socket = server.socket(&token).await;
    let user = socket.expect("welcome").await["user_id"].clone();
    let path = format!("/v1/groups/{group}/members/{}", user.as_str().unwrap());
    let ask = async || {
        let answer = server
            .get("/v1/verify?permission=reports:read", &token)
            .await;
        (answer.status, answer.code().to_owned())
    };
    assert_eq!(ask().await, (403, "forbidden".to_owned()));
    assert_eq!(server.put(&path, &server.key, json!({})).await.status, 200);
    assert_eq!(ask().await.0, 200);
    let gained = socket.expect("permissions.changed").await;
    assert_eq!(gained["permissions"]["gained"], json!(["reports:read"]));
    assert_eq!(server.delete(&path, &server.key).await.status, 200);
    assert_eq!(ask().await, (403, "forbidden".to_owned()));
}

#[tokio::test]
async fn the_policies_hold() {
    let (provider, server) = world().await;
    let first = provider.token(&server, "anna", "s1");
    let second = provider.token(&server, "anna", "s2");
    server
        .policy(json!({ "max_sessions": 1, "at_limit": "ask" }))
        .await;
    assert_eq!(server.get("/v1/me", &first).await.status, 200);
    let refused = server.get("/v1/me", &second).await;
    assert_eq!(
        (refused.status, refused.code()),
        (409, "session_limit_reached")
    );
    assert!(refused.body["takeover_token"].is_null());
    assert_eq!(server.get("/v1/me", &first).await.status, 200);
    server
        .policy(json!({ "max_sessions": 1, "at_limit": "evict_oldest" }))
        .await;
    assert_eq!(server.get("/v1/me", &second).await.status, 200);
    let evicted = server.get("/v1/me", &first).await;
    assert_eq!(evicted.body["reason"], "superseded", "{}", evicted.body);
    assert_eq!(
        server.get("/v1/me", &second).await.status,
        200,
        "nobody comes back by himself"
    );
}

#[tokio::test]
async fn use_keeps_the_session_and_idleness_ends_it() {
    let provider = Provider::start(IssuerKey::ec("k1")).await;
    let setting = provider.setting(", use = 'attach'");
    // So seldom that nothing here is swept.
    let settings = [
        ("ISSUERS", setting.as_str()),
        ("SWEEP_INTERVAL_MS", "60000"),
    ];
    let server = Server::start_with(&settings).await;
    server.policy(json!({ "idle_timeout_s": 60 })).await;
    let token = provider.token(&server, "anna", "s1");
    assert_eq!(verdicts(&server, &token).await, ["good"; 3]);
    for _ in 0..6 {
        server.advance(Duration::from_secs(25)).await;
        assert_eq!(verdicts(&server, &token).await, ["good"; 3]);
    }
    assert_eq!(sessions(&server).await.len(), 1);
    server.advance(Duration::from_secs(65)).await;
    let refused = ["401 session_ended", "401 session_ended", "inactive"];
    assert_eq!(verdicts(&server, &token).await, refused);
    let me = server.get("/v1/me", &token).await;
    assert_eq!(me.body["reason"], "idle_timeout");
    let renewed = json!(server.now() - 70);
    let mut claims = provider.claims(&server, "anna", "s1");
    claims["auth_time"] = renewed;
    let renewed = provider.key.sign(&claims);
    assert_eq!(verdicts(&server, &renewed).await, refused);
}

#[tokio::test]
async fn it_is_good_for_as_long_as_its_issuer_said() {
    let (provider, server) = world().await;
    let token = provider.token(&server, "anna", "s1");
    let mut socket = server.socket(&token).await;
    socket.expect("welcome").await;
    server.advance(Duration::from_secs(500)).await;
    assert_eq!(verdicts(&server, &token).await, ["good"; 3]);
    server.advance(Duration::from_secs(131)).await;
    let expired = ["401 token_expired", "401 token_expired", "inactive"];
    assert_eq!(verdicts(&server, &token).await, expired);
    let mut late = server.socket(&token).await;
    assert_eq!(late.expect_close(4001).await, "token_expired");
}

#[tokio::test]
async fn bad_ones_are_refused_as_ours_are() {
    let (provider, server) = world().await;
    let claims = provider.claims(&server, "anna", "s1");
    let other = |name: &str, value: Value| {
        let mut claims = claims.clone();
        claims[name] = value;
        provider.key.sign(&claims)
    };
    let invalid = ["401 token_invalid", "401 token_invalid", "inactive"];
    for (what, token) in [
        ("forged", IssuerKey::ec("k1").sign(&claims)),
        ("of an invented key", IssuerKey::ec("k9").sign(&claims)),
        (
            "confused",
            IssuerKey::secret(provider.key.jwk().to_string().as_bytes()).sign(&claims),
        ),
        ("for another", other("aud", json!("other"))),
        ("a logout token", other("events", json!({}))),
    ] {
        assert_eq!(verdicts(&server, &token).await, invalid, "{what}");
        let mut socket = server.socket(&token).await;
        socket.expect_close(4500).await;
    }
    assert_eq!(sessions(&server).await.len(), 0);

    let away = Provider::start(IssuerKey::ec("k1")).await;
    away.gives(Way::Status(500));
    let setting = away.setting(", use = 'attach'");
    let server = Server::start_with(&[("ISSUERS", &setting)]).await;
    let token = away.token(&server, "anna", "s1");
    assert_eq!(server.get("/v1/me", &token).await.code(), "cannot_decide");
    let mut socket = server.socket(&token).await;
    assert_eq!(socket.expect_close(4005).await, "cannot_decide");
}
