//! Proofs that are none, or come twice (DPoP, RFC 9449).

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use reqwest::Method;
use serde_json::{Value, json};

use crate::dpop::{ME, REFUSED, server, told};
use crate::support::{Holder, IssuerKey, PASSWORD, device_named};

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "it is a table")]
async fn bad_proofs_are_refused() {
    let server = server().await;
    let anna = Holder::new(&server);
    let who = anna.sign_in("anna", "laptop").await;
    let token = &who.access_token;
    let (head, body) = (anna.head(), anna.body("GET", ME, Some(token)));
    let with = |value: &Value, name: &str, new: Value| {
        let mut value = value.clone();
        value[name] = new;
        value
    };
    let mut of_body = Vec::new();
    for (name, member, new) in [
        ("another method", "htm", json!("POST")),
        ("the method in small letters", "htm", json!("get")),
        (
            "another path",
            "htu",
            json!(format!("{}/v1/sessions", server.url)),
        ),
        ("another host", "htu", json!("http://evil.example/v1/me")),
        ("no address", "htu", json!("/v1/me")),
        ("old", "iat", json!(body["iat"].as_i64().unwrap() - 61)),
        ("ahead", "iat", json!(body["iat"].as_i64().unwrap() + 62)),
        ("far ahead", "iat", json!(i64::MAX)),
        ("long ago", "iat", json!(i64::MIN)),
        ("time as text", "iat", json!("now")),
        ("of another token", "ath", json!(BASE64.encode([0; 32]))),
        ("without a token", "ath", Value::Null),
        ("without an id", "jti", Value::Null),
        ("an empty id", "jti", json!("")),
        ("a long id", "jti", json!("j".repeat(257))),
    ] {
        of_body.push((name, anna.sign(&head, &with(&body, member, new))));
    }
    let private = {
        let mut jwk = anna.key.jwk();
        jwk["d"] = json!(BASE64.encode([1; 32]));
        jwk
    };
    let symmetric = json!({ "kty": "oct", "k": BASE64.encode([1; 32]) });
    let other = IssuerKey::ec("other").jwk();
    let mut of_head = Vec::new();
    for (name, member, new) in [
        ("a token's type", "typ", json!("at+jwt")),
        ("unsigned", "alg", json!("none")),
        ("symmetric", "alg", json!("HS256")),
        ("another algorithm", "alg", json!("EdDSA")),
        ("no key", "jwk", Value::Null),
        ("a private key", "jwk", private),
        ("a shared secret", "jwk", symmetric),
        ("a key that did not sign it", "jwk", other),
        ("an extension", "crit", json!(["b64"])),
        ("a key elsewhere", "jku", json!("https://evil.example/keys")),
    ] {
        of_head.push((name, anna.sign(&with(&head, member, new), &body)));
    }
    let secret = Holder::with(&server, IssuerKey::secret(&[1; 32]));
    let by_secret = secret.sign(
        &json!({ "typ": "dpop+jwt", "alg": "HS256", "jwk": { "kty": "oct", "k": BASE64.encode([1; 32]) } }),
        &body,
    );
    let good = anna.sign(&head, &body);
    let unsigned = good.rsplit_once('.').unwrap().0.to_owned() + ".";
    let thief = Holder::new(&server);
    let more = [
        ("by a secret", by_secret),
        ("without its signature", unsigned),
        ("huge", format!("{good}{}", "A".repeat(8 * 1024))),
        ("rubbish", "rubbish".to_owned()),
        ("empty", String::new()),
        ("by another key", thief.sign(&thief.head(), &body)),
        ("the access token itself", token.clone()),
    ];
    for (name, proof) in of_body.into_iter().chain(of_head).chain(more) {
        let answer = anna.me(token, &proof).await;
        assert_eq!(told(&answer), REFUSED, "{name}: {}", answer.body);
    }
    let scheme = format!("DPoP {token}");
    let twice = [
        ("authorization", scheme.as_str()),
        ("dpop", &good),
        ("dpop", &anna.proof("GET", ME, Some(token))),
    ];
    assert_eq!(
        told(&anna.ask(Method::GET, ME, &twice, None).await),
        REFUSED
    );
    let none = [("authorization", scheme.as_str())];
    assert_eq!(told(&anna.ask(Method::GET, ME, &none, None).await), REFUSED);
    let bearer = format!("Bearer {token}");
    let as_bearer = [("authorization", bearer.as_str()), ("dpop", &good)];
    assert_eq!(
        told(&anna.ask(Method::GET, ME, &as_bearer, None).await),
        REFUSED
    );
    // None of these used the good one up.
    assert_eq!(anna.me(token, &good).await.status, 200);
    // And a sign-in with a bad one is none.
    let bad = [("dpop", "rubbish")];
    let body = json!({ "username": "anna", "password": PASSWORD,
        "device": device_named("laptop") });
    let answer = anna
        .ask(Method::POST, "/v1/sign-in", &bad, Some(body))
        .await;
    assert_eq!(told(&answer), REFUSED);
}

#[tokio::test]
async fn a_proof_is_remembered_for_as_long_as_it_is_good() {
    let server = server().await;
    let anna = Holder::new(&server);
    let who = anna.sign_in("anna", "laptop").await;
    let token = &who.access_token;
    let mut body = anna.body("GET", ME, Some(token));
    body["iat"] = json!(body["iat"].as_i64().unwrap() + 58);
    let proof = anna.sign(&anna.head(), &body);
    assert_eq!(anna.me(token, &proof).await.status, 200);
    server.advance(Duration::from_secs(110)).await;
    assert_eq!(told(&anna.me(token, &proof).await), REFUSED);
    server.advance(Duration::from_secs(20)).await;
    assert_eq!(told(&anna.me(token, &proof).await), REFUSED);
}
