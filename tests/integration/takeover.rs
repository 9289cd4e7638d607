//! The four answers at the limit, and counting by platform.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{PASSWORD, Server, SignedIn, device_named};

async fn one_seat(server: &Server, at_limit: &str) {
    server
        .policy(json!({ "max_sessions": 1, "at_limit": at_limit }))
        .await;
}

#[tokio::test]
async fn evict_oldest_tells_the_older_device_who_took_its_place() {
    let server = Server::start().await;
    server.user("anna", &[]).await;
    one_seat(&server, "evict_oldest").await;
    let laptop = server.sign_in("anna", "laptop").await;
    let mut socket = server.welcomed(&laptop).await;
    let phone = server.sign_in("anna", "phone").await;
    let message = socket.expect("session.revoked").await;
    assert_eq!(message["reason"], "superseded");
    assert_eq!(
        message["replaced_by"],
        json!({ "device_name": "phone", "platform": "web" })
    );
    assert_eq!(message["initiating_entity"], "policy");
    assert_eq!(socket.expect_close(4502).await, "superseded");
    assert_eq!(
        server.get("/v1/me", &laptop.access_token).await.code(),
        "session_ended"
    );
    assert_eq!(server.get("/v1/me", &phone.access_token).await.status, 200);
}

#[tokio::test]
async fn the_same_device_replaces_its_own_session_and_never_counts() {
    let server = Server::start().await;
    server.user("anna", &[]).await;
    one_seat(&server, "reject").await;
    let first = server.sign_in("anna", "laptop").await;
    let second = server.sign_in("anna", "laptop").await;
    assert_eq!(
        server.get("/v1/me", &first.access_token).await.body["reason"],
        "superseded"
    );
    assert_eq!(server.get("/v1/me", &second.access_token).await.status, 200);
    let sessions = server.get("/v1/me/sessions", &second.access_token).await;
    assert_eq!(
        sessions.body["items"].as_array().unwrap().len(),
        1,
        "{}",
        sessions.body
    );
    assert_eq!(sessions.body["items"][0]["current"], true);
}

#[tokio::test]
async fn reject_says_who_has_the_seat_without_ids() {
    let server = Server::start().await;
    server.user("anna", &[]).await;
    one_seat(&server, "reject").await;
    server.sign_in("anna", "laptop").await;
    let refused = server.try_sign_in("anna", PASSWORD, "phone").await;
    assert_eq!(
        (refused.status, refused.code()),
        (409, "session_limit_reached")
    );
    assert_eq!(refused.body["sessions"][0]["device_name"], "laptop");
    assert!(refused.body["takeover_token"].is_null());
    let id = device_named("laptop")["id"].as_str().unwrap().to_owned();
    assert!(!refused.body.to_string().contains(&id));
}

#[tokio::test]
async fn ask_gives_a_token_that_takes_the_seat_once() {
    let server = Server::start().await;
    server.user("anna", &[]).await;
    one_seat(&server, "ask").await;
    let laptop = server.sign_in("anna", "laptop").await;
    let mut socket = server.welcomed(&laptop).await;
    let refused = server.try_sign_in("anna", PASSWORD, "phone").await;
    assert_eq!(
        (refused.status, refused.code()),
        (409, "session_limit_reached")
    );
    let token = json!({ "takeover_token": refused.body["takeover_token"] });
    let answer = server.post("/v1/sign-in/takeover", "", token.clone()).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(
        socket.expect("session.revoked").await["reason"],
        "superseded"
    );
    let phone = SignedIn::read(&answer.body);
    assert_eq!(server.get("/v1/me", &phone.access_token).await.status, 200);
    let again = server.post("/v1/sign-in/takeover", "", token).await;
    assert_eq!(
        (again.status, again.code()),
        (401, "token_invalid"),
        "single use"
    );
    let late = server.try_sign_in("anna", PASSWORD, "tablet").await;
    server.advance(Duration::from_secs(121)).await;
    let token = json!({ "takeover_token": late.body["takeover_token"] });
    let expired = server.post("/v1/sign-in/takeover", "", token).await;
    assert_eq!(expired.status, 410, "{}", expired.body);
}

async fn asked(server: &Server) -> (crate::support::Socket, SignedIn, Value, Value) {
    server.user("anna", &[]).await;
    one_seat(server, "approve").await;
    let laptop = server.sign_in("anna", "laptop").await;
    let mut socket = server.welcomed(&laptop).await;
    let pending = server.try_sign_in("anna", PASSWORD, "phone").await;
    assert_eq!(pending.status, 202, "{}", pending.body);
    let question = socket.expect("session.takeover_requested").await;
    assert_eq!(question["device_name"], "phone");
    assert_eq!(question["request_id"], pending.body["request_id"]);
    assert!(
        !question
            .to_string()
            .contains(pending.body["request_token"].as_str().unwrap())
    );
    (
        socket,
        laptop,
        question,
        json!({ "request_token": pending.body["request_token"] }),
    )
}

#[tokio::test]
async fn approve_asks_the_older_device_and_allow_ends_it() {
    let server = Server::start().await;
    let (mut socket, laptop, question, token) = asked(&server).await;
    assert_eq!(
        server
            .post("/v1/sign-in/requests", "", token.clone())
            .await
            .status,
        202
    );
    let id = &question["request_id"];
    socket
        .say(json!({ "type": "takeover.answer", "request_id": id, "allow": true }))
        .await;
    assert_eq!(
        socket.expect("session.revoked").await["reason"],
        "superseded"
    );
    let answer = server.post("/v1/sign-in/requests", "", token.clone()).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let phone = SignedIn::read(&answer.body);
    assert_eq!(server.get("/v1/me", &phone.access_token).await.status, 200);
    assert_eq!(
        server.get("/v1/me", &laptop.access_token).await.code(),
        "session_ended"
    );
    let again = server.post("/v1/sign-in/requests", "", token).await;
    assert_eq!(
        SignedIn::read(&again.body).session_id,
        phone.session_id,
        "the same answer"
    );
    assert_eq!(
        SignedIn::read(&again.body).refresh_token,
        phone.refresh_token
    );
}

#[tokio::test]
async fn approve_denied_leaves_the_older_device_in() {
    let server = Server::start().await;
    let (mut socket, laptop, question, token) = asked(&server).await;
    let id = &question["request_id"];
    socket
        .say(json!({ "type": "takeover.answer", "request_id": id, "allow": false }))
        .await;
    socket.expect_silence().await;
    let denied = server.post("/v1/sign-in/requests", "", token).await;
    assert_eq!((denied.status, denied.code()), (403, "takeover_denied"));
    assert_eq!(server.get("/v1/me", &laptop.access_token).await.status, 200);
    // The first answer decides.
    socket
        .say(json!({ "type": "takeover.answer", "request_id": id, "allow": true }))
        .await;
    assert_eq!(socket.expect("error").await["code"], "takeover_expired");
}

#[tokio::test]
async fn approve_unanswered_becomes_ask() {
    let server = Server::start().await;
    let (_socket, laptop, _, token) = asked(&server).await;
    server.advance(Duration::from_secs(31)).await;
    let expired = server.post("/v1/sign-in/requests", "", token.clone()).await;
    assert_eq!((expired.status, expired.code()), (410, "takeover_expired"));
    let repeated = server.post("/v1/sign-in/requests", "", token).await;
    assert_eq!(
        repeated.body["takeover_token"],
        expired.body["takeover_token"]
    );
    let token = json!({ "takeover_token": expired.body["takeover_token"] });
    assert_eq!(
        server.post("/v1/sign-in/takeover", "", token).await.status,
        200
    );
    assert_eq!(
        server.get("/v1/me", &laptop.access_token).await.code(),
        "session_ended"
    );
}

#[tokio::test]
async fn approve_with_nobody_connected_is_ask_at_once() {
    let server = Server::start().await;
    server.user("anna", &[]).await;
    one_seat(&server, "approve").await;
    server.sign_in("anna", "laptop").await;
    let refused = server.try_sign_in("anna", PASSWORD, "phone").await;
    assert_eq!(refused.status, 409);
    assert!(
        refused.body["takeover_token"].is_string(),
        "{}",
        refused.body
    );
}

#[tokio::test]
async fn a_stranger_cannot_answer_for_somebody_else() {
    let server = Server::start().await;
    server.user("mallory", &[]).await;
    let mallory = server.sign_in("mallory", "laptop").await;
    let mut stranger = server.welcomed(&mallory).await;
    let (_socket, _, question, token) = asked(&server).await;
    let id = &question["request_id"];
    stranger
        .say(json!({ "type": "takeover.answer", "request_id": id, "allow": true }))
        .await;
    assert_eq!(stranger.expect("error").await["code"], "not_found");
    assert_eq!(
        server.post("/v1/sign-in/requests", "", token).await.status,
        202
    );
}

#[tokio::test]
async fn sessions_can_be_counted_by_platform() {
    let server = Server::start().await;
    server.user("anna", &[]).await;
    server
        .policy(json!({ "max_sessions": 1, "count_by": "platform", "at_limit": "reject" }))
        .await;
    server.sign_in("anna", "laptop").await;
    let mut phone = device_named("phone");
    phone["platform"] = "ios".into();
    let body = json!({ "username": "anna", "password": PASSWORD, "device": phone });
    assert_eq!(server.post("/v1/sign-in", "", body).await.status, 200);
    assert_eq!(
        server.try_sign_in("anna", PASSWORD, "tablet").await.status,
        409
    );
}

#[tokio::test]
async fn a_lowered_limit_ends_the_surplus_oldest_first() {
    let server = Server::start().await;
    server.user("anna", &[]).await;
    let mut devices = Vec::new();
    for name in ["laptop", "phone", "tablet"] {
        devices.push(server.sign_in("anna", name).await);
    }
    let answer = server.policy(json!({ "max_sessions": 1 })).await;
    let receipt = if answer.body["receipt"].is_object() {
        &answer.body["receipt"]
    } else {
        &answer.body
    };
    assert_eq!(receipt["sessions_ended"], 2, "{}", answer.body);
    for old in &devices[..2] {
        let me = server.get("/v1/me", &old.access_token).await;
        assert_eq!(me.body["reason"], "policy_changed");
    }
    assert_eq!(
        server.get("/v1/me", &devices[2].access_token).await.status,
        200
    );
}

#[tokio::test]
async fn a_group_with_a_policy_rules_its_members_and_a_users_own_wins() {
    let server = Server::start().await;
    let group = server.group("kiosk", &[]).await;
    let anna = server.user("anna", &[]).await;
    let (laptop, phone) = (
        server.sign_in("anna", "laptop").await,
        server.sign_in("anna", "phone").await,
    );
    let policy = json!({ "max_sessions": 1, "at_limit": "reject" });
    server
        .put(&format!("/v1/policies/groups/{group}"), &server.key, policy)
        .await;
    // Coming into the group alters the policy in force.
    server
        .put(
            &format!("/v1/groups/{group}/members/{anna}"),
            &server.key,
            json!({}),
        )
        .await;
    assert_eq!(
        server.get("/v1/me", &laptop.access_token).await.body["reason"],
        "policy_changed"
    );
    assert_eq!(
        server.try_sign_in("anna", PASSWORD, "tablet").await.status,
        409
    );
    let own = json!({ "max_sessions": 2 });
    server
        .put(&format!("/v1/policies/users/{anna}"), &server.key, own)
        .await;
    assert_eq!(
        server.try_sign_in("anna", PASSWORD, "tablet").await.status,
        200
    );
    assert_eq!(server.refresh(&phone.refresh_token).await.status, 200);
}
