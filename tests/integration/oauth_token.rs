//! The token endpoint's grants for clients that speak OAuth: `client_credentials` and token exchange.

use serde_json::{Value, json};

use crate::support::{Answer, IssuerKey, Provider, Server, SignedIn};

const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";

/// An API key's id and the key.
async fn client(server: &Server, scopes: &[&str]) -> (String, String) {
    let body = json!({ "name": "client", "scopes": scopes });
    let made = server.post("/v1/api-keys", &server.key, body).await;
    let text = |member: &str| made.body[member].as_str().unwrap().to_owned();
    (text("id"), text("key"))
}

fn form(parameters: &[(&str, &str)]) -> String {
    let url = reqwest::Url::parse_with_params("http://form", parameters).unwrap();
    url.query().unwrap_or_default().to_owned()
}

fn post(server: &Server, path: &str, body: String) -> reqwest::RequestBuilder {
    let request = server.http.post(format!("{}{path}", server.url));
    let content_type = "application/x-www-form-urlencoded";
    request.header("content-type", content_type).body(body)
}

async fn answer(request: reqwest::RequestBuilder) -> Answer {
    Answer::read(request.send().await.unwrap()).await
}

/// Asks for a token of a service, with the secret in the header.
async fn by_header(server: &Server, id: &str, key: &str, more: &[(&str, &str)]) -> Answer {
    let mut parameters = vec![("grant_type", "client_credentials")];
    parameters.extend(more);
    let request = post(server, "/oauth/token", form(&parameters));
    answer(request.basic_auth(id, Some(key))).await
}

async fn token_of(server: &Server, scopes: &[&str]) -> (String, String) {
    let (id, key) = client(server, scopes).await;
    let granted = by_header(server, &id, &key, &[]).await;
    assert_eq!(granted.status, 200, "{}", granted.body);
    let token = granted.body["access_token"].as_str().unwrap();
    (id, token.to_owned())
}

fn refusal(answer: &Answer) -> (u16, &str) {
    (answer.status, answer.body["error"].as_str().unwrap())
}

#[tokio::test]
async fn a_key_gives_a_token_with_its_scopes_or_fewer() {
    let server = Server::start().await;
    let (id, key) = client(&server, &["verify", "sessions"]).await;
    let granted = by_header(&server, &id, &key, &[]).await;
    assert_eq!(granted.status, 200, "{}", granted.body);
    assert_eq!(granted.body["token_type"], "Bearer");
    assert_eq!(granted.body["scope"], "sessions verify");
    assert_eq!(granted.body["expires_in"], 300);
    assert!(granted.body["refresh_token"].is_null());

    let body = form(&[
        ("grant_type", "client_credentials"),
        ("client_id", &id),
        ("client_secret", &key),
        ("scope", "verify"),
    ]);
    let narrow = answer(post(&server, "/oauth/token", body)).await;
    assert_eq!(narrow.body["scope"], "verify", "{}", narrow.body);
    let asked = async |granted: &Answer| {
        let token = granted.body["access_token"].as_str().unwrap();
        let introspect = post(&server, "/oauth/introspect", form(&[("token", token)]));
        answer(introspect.bearer_auth(token)).await
    };
    let said = asked(&narrow).await.body;
    assert_eq!(said["active"], true, "{said}");
    for (member, value) in [
        ("client_id", json!(id)),
        ("sub", json!(id)),
        ("scope", json!("verify")),
        ("iss", json!(server.url)),
        ("aud", json!(server.url)),
    ] {
        assert_eq!(said[member], value, "{member}");
    }
    for absent in ["sid", "device_id", "groups", "permissions"] {
        assert!(said[absent].is_null(), "{absent}");
    }

    // It does what the key does with these scopes, and no more.
    let users = async |granted: &Answer| {
        let token = granted.body["access_token"].as_str().unwrap();
        server.get("/v1/users", token).await.status
    };
    assert_eq!((users(&granted).await, users(&narrow).await), (200, 403));
    let wide = granted.body["access_token"].as_str().unwrap();
    assert_eq!(server.get("/v1/policies/default", wide).await.status, 403);
    assert_eq!(server.get("/v1/me", wide).await.code(), "forbidden");
    server.advance(std::time::Duration::from_secs(301)).await;
    assert_eq!(server.get("/v1/users", wide).await.code(), "token_expired");
}

#[tokio::test]
async fn a_token_of_a_service_is_nobodys_session() {
    let server = Server::start().await;
    let (id, token) = token_of(&server, &["admin"]).await;
    assert_eq!(server.get("/v1/users", &token).await.status, 200);
    let mut socket = server.socket(&token).await;
    socket.expect_close(4500).await;
    let verified = server.get("/v1/verify", &token).await;
    assert_eq!(verified.code(), "token_missing", "{}", verified.body);
    let ticket = server.post("/v1/socket-tickets", &token, json!({})).await;
    assert_eq!(ticket.code(), "forbidden");

    // What it changes is the key's doing.
    let body = json!({ "username": "anna", "password": "correct horse battery" });
    assert_eq!(server.post("/v1/users", &token, body).await.status, 201);
    let created = server
        .get("/v1/events?type=user.created", &server.key)
        .await;
    let actor = json!({ "type": "api_key", "id": id });
    let items = created.body["items"].as_array().unwrap();
    assert_eq!(items.last().unwrap()["actor"], actor);

    // In place of the key it asks about the token of somebody.
    server.user("berta", &[]).await;
    let who = server.sign_in("berta", "laptop").await;
    let request = server.http.get(format!("{}/v1/verify", server.url));
    let request = request.bearer_auth(&token);
    let asked = answer(request.header("x-access-token", &who.access_token)).await;
    assert_eq!(asked.status, 200, "{}", asked.body);

    let revoke = post(&server, "/oauth/revoke", form(&[("token", &token)]));
    let refused = answer(revoke.bearer_auth(&server.key)).await;
    assert_eq!(refusal(&refused), (400, "unsupported_token_type"));
    assert_eq!(server.get("/v1/users", &token).await.status, 200);
}

#[tokio::test]
async fn who_takes_the_key_back_takes_its_tokens_back() {
    let server = Server::start().await;
    let (id, token) = token_of(&server, &["admin"]).await;
    let (_, other) = token_of(&server, &["admin"]).await;
    let gone = server
        .delete(&format!("/v1/api-keys/{id}"), &server.key)
        .await;
    assert_eq!(gone.status, 200, "{}", gone.body);
    let refused = server.get("/v1/users", &token).await;
    assert_eq!((refused.status, refused.code()), (401, "token_invalid"));
    let ask = post(&server, "/oauth/introspect", form(&[("token", &token)]));
    let said = answer(ask.bearer_auth(&server.key)).await;
    assert_eq!(said.body, json!({ "active": false }));
    assert_eq!(server.get("/v1/users", &other).await.status, 200);

    let all = server.post("/v1/revoke-all", &server.key, json!({})).await;
    assert_eq!(all.status, 200, "{}", all.body);
    assert_eq!(
        server.get("/v1/users", &other).await.code(),
        "token_invalid"
    );
}

#[tokio::test]
async fn a_signing_key_that_is_retired_takes_tokens_of_services_with_it() {
    let server = Server::start().await;
    let (_, token) = token_of(&server, &["admin"]).await;
    let listed = server.get("/v1/signing-keys", &token).await;
    let kid = listed.body["items"][0]["kid"].as_str().unwrap();
    let path = format!("/v1/signing-keys/{kid}?wait_ms=10000");
    let retired = server.delete(&path, &server.key).await;
    assert_eq!(retired.status, 200, "{}", retired.body);
    let refused = server.get("/v1/users", &token).await;
    assert_eq!(refused.code(), "token_invalid");
}

#[tokio::test]
async fn a_client_that_is_not_who_it_says_gets_nothing() {
    let server = Server::start().await;
    let (id, key) = client(&server, &["verify"]).await;
    let (other, _) = client(&server, &["verify"]).await;
    for (id, key) in [
        (id.as_str(), "swk_wrong"),
        (&other, &key),
        ("client", &key),
        ("", &key),
    ] {
        let refused = by_header(&server, id, key, &[]).await;
        assert_eq!(refusal(&refused), (401, "invalid_client"), "{id}");
        assert_eq!(
            refused.headers["www-authenticate"],
            r#"Basic realm="sessionwire""#
        );
    }
    let bodies: [&[(&str, &str)]; 4] = [
        &[],
        &[("client_id", &id)],
        &[("client_secret", &key)],
        &[("client_id", &id), ("client_secret", "swk_wrong")],
    ];
    for body in bodies {
        let mut parameters = vec![("grant_type", "client_credentials")];
        parameters.extend(body);
        let refused = answer(post(&server, "/oauth/token", form(&parameters))).await;
        assert_eq!(refusal(&refused), (401, "invalid_client"), "{body:?}");
    }
    let twice = by_header(&server, &id, &key, &[("client_secret", &key)]).await;
    assert_eq!(refusal(&twice), (400, "invalid_request"));
    for scope in ["admin", "verify admin", "", "verify,feed"] {
        let refused = by_header(&server, &id, &key, &[("scope", scope)]).await;
        assert_eq!(refusal(&refused), (400, "invalid_scope"), "{scope}");
    }
    let doubled = by_header(&server, &id, &key, &[("grant_type", "refresh_token")]).await;
    assert_eq!(refusal(&doubled), (400, "invalid_request"));
    server
        .delete(&format!("/v1/api-keys/{id}"), &server.key)
        .await;
    let refused = by_header(&server, &id, &key, &[]).await;
    assert_eq!(refusal(&refused), (401, "invalid_client"));
}

async fn exchange(server: &Server, token: &str, more: &[(&str, &str)]) -> Answer {
    let mut parameters = vec![
        ("grant_type", EXCHANGE),
        ("subject_token", token),
        ("subject_token_type", JWT),
    ];
    parameters.extend(more);
    answer(post(server, "/oauth/token", form(&parameters))).await
}

async fn world(more: &str) -> (Provider, Server) {
    let provider = Provider::start(IssuerKey::ec("k1")).await;
    let server = Server::start_with(&[("ISSUERS", &provider.setting(more))]).await;
    (provider, server)
}

#[tokio::test]
async fn a_token_of_another_issuer_is_exchanged_for_a_session() {
    let (provider, server) = world("").await;
    let token = provider.token(&server, "anna", "s1");
    let device = "7f0c4a0e-5b0f-4c39-9d3e-1f6f0c6f9f10";
    let named = [
        ("device_id", device),
        ("device_name", "Anna's phone"),
        ("device_platform", "ios"),
        ("remember_me", "true"),
        ("audience", "sessionwire"),
    ];
    let granted = exchange(&server, &token, &named).await;
    assert_eq!(granted.status, 200, "{}", granted.body);
    let kind = "urn:ietf:params:oauth:token-type:access_token";
    assert_eq!(granted.body["issued_token_type"], kind);
    assert_eq!(granted.body["token_type"], "Bearer");
    assert_eq!(granted.headers["cache-control"], "no-store");
    let access = granted.body["access_token"].as_str().unwrap();
    let sessions = server.get("/v1/me/sessions", access).await;
    assert_eq!(
        sessions.body["items"][0]["device"],
        json!({ "id": device, "name": "Anna's phone", "platform": "ios" })
    );
    let refresh = granted.body["refresh_token"].as_str().unwrap();
    assert_eq!(server.refresh(refresh).await.status, 200);

    // A client that names no device has one for each sign-in there.
    let other = provider.token(&server, "anna", "s2");
    let first = exchange(&server, &other, &[]).await;
    let second = exchange(&server, &other, &[]).await;
    assert_eq!(second.status, 200, "{}", second.body);
    let old = first.body["access_token"].as_str().unwrap();
    assert_eq!(server.get("/v1/me", old).await.code(), "session_ended");
    let new = second.body["access_token"].as_str().unwrap();
    let sessions = server.get("/v1/me/sessions", new).await;
    assert_eq!(sessions.body["items"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn an_exchange_that_asks_for_something_else_is_refused() {
    let (provider, server) = world("").await;
    let token = provider.token(&server, "anna", "s1");
    for (more, error) in [
        (("subject_token_type", "x"), "invalid_request"),
        (("actor_token", "x"), "invalid_request"),
        (("requested_token_type", JWT), "invalid_request"),
        (("audience", "https://elsewhere.example"), "invalid_target"),
        (("resource", "https://elsewhere.example"), "invalid_target"),
        (("scope", "admin"), "invalid_scope"),
        (("device_id", "x"), "invalid_request"),
        (("device_name", "x"), "invalid_request"),
        (("remember_me", "yes"), "invalid_request"),
    ] {
        let refused = exchange(&server, &token, &[more]).await;
        assert_eq!(refusal(&refused), (400, error), "{more:?}");
    }
    let device = ("device_id", "7f0c4a0e-5b0f-4c39-9d3e-1f6f0c6f9f10");
    for more in [("device_platform", "toaster"), ("device_name", "")] {
        let refused = exchange(&server, &token, &[device, more]).await;
        assert_eq!(refusal(&refused), (400, "invalid_request"), "{more:?}");
    }
    for token in ["", "nonsense", "a.b.c"] {
        let refused = exchange(&server, token, &[]).await;
        assert_eq!(refusal(&refused), (400, "invalid_request"), "{token}");
        assert_eq!(refused.body["code"], "token_invalid");
    }
    for parameters in [
        vec![("subject_token_type", JWT)],
        vec![("subject_token", token.as_str())],
    ] {
        let mut all = vec![("grant_type", EXCHANGE)];
        all.extend(parameters);
        let refused = answer(post(&server, "/oauth/token", form(&all))).await;
        assert_eq!(refusal(&refused), (400, "invalid_request"), "{all:?}");
    }
    // An own token is of no other issuer.
    let who = SignedIn::read(&server.exchange(&token, "phone").await.body);
    let own = exchange(&server, &who.access_token, &[]).await;
    assert_eq!(refusal(&own), (400, "invalid_request"));
    server
        .delete(&format!("/v1/sessions/{}", who.session_id), &server.key)
        .await;
    let ended = exchange(&server, &token, &[]).await;
    assert_eq!(ended.body["code"], "session_ended", "{}", ended.body);
}

#[tokio::test]
async fn an_exchange_at_the_limit_has_the_policys_answers() {
    let (provider, server) = world("").await;
    let token = |session: &str| provider.token(&server, "anna", session);
    let first = SignedIn::read(&server.exchange(&token("s1"), "phone").await.body);
    let at_limit = async |what: &str| {
        let policy = json!({ "max_sessions": 1, "at_limit": what });
        assert_eq!(server.policy(policy).await.status, 200);
        exchange(&server, &token("s2"), &[]).await
    };
    let denied = |answer: &Answer| -> Value {
        assert_eq!(refusal(answer), (400, "access_denied"), "{}", answer.body);
        assert_eq!(answer.body["code"], "session_limit_reached");
        assert_eq!(answer.body["sessions"][0]["device_name"], "phone");
        answer.body["takeover_token"].clone()
    };
    assert!(denied(&at_limit("reject").await).is_null());
    assert!(denied(&at_limit("ask").await).is_string());

    let mut socket = server.welcomed(&first).await;
    let pending = at_limit("approve").await;
    assert_eq!(refusal(&pending), (400, "authorization_pending"));
    let asked = socket.expect("session.takeover_requested").await;
    assert_eq!(asked["request_id"], pending.body["request_id"]);
    let yes =
        json!({ "type": "takeover.answer", "request_id": asked["request_id"], "allow": true });
    socket.say(yes).await;
    socket.expect("session.revoked").await;
    let request = json!({ "request_token": pending.body["request_token"] });
    let poll = server.post("/v1/sign-in/requests", "", request).await;
    assert_eq!(poll.status, 200, "{}", poll.body);
}
