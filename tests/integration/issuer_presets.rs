//! Each preset with tokens as its provider makes them.

use serde_json::{Value, json};
use sessionwire::config::Config;

use crate::issuer_keys::forgeries;
use crate::support::{IssuerKey, Provider, Server};

/// A provider, by what its preset makes of a token of its shape.
struct Shape {
    preset: &'static str,
    issuer: &'static str,
    more: &'static str,
    claims: Value,
    /// The session key that later tokens of the session share.
    later: (&'static str, Value),
    groups: Value,
    name: &'static str,
    /// Changes that make another kind of token of it, which is refused.
    others: Vec<(&'static str, Value)>,
}

const UUID: &str = "f1cd1e2a-30f1-4b8e-9a53-6b9d5a1f0c11";

/// `now`: when the person signed in.
fn cognito(now: i64) -> Shape {
    Shape {
        preset: "cognito",
        issuer: "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_Example01",
        more: ", audiences = ['1example23456789'], groups = 'claims'",
        claims: json!({
            "sub": UUID, "cognito:groups": ["staff"], "version": 2, "client_id": "1example23456789",
            "origin_jti": "origin-1", "event_id": "64f513be-32db-42b0-b78e-b02127b4f463",
            "token_use": "access", "scope": "aws.cognito.signin.user.admin", "auth_time": now,
            "jti": "token-1", "username": "anna", "exp": now + 3600, "iat": now,
        }),
        later: ("jti", json!("token-2")),
        groups: json!(["staff"]),
        name: "anna",
        others: vec![("token_use", json!("id")), ("client_id", json!("other"))],
    }
}

fn auth0(now: i64) -> Shape {
    Shape {
        preset: "auth0",
        issuer: "https://example.eu.auth0.com/",
        more: ", audiences = ['https://api.example'], groups = 'claims', \
               groups_claim = 'https://example.org/roles', session_claim = 'https://example.org/sid'",
        claims: json!({
            "https://example.org/roles": ["staff"], "https://example.org/sid": "session-1",
            "sub": "auth0|6500f2f1", "azp": "client", "scope": "openid profile offline_access",
            "aud": ["https://api.example", "https://example.eu.auth0.com/userinfo"],
            "iat": now, "exp": now + 86_400, "permissions": [],
        }),
        later: ("iat", json!(now + 1)),
        groups: json!(["staff"]),
        name: "issuer:auth0|6500f2f1",
        others: vec![("aud", json!("client"))],
    }
}

fn keycloak(now: i64) -> Shape {
    Shape {
        preset: "keycloak",
        issuer: "https://id.example/realms/shop",
        more: ", audiences = ['sessionwire'], groups = 'claims'",
        claims: json!({
            "exp": now + 300, "iat": now, "auth_time": now, "jti": "onrtac:0c1e", "sub": UUID,
            "aud": ["sessionwire", "account"], "typ": "Bearer", "azp": "app",
            "sid": "session-1", "acr": "1", "allowed-origins": ["https://app.example"],
            "realm_access": { "roles": ["staff", "offline_access", "uma_authorization"] },
            "resource_access": { "account": { "roles": ["manage-account"] } },
            "scope": "openid email profile", "email_verified": true, "name": "Anna Adams",
            "preferred_username": "anna",
        }),
        later: ("jti", json!("onrtrt:77aa")),
        groups: json!(["staff"]),
        name: "Anna Adams",
        others: vec![
            ("typ", json!("ID")),
            ("typ", json!("Refresh")),
            ("aud", json!("account")),
        ],
    }
}

fn firebase(now: i64) -> Shape {
    Shape {
        preset: "firebase",
        issuer: "https://securetoken.google.com/my-project",
        more: "",
        claims: json!({
            "name": "Anna Adams", "aud": "my-project", "auth_time": now, "user_id": "Rk9P2",
            "sub": "Rk9P2", "iat": now, "exp": now + 3600, "email": "anna@example.org",
            "email_verified": true,
            "firebase": {
                "identities": { "email": ["anna@example.org"] }, "sign_in_provider": "password",
            },
        }),
        later: ("iat", json!(now + 1)),
        groups: json!([]),
        name: "Anna Adams",
        others: vec![("aud", json!("other-project")), ("sub", json!(""))],
    }
}

fn supabase(now: i64) -> Shape {
    Shape {
        preset: "supabase",
        issuer: "https://abcdefgh.supabase.co/auth/v1",
        more: ", groups = 'claims', groups_claim = 'app_metadata.groups'",
        claims: json!({
            "aal": "aal1", "amr": [{ "method": "password", "timestamp": now }],
            "app_metadata": { "provider": "email", "providers": ["email"], "groups": ["staff"] },
            "aud": "authenticated", "email": "anna@example.org", "exp": now + 3600, "iat": now,
            "is_anonymous": false, "phone": "", "role": "authenticated", "session_id": UUID,
            "sub": "0b3b1b7e-6a4e-4d7e-8f0a-2f3a4b5c6d7e", "user_metadata": { "name": "Anna Adams" },
        }),
        later: ("iat", json!(now + 1)),
        groups: json!(["staff"]),
        name: "Anna Adams",
        others: vec![("aud", json!("anon")), ("session_id", json!({}))],
    }
}

async fn refuse_forgeries(server: &Server, provider: &Provider, claims: &Value) {
    let evil = Provider::start(IssuerKey::rsa("k1")).await;
    for (what, token) in forgeries(provider, &evil, claims) {
        let refused = server.exchange(&token, "phone").await;
        assert_eq!(refused.code(), "token_invalid", "{claims}: {what}");
    }
    assert_eq!(evil.asked(), 0, "nobody is asked whom a token names");
}

async fn try_shape(key: IssuerKey, shape: impl Fn(i64) -> Shape) {
    let provider = Provider::start(key).await;
    let template = shape(0);
    let setting = format!(
        "[{{ name = 'issuer', preset = '{}', issuer = '{}', jwks_url = '{}/keys', \
         addresses = 'any', strangers = 'create'{} }}]",
        template.preset, template.issuer, provider.url, template.more
    );
    let server = Server::start_with(&[("ISSUERS", &setting)]).await;
    server.group("staff", &["reports:read"]).await;
    let Shape {
        preset,
        issuer,
        mut claims,
        later,
        groups,
        name,
        others,
        ..
    } = shape(server.now() - 1);
    claims["iss"] = json!(issuer);
    for (claim, value) in others {
        let mut other = claims.clone();
        other[claim] = value;
        let refused = server.exchange(&provider.key.sign(&other), "phone").await;
        assert_eq!(refused.code(), "token_invalid", "{preset}: {claim}");
    }
    Box::pin(refuse_forgeries(&server, &provider, &claims)).await;
    let token = provider.key.sign(&claims);
    let answer = server.exchange(&token, "phone").await;
    assert_eq!(answer.status, 200, "{preset}: {}", answer.body);
    assert_eq!(answer.body["user"]["groups"], groups, "{preset}");
    assert_eq!(answer.body["user"]["display_name"], name, "{preset}");

    let session = answer.body["session_id"].as_str().unwrap();
    let ended = server
        .delete(&format!("/v1/sessions/{session}"), &server.key)
        .await;
    assert_eq!(ended.status, 200);
    let mut renewed = claims.clone();
    renewed[later.0] = later.1;
    let refused = server.exchange(&provider.key.sign(&renewed), "phone").await;
    assert_eq!(
        refused.code(),
        "session_ended",
        "{preset}: a later token of the session"
    );
}

#[tokio::test]
async fn cognito_access_tokens() {
    try_shape(IssuerKey::rsa("gK3Zp0="), cognito).await;
}

#[tokio::test]
async fn auth0_access_tokens() {
    try_shape(IssuerKey::rsa("NEQ1ODA"), auth0).await;
}

#[tokio::test]
async fn keycloak_access_tokens() {
    try_shape(IssuerKey::rsa("vd9Tg"), keycloak).await;
}

#[tokio::test]
async fn firebase_id_tokens() {
    try_shape(IssuerKey::rsa("1f12fa9"), firebase).await;
}

#[tokio::test]
async fn supabase_access_tokens() {
    try_shape(IssuerKey::ec("a1b2c3"), supabase).await;
}

/// What the pages say to configure, and the page for all of them.
#[test]
fn the_pages_say_what_the_server_takes() {
    let docs = concat!(env!("CARGO_MANIFEST_DIR"), "/docs");
    let pages = [
        "issuers",
        "integration/cognito-react-native",
        "integration/auth0-spa",
        "integration/keycloak",
        "integration/supabase",
    ];
    for page in pages {
        let text = std::fs::read_to_string(format!("{docs}/{page}.md")).unwrap();
        let blocks = text.split("```toml\n").skip(1);
        let blocks = blocks.map(|block| block.split("```").next().unwrap());
        let whole: Vec<_> = blocks.filter(|it| it.contains("[[issuers]]")).collect();
        assert_eq!(whole.len(), 1, "{page}");
        let config = Config::from_sources(Some(whole[0]), []);
        let config = config.unwrap_or_else(|error| panic!("{page}: {error}"));
        assert_eq!(config.issuers.len(), 1, "{page}");
    }
}
