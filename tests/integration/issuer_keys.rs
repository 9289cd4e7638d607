//! Bad tokens against every kind of issuer, and issuers that give out their keys badly.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use jsonwebtoken::Header;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::support::{IssuerKey, Provider, Server, Way};

const SECRET: &[u8] = b"a secret that the issuer and we share";

/// Between two fetches that tokens ask for.
const APART: Duration = Duration::from_secs(6);

/// A token that nobody signed.
fn unsigned(header: &Value, claims: &Value, signature: &str) -> String {
    let encode = |value: &Value| BASE64.encode(value.to_string());
    format!("{}.{}.{signature}", encode(header), encode(claims))
}

/// What somebody makes who knows everything that is published.
pub(crate) fn forgeries(
    provider: &Provider,
    evil: &Provider,
    claims: &Value,
) -> Vec<(String, String)> {
    let good = &provider.key.header;
    let jwk = evil.key.jwk();
    let mut found = Vec::new();
    let mut add = |what: &str, token: String| found.push((what.to_owned(), token));
    for alg in [
        "none", "None", "HS256", "HS384", "PS256", "RS256", "ES256", "EdDSA", "ES384",
    ] {
        let header = json!({ "typ": "JWT", "alg": alg, "kid": good.kid });
        add(
            &format!("{alg} without a signature"),
            unsigned(&header, claims, ""),
        );
        add(
            &format!("{alg} with an invented one"),
            unsigned(&header, claims, "AAAA"),
        );
    }
    // The public key as the secret of an HMAC.
    if good.kid.is_some() {
        let public = provider.key.jwk();
        let member = |name: &str| {
            BASE64
                .decode(public[name].as_str().unwrap_or_default())
                .unwrap()
        };
        for secret in [public.to_string().into_bytes(), member("n"), member("x")] {
            let mut key = IssuerKey::secret(&secret);
            key.header.kid.clone_from(&good.kid);
            add("confused", key.sign(claims));
        }
    }
    let mut with = |what: &str, change: fn(&mut Header, String)| {
        let mut header = evil.key.header.clone();
        header.kid.clone_from(&good.kid);
        change(&mut header, format!("{}/keys", evil.url));
        add(what, evil.key.sign_with(&header, claims));
    };
    with("another key", |_, _| {});
    with("no kid", |header, _| header.kid = None);
    with("a path", |header, _| {
        header.kid = Some("../../../../dev/null".to_owned());
    });
    with("SQL", |header, _| {
        header.kid = Some("k' UNION SELECT 'x' --".to_owned());
    });
    with("jku", |header, url| header.jku = Some(url));
    with("x5u", |header, url| header.x5u = Some(url));
    with("x5c", |header, url| header.x5c = Some(vec![url]));
    let mut brought = evil.key.header.clone();
    brought.jwk = Some(serde_json::from_value(jwk).unwrap());
    add("jwk", evil.key.sign_with(&brought, claims));
    found
}

/// What the issuer itself signed, and is not for us.
pub(crate) fn misfits(key: &IssuerKey, claims: &Value) -> Vec<(String, String)> {
    let with = |name: &str, value: Value| {
        let mut claims = claims.clone();
        claims[name] = value;
        (format!("{name} changed"), key.sign(&claims))
    };
    let mut found = vec![
        with("iss", json!("https://elsewhere.example")),
        with("iss", json!(7)),
        with("aud", json!("other")),
        with("sub", Value::Null),
        with("exp", Value::Null),
        with("nbf", json!(claims["iat"].as_i64().unwrap() + 60)),
        with(
            "events",
            json!({ "http://schemas.openid.net/event/backchannel-logout": {} }),
        ),
        with("padding", json!("x".repeat(20_000))),
    ];
    let mut header = key.header.clone();
    header.typ = Some("logout+jwt".to_owned());
    found.push(("another type".to_owned(), key.sign_with(&header, claims)));
    header.typ = Some("JWT".to_owned());
    header.crit = Some(vec!["exp".to_owned()]);
    found.push(("an extension".to_owned(), key.sign_with(&header, claims)));
    let good = key.sign(claims);
    let (rest, signature) = good.rsplit_once('.').unwrap();
    found.push(("no signature".to_owned(), format!("{rest}.")));
    found.push((
        "half a signature".to_owned(),
        format!("{rest}.{}", &signature[..20]),
    ));
    found.push(("rubbish".to_owned(), "a.b.c".to_owned()));
    found.push(("nothing".to_owned(), String::new()));
    found
}

#[tokio::test]
async fn bad_tokens_are_refused_whatever_the_issuer() {
    let folder = tempfile::tempdir().unwrap();
    let evil = Provider::start(IssuerKey::rsa("k1")).await;
    for kind in ["discovery", "url", "file", "secret"] {
        let key = match kind {
            "url" => IssuerKey::ec("k1"),
            "secret" => IssuerKey::secret(SECRET),
            _ => IssuerKey::rsa("k1"),
        };
        let provider = match kind {
            "secret" => Provider::unpublished(key).await,
            _ => Provider::start(key).await,
        };
        let path = folder.path().join(kind);
        let more = match kind {
            "url" => format!(", jwks_url = '{}/keys'", provider.url),
            "file" => {
                let set = json!({ "keys": [provider.key.jwk()] });
                std::fs::write(&path, set.to_string()).unwrap();
                format!(", jwks_file = '{}'", path.display())
            }
            "secret" => {
                std::fs::write(&path, SECRET).unwrap();
                format!(", secret_file = '{}'", path.display())
            }
            _ => String::new(),
        };
        let server = Server::start_with(&[("ISSUERS", &provider.setting(&more))]).await;
        let claims = provider.claims(&server, "1", "s1");
        let bad = forgeries(&provider, &evil, &claims);
        for (what, token) in bad.into_iter().chain(misfits(&provider.key, &claims)) {
            let refused = server.exchange(&token, "phone").await;
            let told = (refused.status, refused.code());
            assert_eq!(
                told,
                (401, "token_invalid"),
                "{kind}: {what}: {}",
                refused.body
            );
        }
        let mut old = claims.clone();
        old["exp"] = json!(server.now() - 31);
        let refused = server.exchange(&provider.key.sign(&old), "phone").await;
        assert_eq!(refused.code(), "token_expired", "{kind}");
        for within in [("exp", -25), ("iat", 25), ("auth_time", 25)] {
            let mut claims = claims.clone();
            claims[within.0] = json!(server.now() + within.1);
            let answer = server.exchange(&provider.key.sign(&claims), "phone").await;
            assert_eq!(answer.status, 200, "{kind}: {within:?}: {}", answer.body);
        }
        assert_eq!(
            evil.asked(),
            0,
            "{kind}: nobody is asked whom a token names"
        );
    }
}

#[tokio::test]
async fn a_foreign_token_is_no_access_token_here() {
    let provider = Provider::start(IssuerKey::ec("k1")).await;
    let server = Server::start_with(&[("ISSUERS", &provider.setting(""))]).await;
    let token = provider.token(&server, "1", "s1");
    assert_eq!(server.get("/v1/me", &token).await.code(), "token_invalid");
    server.user("anna", &[]).await;
    let own = server.sign_in("anna", "laptop").await.access_token;
    assert_eq!(server.exchange(&own, "phone").await.code(), "token_invalid");
}

#[tokio::test]
async fn keys_that_are_given_out_badly_are_not_taken() {
    let key = IssuerKey::ec("k1");
    let other = Provider::start(key.clone()).await;
    let many = json!({ "keys": vec![key.jwk(); 1000] }).to_string();
    let ways = [
        Way::Status(500),
        Way::Status(204),
        Way::Redirect(format!("{}/keys", other.url)),
        Way::Text("<html>".to_owned()),
        Way::Text("[]".to_owned()),
        Way::Text(format!("{{\"keys\":[],\"x\":\"{}\"}}", "x".repeat(300_000))),
        Way::Text(many),
        Way::Stall,
    ];
    for way in ways {
        let provider = Provider::start(key.clone()).await;
        provider.gives(way.clone());
        let setting = provider.setting(", timeout_s = 1");
        let server = Server::start_with(&[("ISSUERS", &setting)]).await;
        let token = provider.token(&server, "1", "s1");
        let refused = server.exchange(&token, "phone").await;
        let told = format!("{way:?}").chars().take(60).collect::<String>();
        assert_eq!(
            (refused.status, refused.code()),
            (503, "cannot_decide"),
            "{told}"
        );
        provider.gives(Way::Plain);
        server.advance(APART).await;
        let answer = server.exchange(&token, "phone").await;
        assert_eq!(answer.status, 200, "{told}: {}", answer.body);
    }
    assert_eq!(other.asked(), 0, "no redirect is followed");
}

#[tokio::test]
async fn a_discovery_document_is_of_its_issuer_and_leads_to_the_web() {
    let provider = Provider::start(IssuerKey::ec("k1")).await;
    let keys = format!("{}/keys", provider.url);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys.json");
    let set = json!({ "keys": [provider.key.jwk()] });
    std::fs::write(&file, set.to_string()).unwrap();
    let by_path = format!("file://{}", file.display());
    for (issuer, at) in [
        ("https://elsewhere.example", keys.as_str()),
        (&provider.url, &by_path),
        (&provider.url, "/keys"),
    ] {
        provider.says(issuer, at);
        let server = Server::start_with(&[("ISSUERS", &provider.setting(""))]).await;
        let refused = server
            .exchange(&provider.token(&server, "1", "s1"), "phone")
            .await;
        assert_eq!(refused.code(), "cannot_decide", "{issuer} {at}");
    }
    assert_eq!(provider.asked(), 0);
}

#[tokio::test]
async fn keys_rotate_and_outages_are_outlasted() {
    let provider = Provider::start(IssuerKey::ec("k1")).await;
    let server = Server::start_with(&[("ISSUERS", &provider.setting(""))]).await;
    let enter = async |key: &IssuerKey| {
        let claims = provider.claims(&server, "1", "s1");
        let answer = server.exchange(&key.sign(&claims), "phone").await;
        if answer.status == 200 {
            "in".to_owned()
        } else {
            answer.code().to_owned()
        }
    };
    assert_eq!(enter(&provider.key).await, "in");

    let new = IssuerKey::rsa("k2");
    for round in 0..50 {
        let invented = IssuerKey::ec(&format!("invented-{round}"));
        assert_eq!(enter(&invented).await, "token_invalid");
    }
    assert!(
        provider.asked() <= 10,
        "invented keys became {} requests",
        provider.asked()
    );

    provider.gives(Way::Status(503));
    server.advance(APART).await;
    assert_eq!(
        enter(&new).await,
        "cannot_decide",
        "it may be a key that was made since"
    );
    assert_eq!(enter(&provider.key).await, "in");

    provider.publish(&[new.jwk()]);
    provider.gives(Way::Plain);
    server.advance(APART).await;
    assert_eq!(enter(&new).await, "in");
    assert_eq!(
        enter(&provider.key).await,
        "token_invalid",
        "its issuer took the key back"
    );
}

#[tokio::test]
async fn private_addresses_are_not_connected_to_unless_allowed() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let connections = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&connections);
    let accepting = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            drop(stream);
            count.fetch_add(1, Ordering::SeqCst);
        }
    });
    let provider = Provider::start(IssuerKey::ec("k1")).await;
    for host in ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "2130706433"] {
        for (addresses, connects) in [("public", false), ("any", true)] {
            connections.store(0, Ordering::SeqCst);
            let setting = format!(
                "[{{ name = 'shop', issuer = '{}', audiences = ['api'], addresses = '{addresses}', \
                 jwks_url = 'https://{host}:{port}/keys' }}]",
                provider.url
            );
            let server = Server::start_with(&[("ISSUERS", &setting)]).await;
            let refused = server
                .exchange(&provider.token(&server, "1", "s1"), "phone")
                .await;
            assert_eq!(refused.code(), "cannot_decide");
            let connected = connections.load(Ordering::SeqCst) > 0;
            assert_eq!(connected, connects, "{host} {addresses}");
        }
    }
    accepting.abort();
}

#[tokio::test]
async fn a_secret_and_published_keys_stand_side_by_side() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    std::fs::write(&path, SECRET).unwrap();
    let provider = Provider::start(IssuerKey::ec("k1")).await;
    let more = format!(
        ", preset = 'supabase', session_claim = 'sid', auth_time_claim = 'auth_time', \
         jwks_url = '{}/keys', secret_file = '{}'",
        provider.url,
        path.display()
    );
    let server = Server::start_with(&[("ISSUERS", &provider.setting(&more))]).await;
    let claims = provider.claims(&server, "1", "s1");
    for key in [&provider.key, &IssuerKey::secret(SECRET)] {
        let answer = server.exchange(&key.sign(&claims), "phone").await;
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
}
