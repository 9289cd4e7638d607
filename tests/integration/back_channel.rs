//! Identity providers say that somebody signed out there.

use std::time::Duration;

use jsonwebtoken::Header;
use serde_json::{Value, json};
use sessionwire::app::system::SystemEntropy;
use sessionwire::domain::clock::{Clock as _, Entropy as _};

use crate::support::{Answer, IssuerKey, Provider, Server, SignedIn};

const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";
const PATH: &str = "/v1/back-channel-logout/shop";

async fn world() -> (Provider, Server) {
    let provider = Provider::start(IssuerKey::ec("k1")).await;
    let setting = provider.setting(", logout_audiences = ['client']");
    let server = Server::start_with(&[("ISSUERS", &setting)]).await;
    (provider, server)
}

/// What a logout token says of these.
fn about(provider: &Provider, server: &Server, whom: &Value) -> Value {
    let now = server.now();
    let mut claims = json!({
        "iss": provider.url, "aud": "client", "iat": now, "exp": now + 120,
        "jti": SystemEntropy.uuid(server.clock.now()), "events": { EVENT: {} },
    });
    let members = whom.as_object().unwrap().clone();
    claims.as_object_mut().unwrap().extend(members);
    claims
}

fn signed(provider: &Provider, claims: &Value) -> String {
    let mut header = provider.key.header.clone();
    header.typ = Some("logout+jwt".to_owned());
    provider.key.sign_with(&header, claims)
}

async fn tell_at(server: &Server, path: &str, token: &str) -> Answer {
    let request = server.http.post(format!("{}{path}", server.url));
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    let response = request.body(format!("other=1&logout_token={token}"));
    Answer::read(response.send().await.unwrap()).await
}

async fn tell(server: &Server, provider: &Provider, whom: &Value) -> Answer {
    let token = signed(provider, &about(provider, server, whom));
    tell_at(server, PATH, &token).await
}

async fn enter(server: &Server, provider: &Provider, subject: &str, session: &str) -> SignedIn {
    let token = provider.token(server, subject, session);
    let device = format!("{subject} {session}");
    SignedIn::read(&server.exchange(&token, &device).await.body)
}

async fn verdict(server: &Server, who: &SignedIn) -> String {
    let answer = server.get("/v1/me", &who.access_token).await;
    match answer.status {
        200 => "good".to_owned(),
        _ => answer.body["reason"]
            .as_str()
            .unwrap_or_default()
            .to_owned(),
    }
}

#[tokio::test]
async fn one_session_ends_and_its_sockets_hear_why() {
    let (provider, server) = world().await;
    let token = provider.token(&server, "anna", "s1");
    let first = enter(&server, &provider, "anna", "s1").await;
    let second = enter(&server, &provider, "anna", "s2").await;
    let other = enter(&server, &provider, "bert", "s1").await;
    let mut socket = server.socket(&first.access_token).await;
    socket.expect("welcome").await;
    let told = tell(&server, &provider, &json!({ "sub": "anna", "sid": "s1" })).await;
    assert_eq!((told.status, &told.body), (200, &json!("")));
    assert_eq!(told.headers["cache-control"], "no-store");
    let revoked = socket.expect("session.revoked").await;
    assert_eq!(revoked["reason"], "identity_provider_logout");
    socket.expect_close(4501).await;
    assert_eq!(verdict(&server, &first).await, "identity_provider_logout");
    assert_eq!(verdict(&server, &second).await, "good");
    assert_eq!(verdict(&server, &other).await, "good");

    let refused = server.exchange(&token, "phone").await;
    assert_eq!(
        refused.body["reason"], "identity_provider_logout",
        "{}",
        refused.body
    );
}

#[tokio::test]
async fn a_session_may_be_named_alone_and_a_person_too() {
    let (provider, server) = world().await;
    let first = enter(&server, &provider, "anna", "s1").await;
    let second = enter(&server, &provider, "anna", "s2").await;
    let told = tell(&server, &provider, &json!({ "sid": "s2" })).await;
    assert_eq!(told.status, 200, "{}", told.body);
    assert_eq!(verdict(&server, &second).await, "identity_provider_logout");
    assert_eq!(verdict(&server, &first).await, "good");

    let third = enter(&server, &provider, "anna", "s3").await;
    let other = enter(&server, &provider, "bert", "s4").await;
    let password = json!({ "password": "correct horse battery" });
    let path = format!("/v1/users/{}", other.user_id);
    assert_eq!(server.patch(&path, &server.key, password).await.status, 200);
    let other = server.sign_in("shop:bert", "laptop").await;
    for subject in ["anna", "bert"] {
        let told = tell(&server, &provider, &json!({ "sub": subject })).await;
        assert_eq!(told.status, 200, "{}", told.body);
    }
    for gone in [&first, &third] {
        assert_eq!(verdict(&server, gone).await, "identity_provider_logout");
    }
    assert_eq!(
        verdict(&server, &other).await,
        "good",
        "the provider did not sign this one in"
    );
}

#[tokio::test]
async fn a_session_that_its_issuer_did_not_name_may_be_the_one_that_is_meant() {
    let (provider, server) = world().await;
    let mut claims = provider.claims(&server, "anna", "");
    claims.as_object_mut().unwrap().remove("sid");
    let answer = server.exchange(&provider.key.sign(&claims), "phone").await;
    let who = SignedIn::read(&answer.body);
    let told = tell(&server, &provider, &json!({ "sub": "anna", "sid": "s9" })).await;
    assert_eq!(told.status, 200, "{}", told.body);
    assert_eq!(verdict(&server, &who).await, "identity_provider_logout");
}

#[tokio::test]
async fn who_was_never_here_stays_out_too() {
    let (provider, server) = world().await;
    for (whom, session) in [
        (json!({ "sub": "anna", "sid": "s1" }), "s1"),
        (json!({ "sid": "s2" }), "s2"),
        (json!({ "sub": "anna" }), "s3"),
    ] {
        let token = provider.token(&server, "anna", session);
        assert_eq!(tell(&server, &provider, &whom).await.status, 200);
        let refused = server.exchange(&token, "phone").await;
        assert_eq!(
            refused.code(),
            "session_ended",
            "{session}: {}",
            refused.body
        );
    }
    server.advance(Duration::from_secs(2)).await;
    let token = provider.token(&server, "anna", "s1");
    assert_eq!(server.exchange(&token, "phone").await.status, 200);
}

#[tokio::test]
async fn a_logout_token_is_taken_once() {
    let (provider, server) = world().await;
    let claims = about(&provider, &server, &json!({ "sub": "anna" }));
    assert_eq!(
        tell_at(&server, PATH, &signed(&provider, &claims))
            .await
            .status,
        200
    );
    server.advance(Duration::from_secs(2)).await;
    let who = enter(&server, &provider, "anna", "s1").await;
    for _ in 0..2 {
        // Signed anew it is still the same word.
        let again = tell_at(&server, PATH, &signed(&provider, &claims)).await;
        assert_eq!((again.status, again.code()), (400, "validation_failed"));
    }
    assert_eq!(verdict(&server, &who).await, "good");
}

#[tokio::test]
async fn bad_words_end_nothing() {
    let (provider, server) = world().await;
    let who = enter(&server, &provider, "anna", "s1").await;
    let claims = about(&provider, &server, &json!({ "sub": "anna", "sid": "s1" }));
    let with = |name: &str, value: Value| {
        let mut claims = claims.clone();
        claims[name] = value;
        signed(&provider, &claims)
    };
    let evil = IssuerKey::ec("k1");
    let mut typed = Header::new(jsonwebtoken::Algorithm::ES256);
    typed.kid = Some("k1".to_owned());
    typed.typ = Some("at+jwt".to_owned());
    let bad = [
        ("forged", evil.sign(&claims)),
        ("of another type", provider.key.sign_with(&typed, &claims)),
        ("an access token", provider.token(&server, "anna", "s1")),
        ("for another", with("aud", json!("api"))),
        ("with a nonce", with("nonce", json!("n"))),
        ("without an event", with("events", json!({}))),
        ("expired", with("exp", json!(server.now() - 31))),
        ("without an id", with("jti", Value::Null)),
        ("without an end", with("exp", Value::Null)),
        (
            "of another issuer",
            with("iss", json!("https://elsewhere.example")),
        ),
        ("rubbish", "a.b.c".to_owned()),
        ("nothing", String::new()),
    ];
    for (what, token) in bad {
        let refused = tell_at(&server, PATH, &token).await;
        let told = (refused.status, refused.code());
        assert_eq!(told, (400, "validation_failed"), "{what}: {}", refused.body);
        assert_eq!(refused.headers["cache-control"], "no-store");
    }
    let good = signed(&provider, &claims);
    let nowhere = tell_at(&server, "/v1/back-channel-logout/nowhere", &good).await;
    assert_eq!(nowhere.code(), "not_found");
    let body = json!({ "logout_token": good });
    assert_eq!(
        server.post(PATH, "", body).await.code(),
        "unsupported_media_type"
    );
    assert_eq!(
        server.exchange(&good, "phone").await.code(),
        "token_invalid"
    );
    assert_eq!(verdict(&server, &who).await, "good");
    assert_eq!(
        tell_at(&server, PATH, &good).await.status,
        200,
        "the token itself was fine"
    );
}
