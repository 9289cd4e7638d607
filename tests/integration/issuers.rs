//! Tokens of other issuers become sessions here: who comes in, under which policies, and who stays out.

use serde_json::{Value, json};

use crate::support::{IssuerKey, Provider, Server, SignedIn};

async fn world(more: &str) -> (Provider, Server) {
    let provider = Provider::start(IssuerKey::ec("k1")).await;
    let server = Server::start_with(&[("ISSUERS", &provider.setting(more))]).await;
    (provider, server)
}

async fn events(server: &Server, kind: &str) -> Vec<Value> {
    let path = format!("/v1/events?type={kind}");
    let listed = server.get(&path, &server.key).await;
    listed.body["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_stranger_becomes_a_user_with_a_session() {
    let (provider, server) = world("").await;
    let mut claims = provider.claims(&server, "abc-1", "s1");
    claims["name"] = json!("Anna Adams");
    claims["auth_time"] = json!(server.now() - 5000);
    let answer = server.exchange(&provider.key.sign(&claims), "phone").await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.body["user"]["username"], "shop:abc-1");
    assert_eq!(answer.body["user"]["display_name"], "Anna Adams");
    let who = SignedIn::read(&answer.body);
    assert_eq!(server.get("/v1/me", &who.access_token).await.status, 200);
    let mut socket = server.socket(&who.access_token).await;
    assert_eq!(
        socket.expect("welcome").await["user_id"],
        who.user_id.as_str()
    );
    assert_eq!(server.refresh(&who.refresh_token).await.status, 200);

    let linked = events(&server, "identity.linked").await;
    let data = json!({ "user_id": who.user_id, "issuer": provider.url, "subject": "abc-1" });
    assert_eq!(linked[0]["data"], data);
    assert_eq!(
        linked[0]["subject"],
        json!({ "type": "user", "id": who.user_id })
    );
    assert_eq!(
        events(&server, "user.created").await.last().unwrap()["data"]["user_id"],
        who.user_id.as_str()
    );
    let started = events(&server, "session.started").await;
    assert_eq!(
        started.last().unwrap()["data"]["issuer"],
        provider.url.as_str()
    );

    // When the person proved who they are is for the issuer to say.
    let recent = server
        .get("/v1/verify?max_age=4000", &who.access_token)
        .await;
    assert_eq!(recent.code(), "insufficient_user_authentication");
    assert_eq!(
        server
            .get("/v1/verify?max_age=6000", &who.access_token)
            .await
            .status,
        200
    );

    let again = server
        .exchange(&provider.token(&server, "abc-1", "s2"), "tablet")
        .await;
    assert_eq!(again.body["user"]["id"], who.user_id.as_str());
    assert_eq!(events(&server, "identity.linked").await.len(), 1);
}

#[tokio::test]
async fn a_name_that_is_taken_or_too_long_is_no_obstacle() {
    let (provider, server) = world("").await;
    server.user("shop:abc-1", &[]).await;
    let long = "x".repeat(255);
    for subject in ["abc-1", &long, " spaced "] {
        let answer = server
            .exchange(&provider.token(&server, subject, "s"), "phone")
            .await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        let name = answer.body["user"]["username"].as_str().unwrap().to_owned();
        let id = answer.body["user"]["id"].as_str().unwrap();
        assert_eq!(name, format!("shop:{id}"));
    }
}

#[tokio::test]
async fn strangers_stay_out_unless_they_are_linked() {
    let provider = Provider::start(IssuerKey::ec("k1")).await;
    let setting = provider.setting("").replace("'create'", "'refuse'");
    let server = Server::start_with(&[("ISSUERS", &setting)]).await;
    let anna = server.user("anna", &[]).await;
    let bert = server.user("bert", &[]).await;
    let token = || provider.token(&server, "auth0|1", "s1");
    let refused = server.exchange(&token(), "phone").await;
    assert_eq!((refused.status, refused.code()), (403, "forbidden"));

    let path = |user: &str| format!("/v1/users/{user}/identities/shop/auth0%7C1");
    let linked = server.put(&path(&anna), &server.key, json!({})).await;
    assert_eq!(
        (linked.status, &linked.body["linked"]),
        (200, &json!(true)),
        "{}",
        linked.body
    );
    let again = server.put(&path(&anna), &server.key, json!({})).await;
    assert_eq!(again.body["receipt"]["changed"], false, "{}", again.body);
    let of_another = server.put(&path(&bert), &server.key, json!({})).await;
    assert_eq!(of_another.code(), "already_exists");
    let nowhere = format!("/v1/users/{anna}/identities/nowhere/1");
    assert_eq!(
        server.put(&nowhere, &server.key, json!({})).await.code(),
        "not_found"
    );
    let listed = server
        .get(&format!("/v1/users/{anna}/identities"), &server.key)
        .await;
    let identity = json!([{ "issuer": provider.url, "subject": "auth0|1" }]);
    assert_eq!(listed.body["items"], identity);

    let answer = server.exchange(&token(), "phone").await;
    assert_eq!(answer.body["user"]["id"], anna.as_str(), "{}", answer.body);
    let by_token = SignedIn::read(&answer.body);
    let by_password = server.sign_in("anna", "laptop").await;
    assert_eq!(
        server
            .get(&path(&anna), &by_password.access_token)
            .await
            .status,
        405
    );
    let strange = server
        .put(&path(&anna), &by_password.access_token, json!({}))
        .await;
    assert_eq!(strange.code(), "forbidden");

    let unlinked = server.delete(&path(&anna), &server.key).await;
    assert_eq!(
        unlinked.body["receipt"]["sessions_ended"], 1,
        "{}",
        unlinked.body
    );
    let me = |who: &SignedIn| who.access_token.clone();
    assert_eq!(
        server.get("/v1/me", &me(&by_token)).await.code(),
        "session_ended"
    );
    assert_eq!(server.get("/v1/me", &me(&by_password)).await.status, 200);
    assert_eq!(server.exchange(&token(), "phone").await.code(), "forbidden");
    assert_eq!(events(&server, "identity.unlinked").await.len(), 1);
}

#[tokio::test]
async fn the_limit_is_answered_as_for_a_password() {
    let (provider, server) = world("").await;
    let enter = async |session: &str, device: &str| {
        server
            .exchange(&provider.token(&server, "1", session), device)
            .await
    };
    server
        .policy(json!({ "max_sessions": 1, "at_limit": "reject" }))
        .await;
    let first = SignedIn::read(&enter("s1", "phone").await.body);
    let refused = enter("s2", "tablet").await;
    assert_eq!(
        (refused.status, refused.code()),
        (409, "session_limit_reached")
    );
    assert_eq!(refused.body["sessions"][0]["device_name"], "phone");
    assert!(refused.body["takeover_token"].is_null());

    server
        .policy(json!({ "max_sessions": 1, "at_limit": "ask" }))
        .await;
    let asked = enter("s2", "tablet").await;
    let body = json!({ "takeover_token": asked.body["takeover_token"] });
    let taken = server.post("/v1/sign-in/takeover", "", body).await;
    assert_eq!(taken.status, 200, "{}", taken.body);
    let second = SignedIn::read(&taken.body);
    assert_eq!(
        server.get("/v1/me", &first.access_token).await.code(),
        "session_ended"
    );
    let started = events(&server, "session.started").await;
    assert_eq!(
        started.last().unwrap()["data"]["issuer"],
        provider.url.as_str()
    );

    server
        .policy(json!({ "max_sessions": 1, "at_limit": "approve" }))
        .await;
    let mut socket = server.socket(&second.access_token).await;
    socket.expect("welcome").await;
    let pending = enter("s3", "laptop").await;
    assert_eq!(pending.status, 202, "{}", pending.body);
    let request = socket.expect("session.takeover_requested").await;
    socket
        .say(json!({ "type": "takeover.answer", "request_id": request["request_id"], "allow": true }))
        .await;
    socket.expect("session.revoked").await;
    let body = json!({ "request_token": pending.body["request_token"] });
    let allowed = server.post("/v1/sign-in/requests", "", body).await;
    assert_eq!(allowed.status, 200, "{}", allowed.body);

    server
        .policy(json!({ "max_sessions": 1, "at_limit": "evict_oldest" }))
        .await;
    let last = SignedIn::read(&enter("s4", "watch").await.body);
    assert_eq!(server.get("/v1/me", &last.access_token).await.status, 200);
    assert_eq!(
        enter("s4", "watch").await.status,
        200,
        "the same device comes again"
    );
}

#[tokio::test]
async fn groups_come_from_claims_where_that_is_wanted() {
    let (provider, server) = world(", groups = 'claims'").await;
    for (name, permission) in [("staff", "reports:read"), ("sales", "orders:read")] {
        server.group(name, &[permission]).await;
    }
    server.group("keepers", &["sessionwire:admin"]).await;
    let now = server.now();
    let enter = async |groups: Value, age: i64| {
        let mut claims = provider.claims(&server, "1", "s1");
        claims["groups"] = groups;
        claims["iat"] = json!(now - age);
        let answer = server.exchange(&provider.key.sign(&claims), "phone").await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.body["user"]["groups"].clone()
    };
    assert_eq!(
        enter(json!(["staff", "unknown", "keepers"]), 10).await,
        json!(["staff"])
    );
    assert_eq!(enter(json!(["sales"]), 5).await, json!(["sales"]));
    assert_eq!(
        enter(json!(["staff"]), 8).await,
        json!(["sales"]),
        "an older token"
    );
    let users = server.get("/v1/users?search=shop", &server.key).await;
    let id = users.body["items"][0]["id"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    let patched = server
        .patch(
            &format!("/v1/users/{id}"),
            &server.key,
            json!({ "groups": ["keepers", "sales"] }),
        )
        .await;
    assert_eq!(patched.status, 200, "{}", patched.body);
    assert_eq!(
        enter(Value::Null, 0).await,
        json!(["keepers"]),
        "who may administer is decided here"
    );
    let removed = events(&server, "membership.removed").await;
    assert_eq!(removed.len(), 2, "{removed:?}");
}

#[tokio::test]
async fn groups_are_kept_here_otherwise() {
    let (provider, server) = world("").await;
    server.group("staff", &["reports:read"]).await;
    let mut claims = provider.claims(&server, "1", "s1");
    claims["groups"] = json!(["staff"]);
    let answer = server.exchange(&provider.key.sign(&claims), "phone").await;
    assert_eq!(answer.body["user"]["groups"], json!([]));
}

#[tokio::test]
async fn a_policy_that_comes_with_the_groups_does_not_end_the_newcomer() {
    let (provider, server) = world(", groups = 'claims'").await;
    let group = server.group("limited", &[]).await;
    let policy = json!({ "max_sessions": 1, "at_limit": "evict_oldest" });
    let set = server
        .put(&format!("/v1/policies/groups/{group}"), &server.key, policy)
        .await;
    assert_eq!(set.status, 200, "{}", set.body);
    let oldest = provider.token(&server, "1", "s1");
    for (token, device) in [
        (&oldest, "phone"),
        (&provider.token(&server, "1", "s2"), "tablet"),
    ] {
        assert_eq!(server.exchange(token, device).await.status, 200);
    }
    let mut claims = provider.claims(&server, "1", "s1");
    claims["groups"] = json!(["limited"]);
    let answer = server.exchange(&provider.key.sign(&claims), "phone").await;
    assert_eq!(answer.status, 200, "{}", answer.body);
}
