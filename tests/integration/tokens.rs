//! Bad tokens, keys and their rotation.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use serde_json::{Value, json};

use crate::crash::call;
use crate::support::{Program, Server, SignedIn, command, program_key};

fn parts(token: &str) -> (Value, Value, String) {
    let mut parts = token.split('.');
    let mut json = || {
        let bytes = BASE64.decode(parts.next().unwrap()).unwrap();
        serde_json::from_slice::<Value>(&bytes).unwrap()
    };
    let (header, claims) = (json(), json());
    (header, claims, parts.next().unwrap().to_owned())
}

fn kid(token: &str) -> String {
    parts(token).0["kid"].as_str().unwrap().to_owned()
}

fn join(header: &Value, claims: &Value, signature: &str) -> String {
    let encode = |value: &Value| BASE64.encode(value.to_string());
    format!("{}.{}.{signature}", encode(header), encode(claims))
}

fn with(value: &Value, name: &str, new: Value) -> Value {
    let mut value = value.clone();
    value[name] = new;
    value
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "it is a table")]
async fn bad_tokens_are_refused_everywhere_alike() {
    let server = Server::start().await;
    server.user("anna", &[]).await;
    let who = server.sign_in("anna", "laptop").await;
    let (header, claims, signature) = parts(&who.access_token);
    assert_eq!(
        (&header["typ"], &header["alg"]),
        (&json!("at+jwt"), &json!("ES256"))
    );
    let foreign = Server::start().await;
    foreign.user("anna", &[]).await;
    let foreign = foreign.sign_in("anna", "laptop").await.access_token;
    let bad = [
        ("empty", String::new()),
        ("rubbish", "rubbish".into()),
        ("two parts", "a.b".into()),
        ("huge", "a".repeat(20_000)),
        (
            "unsigned",
            join(&with(&header, "alg", "none".into()), &claims, ""),
        ),
        (
            "hmac with the public key",
            join(&with(&header, "alg", "HS256".into()), &claims, &signature),
        ),
        (
            "another algorithm",
            join(&with(&header, "alg", "EdDSA".into()), &claims, &signature),
        ),
        (
            "more rights",
            join(
                &header,
                &with(&claims, "permissions", json!(["sessionwire:admin"])),
                &signature,
            ),
        ),
        (
            "another user",
            join(
                &header,
                &with(&claims, "sub", claims["sid"].clone()),
                &signature,
            ),
        ),
        (
            "a longer life",
            join(
                &header,
                &with(&claims, "exp", 4_000_000_000_u64.into()),
                &signature,
            ),
        ),
        (
            "another type",
            join(&with(&header, "typ", "JWT".into()), &claims, &signature),
        ),
        (
            "an unknown key",
            join(&with(&header, "kid", "no".into()), &claims, &signature),
        ),
        (
            "no key",
            join(&with(&header, "kid", Value::Null), &claims, &signature),
        ),
        (
            "a key by address",
            join(
                &with(&header, "jku", "http://evil.example".into()),
                &claims,
                &signature,
            ),
        ),
        (
            "an extension",
            join(&with(&header, "crit", json!(["exp"])), &claims, &signature),
        ),
        ("a foreign one", foreign),
    ];
    for (what, token) in bad {
        let refused = server.get("/v1/me", &token).await;
        let expected = if token.is_empty() {
            "token_missing"
        } else {
            "token_invalid"
        };
        assert_eq!((refused.status, refused.code()), (401, expected), "{what}");
        let challenge = refused
            .headers
            .get("www-authenticate")
            .unwrap()
            .to_str()
            .unwrap();
        assert!(challenge.starts_with("Bearer"), "{what}: {challenge}");
        if token.len() < 10_000 {
            let mut socket = server.socket(&token).await;
            assert_eq!(socket.expect_close(4500).await, "token_invalid", "{what}");
        }
    }
    assert_eq!(server.get("/v1/me", &who.access_token).await.status, 200);
}

#[tokio::test]
async fn an_expired_token_is_refused_and_can_be_refreshed() {
    let server = Server::start().await;
    server.user("anna", &[]).await;
    let who = server.sign_in("anna", "laptop").await;
    server.advance(Duration::from_secs(301)).await;
    assert_eq!(
        server.get("/v1/me", &who.access_token).await.code(),
        "token_expired"
    );
    let mut socket = server.socket(&who.access_token).await;
    assert_eq!(socket.expect_close(4001).await, "token_expired");
    assert_eq!(server.refresh(&who.refresh_token).await.status, 200);
}

#[tokio::test]
async fn keys_rotate_without_a_gap() {
    let server = Server::start().await;
    server.user("anna", &[]).await;
    let old = server.sign_in("anna", "laptop").await;
    let rotated = server
        .post("/v1/signing-keys", &server.key, json!({}))
        .await;
    assert!([200, 201].contains(&rotated.status), "{}", rotated.body);
    let keys = server.get("/.well-known/jwks.json", "").await;
    assert_eq!(keys.body["keys"].as_array().unwrap().len(), 2);
    for key in keys.body["keys"].as_array().unwrap() {
        assert!(
            key["d"].is_null() && key["kid"].is_string() && key["alg"] == "ES256",
            "{key}"
        );
    }
    let at_once = SignedIn::read(&server.refresh(&old.refresh_token).await.body);
    server.advance(Duration::from_secs(6)).await;
    let new = SignedIn::read(&server.refresh(&at_once.refresh_token).await.body);
    assert_eq!(
        kid(&at_once.access_token),
        kid(&old.access_token),
        "listed before it signs"
    );
    assert_ne!(kid(&new.access_token), kid(&old.access_token));
    for token in [&old.access_token, &at_once.access_token, &new.access_token] {
        assert_eq!(server.get("/v1/me", token).await.status, 200);
    }
}

#[tokio::test]
async fn a_signing_key_is_replaced_when_its_time_is_over() {
    const DAY: Duration = Duration::from_hours(24);
    let server = Server::start_with(&[("SIGNING_KEY_AGE_MAX_DAYS", "30")]).await;
    server.user("anna", &[]).await;
    let first = kid(&server.sign_in("anna", "laptop").await.access_token);
    // The rotation is asked for day by day, so that one before its time shows in the log.
    for _ in 0..29 {
        server.advance(DAY).await;
        server.core.tend_signing_keys().await.unwrap();
    }
    let late = server.sign_in("anna", "phone").await;
    assert_eq!(kid(&late.access_token), first);
    server.advance(DAY).await;
    let rotated = async {
        loop {
            let path = "/v1/events?type=signing_key.rotated";
            let events = server.get(path, &server.key).await.body;
            let events = events["items"].as_array().unwrap().clone();
            if events.len() > 1 {
                return events;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let events = tokio::time::timeout(Duration::from_mins(1), rotated).await;
    let events = events.expect("nobody rotated");
    assert_eq!(events.len(), 2, "{events:?}");
    assert_eq!(events[0]["data"]["kid"], first);
    assert_eq!(events[1]["actor"]["type"], "system");
    let soon = server.sign_in("anna", "tablet").await;
    server.advance(Duration::from_secs(6)).await;
    let new = server.sign_in("anna", "watch").await;
    assert_eq!(kid(&soon.access_token), first, "listed before it signs");
    assert_eq!(kid(&new.access_token), events[1]["data"]["kid"]);
    for who in [&soon, &new] {
        assert_eq!(server.get("/v1/me", &who.access_token).await.status, 200);
    }
    server.core.tend_signing_keys().await.unwrap();
    let keys = server.get("/v1/signing-keys", &server.key).await.body;
    assert_eq!(keys["items"].as_array().unwrap().len(), 2, "{keys}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_server_takes_up_a_key_that_the_command_made() {
    let directory = tempfile::tempdir().unwrap();
    let key = program_key(directory.path());
    let program = Program::serve(directory.path(), 0);
    let http = reqwest::Client::new();
    let post = async |path: &str, key: &str, body: Value| {
        let url = format!("{}{path}", program.url);
        call(&http, "POST", url, key, body).await.unwrap()
    };
    let anna = json!({ "username": "anna", "password": "correct horse battery" });
    post("/v1/users", &key, anna.clone()).await;
    let mut anna = anna;
    anna["device"] = json!({ "id": uuid::Uuid::from_u128(7), "name": "laptop", "platform": "web" });
    let mut who = SignedIn::read(&post("/v1/sign-in", "", anna).await);
    let old = who.access_token.clone();
    let made = command(directory.path())
        .args(["key", "rotate"])
        .output()
        .unwrap();
    let (made, complaint) = (made.stdout, String::from_utf8_lossy(&made.stderr));
    let made = String::from_utf8(made).unwrap().trim().to_owned();
    assert!(!made.is_empty() && kid(&old) != made, "{complaint}");
    let taken_up = async {
        while kid(&who.access_token) != made {
            tokio::time::sleep(Duration::from_millis(200)).await;
            let refresh = json!({ "refresh_token": who.refresh_token });
            who = SignedIn::read(&post("/v1/token/refresh", "", refresh).await);
        }
    };
    let taken_up = tokio::time::timeout(Duration::from_mins(1), taken_up).await;
    taken_up.expect("the server signs with the old key still");
    for token in [&old, &who.access_token] {
        let url = format!("{}/v1/me", program.url);
        let me = call(&http, "GET", url, token, json!({})).await.unwrap();
        assert_eq!(me["username"], "anna", "{me}");
    }
}

#[tokio::test]
async fn every_algorithm_signs_and_verifies() {
    for algorithm in ["ES256", "EdDSA", "RS256"] {
        let server = Server::start_with(&[("TOKEN_ALGORITHM", algorithm)]).await;
        server.user("anna", &[]).await;
        let who = server.sign_in("anna", "laptop").await;
        assert_eq!(parts(&who.access_token).0["alg"], algorithm);
        assert_eq!(
            server.get("/v1/me", &who.access_token).await.status,
            200,
            "{algorithm}"
        );
    }
}

#[tokio::test]
async fn api_keys_do_what_their_scopes_say() {
    let server = Server::start().await;
    let anna = server.user("anna", &[]).await;
    let root = server.sign_in("root", "laptop").await;
    let who = server.sign_in("anna", "laptop").await;
    let made = server
        .post(
            "/v1/api-keys",
            &server.key,
            json!({ "name": "shop", "scopes": ["sessions"] }),
        )
        .await;
    assert_eq!(made.status, 201, "{}", made.body);
    let key = made.body["key"].as_str().unwrap().to_owned();
    assert_eq!(server.get("/v1/users", &key).await.status, 200);
    assert_eq!(server.get("/v1/groups", &key).await.code(), "forbidden");
    assert_eq!(
        server
            .delete(&format!("/v1/users/{anna}"), &key)
            .await
            .code(),
        "forbidden"
    );
    let of_root = format!("/v1/sessions/{}", root.session_id);
    assert_eq!(
        server.delete(&of_root, &key).await.code(),
        "forbidden",
        "never an administrator's"
    );
    let of_anna = format!("/v1/sessions/{}", who.session_id);
    assert_eq!(server.delete(&of_anna, &key).await.status, 200);
    let listed = server
        .get("/v1/api-keys", &server.key)
        .await
        .body
        .to_string();
    assert!(!listed.contains(&key));
    let path = format!("/v1/api-keys/{}", made.body["id"].as_str().unwrap());
    assert_eq!(server.delete(&path, &server.key).await.status, 200);
    assert_eq!(server.get("/v1/users", &key).await.code(), "token_invalid");
}
