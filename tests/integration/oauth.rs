//! The standard endpoints: introspection, revocation, metadata.

use serde_json::{Value, json};

use crate::support::{Answer, Server};

async fn key(server: &Server, scope: &str) -> String {
    let body = json!({ "name": scope, "scopes": [scope] });
    let made = server.post("/v1/api-keys", &server.key, body).await;
    made.body["key"].as_str().unwrap().to_owned()
}

async fn form(server: &Server, path: &str, key: &str, body: String) -> Answer {
    let request = server.http.post(format!("{}{path}", server.url));
    let request = request.bearer_auth(key).body(body);
    let content_type = "application/x-www-form-urlencoded";
    let request = request.header("content-type", content_type);
    Answer::read(request.send().await.unwrap()).await
}

#[tokio::test]
async fn introspection_tells_what_is_good_and_nothing_of_what_is_not() {
    let server = Server::start().await;
    let group = server.group("analysts", &["reports:read"]).await;
    let anna = server.user("anna", &["analysts"]).await;
    let who = server.sign_in("anna", "laptop").await;
    let verify_key = key(&server, "verify").await;
    let ask = async |key: &str, body: String| {
        let answer = form(&server, "/oauth/introspect", key, body).await;
        (answer.status, answer.body)
    };
    let inactive = (200, json!({ "active": false }));
    let good = format!(
        "token={}&token_type_hint=access_token&more=x",
        who.access_token
    );
    let (status, answer) = ask(&verify_key, good.clone()).await;
    assert_eq!(status, 200);
    assert_eq!(answer["active"], true);
    assert_eq!(answer["token_type"], "Bearer");
    assert_eq!(answer["sub"], json!(anna));
    assert_eq!(answer["sid"], json!(who.session_id));
    assert_eq!(answer["permissions"], json!(["reports:read"]));

    for never_one in ["nonsense", "a.b.c", &who.refresh_token] {
        assert_eq!(
            ask(&verify_key, format!("token={never_one}")).await,
            inactive
        );
    }
    let rights = json!({ "permissions": [] });
    let permissions = format!("/v1/groups/{group}/permissions");
    server.put(&permissions, &server.key, rights).await;
    assert_eq!(ask(&verify_key, good.clone()).await, inactive, "stale");
    let fresh = server.refresh(&who.refresh_token).await;
    let fresh = fresh.body["access_token"].as_str().unwrap().to_owned();
    let fresh = format!("token={fresh}");
    assert_eq!(ask(&verify_key, fresh.clone()).await.1["active"], true);
    server
        .delete(&format!("/v1/users/{anna}/sessions"), &server.key)
        .await;
    assert_eq!(ask(&verify_key, fresh.clone()).await, inactive, "ended");

    assert_eq!(ask(&verify_key, String::new()).await.0, 400);
    assert_eq!(ask(&key(&server, "feed").await, fresh.clone()).await.0, 403);
    assert_eq!(ask("x", fresh).await.0, 401);
    let as_json = server
        .post("/oauth/introspect", &verify_key, json!({ "token": "x" }))
        .await;
    assert_eq!(as_json.code(), "unsupported_media_type");
}

#[tokio::test]
async fn a_token_given_back_ends_its_session() {
    let server = Server::start().await;
    server.user("anna", &[]).await;
    let sessions_key = key(&server, "sessions").await;
    let revoke = async |key: &str, token: &str| {
        form(&server, "/oauth/revoke", key, format!("token={token}")).await
    };
    let first = server.sign_in("anna", "laptop").await;
    let second = server.sign_in("anna", "phone").await;
    let mut socket = server.welcomed(&first).await;
    assert_eq!(revoke(&sessions_key, &first.access_token).await.status, 200);
    assert_eq!(
        socket.expect("session.revoked").await["reason"],
        "signed_out"
    );
    socket.expect_close(4501).await;
    let me = async |token: &str| server.get("/v1/me", token).await.status;
    assert_eq!(me(&first.access_token).await, 401);
    assert_eq!(me(&second.access_token).await, 200);

    // A refresh token as well, and one that was rotated away.
    server.refresh(&second.refresh_token).await;
    assert_eq!(
        revoke(&sessions_key, &second.refresh_token).await.status,
        200
    );
    assert_eq!(me(&second.access_token).await, 401);
    let head = server.node.head();
    for nothing in [
        "nonsense",
        "swr_AAAA",
        &first.access_token,
        &second.refresh_token,
    ] {
        assert_eq!(revoke(&sessions_key, nothing).await.status, 200);
    }
    assert_eq!(server.node.head(), head, "what is over ends no second time");

    let root = server.sign_in("root", "laptop").await;
    let refused = revoke(&sessions_key, &root.access_token).await;
    assert_eq!(refused.code(), "forbidden");
    assert_eq!(me(&root.access_token).await, 200);
    let verify_key = key(&server, "verify").await;
    assert_eq!(
        revoke(&verify_key, &root.access_token).await.code(),
        "forbidden"
    );
    assert_eq!(revoke(&server.key, &root.access_token).await.status, 200);
    assert_eq!(
        form(&server, "/oauth/revoke", &server.key, String::new())
            .await
            .status,
        400
    );
}

#[tokio::test]
async fn clients_find_the_endpoints() {
    let server = Server::start().await;
    let url = format!("{}/.well-known/oauth-authorization-server", server.url);
    let metadata: Value = server
        .http
        .get(url)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(metadata["issuer"], json!(server.url));
    for (member, path) in [
        ("jwks_uri", "/.well-known/jwks.json"),
        ("introspection_endpoint", "/oauth/introspect"),
        ("revocation_endpoint", "/oauth/revoke"),
        ("token_endpoint", "/oauth/token"),
    ] {
        assert_eq!(metadata[member], json!(format!("{}{path}", server.url)));
    }
}

#[tokio::test]
async fn a_client_brings_its_key_as_its_secret() {
    let server = Server::start().await;
    server.user("anna", &[]).await;
    let who = server.sign_in("anna", "laptop").await;
    let key = key(&server, "verify").await;
    let url = format!("{}/oauth/introspect", server.url);
    let ask = async |request: reqwest::RequestBuilder, secret: &str| {
        let token = format!("token={}{secret}", who.access_token);
        let content_type = "application/x-www-form-urlencoded";
        let request = request.header("content-type", content_type).body(token);
        Answer::read(request.send().await.unwrap()).await
    };
    let post = || server.http.post(&url);
    let basic = ask(post().basic_auth("any-client", Some(&key)), "").await;
    assert_eq!(basic.body["active"], true);
    let secret = format!("&client_id=any-client&client_secret={key}");
    assert_eq!(ask(post(), &secret).await.body["active"], true);
    assert_eq!(ask(post(), "").await.code(), "token_missing");
    let wrong = ask(post().basic_auth("any-client", Some("swk_wrong")), "").await;
    assert_eq!(wrong.status, 401);
    let wrong = ask(post().header("authorization", "Basic ~"), &secret).await;
    assert_eq!(wrong.code(), "token_invalid");
}

#[tokio::test]
async fn refreshing_as_oauth_does() {
    let server = Server::start().await;
    server.user("anna", &[]).await;
    let who = server.sign_in("anna", "laptop").await;
    let ask = async |body: String| {
        let request = server.http.post(format!("{}/oauth/token", server.url));
        let content_type = "application/x-www-form-urlencoded";
        let request = request.header("content-type", content_type).body(body);
        Answer::read(request.send().await.unwrap()).await
    };
    let refresh = |token: &str| ask(format!("grant_type=refresh_token&refresh_token={token}"));
    let granted = refresh(&who.refresh_token).await;
    assert_eq!(
        (granted.status, &granted.body["token_type"]),
        (200, &json!("Bearer"))
    );
    let text = |member: &str| granted.body[member].as_str().unwrap().to_owned();
    let me = server.get("/v1/me", &text("access_token")).await;
    assert_eq!(me.status, 200);
    let next = refresh(&text("refresh_token")).await;
    assert_eq!(next.status, 200);
    let access_token = next.body["access_token"].as_str().unwrap();
    assert_eq!(server.get("/v1/me", access_token).await.status, 200);

    // The one before the last is a copy's.
    let reused = refresh(&who.refresh_token).await;
    assert_eq!(reused.status, 400);
    assert_eq!(reused.body["error"], "invalid_grant");
    assert_eq!(reused.body["code"], "refresh_token_reused");
    assert_eq!(
        server.get("/v1/me", access_token).await.code(),
        "session_ended"
    );
    assert_eq!(refresh("nonsense").await.body["error"], "invalid_grant");
    let other = ask("grant_type=password".to_owned()).await;
    assert_eq!(other.body["error"], "unsupported_grant_type");
    for missing in ["", "grant_type=refresh_token"] {
        assert_eq!(
            ask(missing.to_owned()).await.body["error"],
            "invalid_request"
        );
    }
}

#[tokio::test]
async fn a_provider_signs_somebody_out_everywhere() {
    let server = Server::start().await;
    let body = json!({ "username": "anna", "password": "correct horse battery", "external_id": "okta|42" });
    let made = server.post("/v1/users", &server.key, body).await;
    let id = made.body["id"].as_str().unwrap();
    let key = key(&server, "sessions").await;
    let revoke = async |sub_id: Value| {
        let body = json!({ "sub_id": sub_id });
        server
            .post("/global-token-revocation", &key, body)
            .await
            .status
    };
    let us = server.url.as_str();
    let known = [
        json!({ "format": "iss_sub", "iss": us, "sub": id }),
        json!({ "format": "iss_sub", "iss": us, "sub": "ext:okta|42" }),
        json!({ "format": "iss_sub", "iss": "https://acme.okta.com", "sub": "okta|42" }),
        json!({ "format": "opaque", "id": "okta|42" }),
    ];
    for sub_id in known {
        let who = server.sign_in("anna", "laptop").await;
        let mut socket = server.welcomed(&who).await;
        assert_eq!(revoke(sub_id.clone()).await, 204, "{sub_id}");
        let revoked = socket.expect("session.revoked").await;
        assert_eq!(revoked["reason"], "identity_provider_logout");
        assert_eq!(server.get("/v1/me", &who.access_token).await.status, 401);
    }
    let head = server.node.head();
    for nobody in [
        json!({ "format": "iss_sub", "iss": us, "sub": "nobody" }),
        json!({ "format": "iss_sub", "iss": "https://acme.okta.com", "sub": id }),
        json!({ "format": "opaque", "id": "nobody" }),
    ] {
        assert_eq!(revoke(nobody.clone()).await, 204, "{nobody}");
    }
    assert_eq!(server.node.head(), head);
    assert_eq!(revoke(json!({ "format": "weather" })).await, 400);
    let sub_id = json!({ "sub_id": { "format": "opaque", "id": "okta|42" } });
    let verify = self::key(&server, "verify").await;
    let refused = server
        .post("/global-token-revocation", &verify, sub_id)
        .await;
    assert_eq!(refused.code(), "forbidden");
}
