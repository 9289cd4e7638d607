//! Users by their callers' own ids: `ext:…` wherever a user's id goes.

use serde_json::json;

use crate::support::{Server, device_named};

#[tokio::test]
async fn a_user_goes_by_the_callers_own_id_everywhere() {
    let server = Server::start().await;
    let group = server.group("analysts", &["reports:read"]).await;
    let body = json!({ "username": "anna", "password": "correct horse battery", "external_id": "acme/42 ü" });
    let made = server.post("/v1/users", &server.key, body).await;
    let id = made.body["id"].as_str().unwrap();
    let ext = "ext:acme%2F42%20%C3%BC";
    let at = |rest: &str| format!("/v1/users/{ext}{rest}");
    let key = server.key.as_str();

    assert_eq!(server.get(&at(""), key).await.body["id"], id);
    let renamed = json!({ "display_name": "Anna A." });
    assert_eq!(server.patch(&at(""), key, renamed).await.status, 200);
    let member = format!("/v1/groups/{group}/members/{ext}");
    let added = server.put(&member, key, json!({})).await;
    assert_eq!(added.body["user_id"], id);
    assert_eq!(server.delete(&member, key).await.body["changed"], true);
    let bulk = json!({ "add": ["ext:acme/42 ü"], "remove": [] });
    let members = format!("/v1/groups/{group}/members");
    assert_eq!(server.post(&members, key, bulk).await.body["added"], 1);
    let notice = json!({ "level": "info", "title": "Hello", "body": "" });
    let noticed = server.post(&at("/notices"), key, notice).await;
    assert_eq!(noticed.status, 200);
    let policy = json!({ "max_sessions": 1, "count_by": "user", "at_limit": "evict_oldest" });
    let policies = format!("/v1/policies/users/{ext}");
    assert_eq!(server.put(&policies, key, policy).await.status, 200);
    assert_eq!(server.get(&policies, key).await.status, 200);
    let session = json!({ "device": device_named("laptop") });
    let signed_in = server.post(&at("/sessions"), key, session).await;
    assert_eq!(signed_in.status, 201);
    let sessions = format!("/v1/sessions?user_id={ext}");
    let found = server.get(&sessions, key).await;
    assert_eq!(found.body["items"][0]["id"], signed_in.body["session_id"]);
    let events = format!("/v1/events?user_id={ext}&type=user.created");
    let found = server.get(&events, key).await;
    assert_eq!(found.body["items"].as_array().unwrap().len(), 1);
    let ended = server.delete(&at("/sessions"), key).await;
    assert_eq!(ended.body["sessions_ended"], 1);
    for action in ["/suspend", "/resume"] {
        assert_eq!(server.post(&at(action), key, json!({})).await.status, 200);
    }
    assert_eq!(server.delete(&at(""), key).await.status, 200);
}

#[tokio::test]
async fn an_external_id_that_nobody_has_names_nobody() {
    let server = Server::start().await;
    let group = server.group("analysts", &[]).await;
    let key = server.key.as_str();
    for nobody in ["ext:nobody", "ext:", "nobody"] {
        let user = server.get(&format!("/v1/users/{nobody}"), key).await;
        assert_eq!(user.code(), "not_found", "{nobody}");
    }
    let sessions = server.get("/v1/sessions?user_id=ext:nobody", key).await;
    assert_eq!(sessions.code(), "not_found");
    let bulk = json!({ "add": ["ext:nobody"] });
    let members = format!("/v1/groups/{group}/members");
    assert_eq!(server.post(&members, key, bulk).await.code(), "not_found");
    let bulk = json!({ "add": ["nobody"] });
    assert_eq!(
        server.post(&members, key, bulk).await.code(),
        "validation_failed"
    );
    // Who may not ask does not find out who exists.
    server.user("anna", &[]).await;
    let who = server.sign_in("anna", "laptop").await;
    let refused = server.get("/v1/users/ext:nobody", &who.access_token).await;
    assert_eq!(refused.code(), "forbidden");
}
