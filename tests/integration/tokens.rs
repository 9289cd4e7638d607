//! Bad tokens, keys and their rotation.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use serde_json::{Value, json};

use crate::support::{Server, SignedIn};

fn parts(token: &str) -> (Value, Value, String) {
    let mut parts = token.split('.');
    let mut json = || {
        let bytes = BASE64.decode(parts.next().unwrap()).unwrap();
        serde_json::from_slice::<Value>(&bytes).unwrap()
    };
    let (header, claims) = (json(), json());
    (header, claims, parts.next().unwrap().to_owned())
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
    let kid = |token: &str| parts(token).0["kid"].clone();
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
