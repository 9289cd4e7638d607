//! Every way in which a session ends: exactly one event, the right frame, and no token survives.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{PASSWORD, Server, SignedIn, Socket, device_named};

/// The session is over for everybody who holds a part of it.
async fn is_over(server: &Server, who: &SignedIn, reason: &str) {
    let me = server.get("/v1/me", &who.access_token).await;
    assert_eq!(
        (me.status, me.code(), me.body["reason"].as_str()),
        (401, "session_ended", Some(reason))
    );
    let refresh = server.refresh(&who.refresh_token).await;
    assert_eq!((refresh.status, refresh.code()), (401, "session_ended"));
    assert_eq!(refresh.body["reason"], reason);
    let mut socket = server.socket(&who.access_token).await;
    assert_eq!(socket.expect("session.revoked").await["reason"], reason);
    assert_eq!(ends_of(server, who).await, 1, "exactly one event");
}

async fn ends_of(server: &Server, who: &SignedIn) -> usize {
    let path = format!(
        "/v1/events?type=session.ended&user_id={}&limit=200",
        who.user_id
    );
    let events = server.get(&path, &server.key).await;
    let items = events.body["items"].as_array().unwrap().clone();
    items
        .iter()
        .filter(|event| event["subject"]["id"] == who.session_id.as_str())
        .count()
}

async fn hears_the_end(socket: &mut Socket, reason: &str, code: u16) -> Value {
    let message = socket.expect("session.revoked").await;
    assert_eq!(message["reason"], reason);
    assert!(message["message"].as_str().unwrap().ends_with('.'));
    assert_eq!(socket.expect_close(code).await, reason);
    message
}

#[tokio::test]
async fn a_removed_user_is_out_at_once_everywhere() {
    let server = Server::start().await;
    let anna = server.user("anna", &[]).await;
    let (laptop, phone) = (
        server.sign_in("anna", "laptop").await,
        server.sign_in("anna", "phone").await,
    );
    let mut sockets = [
        server.welcomed(&laptop).await,
        server.welcomed(&phone).await,
    ];
    let answer = server
        .delete(&format!("/v1/users/{anna}"), &server.key)
        .await;
    assert_eq!(
        (answer.status, &answer.body["sessions_ended"]),
        (200, &json!(2)),
        "{}",
        answer.body
    );
    for socket in &mut sockets {
        hears_the_end(socket, "user_deleted", 4503).await;
    }
    is_over(&server, &laptop, "user_deleted").await;
    is_over(&server, &phone, "user_deleted").await;
    let again = server.try_sign_in("anna", PASSWORD, "laptop").await;
    assert_eq!((again.status, again.code()), (401, "invalid_credentials"));
}

#[tokio::test]
async fn signing_out_ends_one_session_and_leaves_the_other() {
    let server = Server::start().await;
    server.user("anna", &[]).await;
    let (laptop, phone) = (
        server.sign_in("anna", "laptop").await,
        server.sign_in("anna", "phone").await,
    );
    let mut socket = server.welcomed(&laptop).await;
    let answer = server
        .post("/v1/sign-out", &laptop.access_token, json!({}))
        .await;
    assert_eq!(
        (answer.status, &answer.body["sessions_ended"]),
        (200, &json!(1)),
        "{}",
        answer.body
    );
    let message = hears_the_end(&mut socket, "signed_out", 4501).await;
    assert_eq!(message["initiating_entity"], "user");
    is_over(&server, &laptop, "signed_out").await;
    assert_eq!(server.get("/v1/me", &phone.access_token).await.status, 200);
}

#[tokio::test]
async fn signing_out_everywhere_can_spare_this_device() {
    let server = Server::start().await;
    server.user("anna", &[]).await;
    let (laptop, phone) = (
        server.sign_in("anna", "laptop").await,
        server.sign_in("anna", "phone").await,
    );
    let body = json!({ "except_current": true });
    let answer = server
        .post("/v1/sign-out-everywhere", &laptop.access_token, body)
        .await;
    assert_eq!(
        (answer.status, &answer.body["sessions_ended"]),
        (200, &json!(1)),
        "{}",
        answer.body
    );
    is_over(&server, &phone, "signed_out_everywhere").await;
    assert_eq!(
        server.get("/v1/me", &laptop.access_token).await.status,
        200,
        "its token stays good"
    );
    server
        .post("/v1/sign-out-everywhere", &laptop.access_token, json!({}))
        .await;
    is_over(&server, &laptop, "signed_out_everywhere").await;
}

#[tokio::test]
async fn a_changed_password_ends_the_other_sessions() {
    let server = Server::start().await;
    server.user("anna", &[]).await;
    let (laptop, phone) = (
        server.sign_in("anna", "laptop").await,
        server.sign_in("anna", "phone").await,
    );
    let wrong = json!({ "current_password": "not this one", "new_password": "another good one" });
    let refused = server
        .put("/v1/me/password", &laptop.access_token, wrong)
        .await;
    assert_eq!(
        (refused.status, refused.code()),
        (401, "invalid_credentials")
    );
    let right = json!({ "current_password": PASSWORD, "new_password": "another good one" });
    assert_eq!(
        server
            .put("/v1/me/password", &laptop.access_token, right)
            .await
            .status,
        200
    );
    is_over(&server, &phone, "password_changed").await;
    assert_eq!(server.get("/v1/me", &laptop.access_token).await.status, 200);
    assert_eq!(
        server.try_sign_in("anna", PASSWORD, "tablet").await.code(),
        "invalid_credentials"
    );
    assert_eq!(
        server
            .try_sign_in("anna", "another good one", "tablet")
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn a_suspended_user_is_out_and_stays_out_until_resumed() {
    let server = Server::start().await;
    let anna = server.user("anna", &[]).await;
    let laptop = server.sign_in("anna", "laptop").await;
    let mut socket = server.welcomed(&laptop).await;
    assert_eq!(
        server
            .post(&format!("/v1/users/{anna}/suspend"), &server.key, json!({}))
            .await
            .status,
        200
    );
    hears_the_end(&mut socket, "user_suspended", 4503).await;
    is_over(&server, &laptop, "user_suspended").await;
    // Only the right password learns it.
    assert_eq!(
        server.try_sign_in("anna", PASSWORD, "laptop").await.code(),
        "user_suspended"
    );
    assert_eq!(
        server
            .try_sign_in("anna", "wrong password", "laptop")
            .await
            .code(),
        "invalid_credentials"
    );
    server
        .post(&format!("/v1/users/{anna}/resume"), &server.key, json!({}))
        .await;
    let back = server.sign_in("anna", "laptop").await;
    assert_eq!(server.get("/v1/me", &back.access_token).await.status, 200);
    is_over(&server, &laptop, "user_suspended").await;
}

#[tokio::test]
async fn administrators_end_sessions_and_devices_and_everybodys() {
    let server = Server::start().await;
    server.user("anna", &[]).await;
    let (laptop, phone) = (
        server.sign_in("anna", "laptop").await,
        server.sign_in("anna", "phone").await,
    );
    let path = format!("/v1/sessions/{}", laptop.session_id);
    assert_eq!(
        server.delete(&path, &server.key).await.body["changed"],
        true
    );
    is_over(&server, &laptop, "revoked_by_admin").await;
    let again = server.delete(&path, &server.key).await;
    assert_eq!(
        (again.status, &again.body["changed"]),
        (200, &json!(false)),
        "the first reason stands"
    );
    is_over(&server, &laptop, "revoked_by_admin").await;

    let device = device_named("phone")["id"].as_str().unwrap().to_owned();
    let tablet = server.sign_in("anna", "tablet").await;
    let gone = server
        .delete(&format!("/v1/me/devices/{device}"), &tablet.access_token)
        .await;
    assert_eq!(gone.status, 200, "{}", gone.body);
    is_over(&server, &phone, "device_revoked").await;

    let all = server.post("/v1/revoke-all", &server.key, json!({})).await;
    assert_eq!(
        (all.status, &all.body["sessions_ended"]),
        (200, &json!(1)),
        "{}",
        all.body
    );
    is_over(&server, &tablet, "revoke_all").await;
    let new = server.sign_in("anna", "tablet").await;
    assert_eq!(server.get("/v1/me", &new.access_token).await.status, 200);
}

#[tokio::test]
async fn sessions_end_of_idleness_and_of_age() {
    let server = Server::start().await;
    server.user("anna", &[]).await;
    let hour = 3600;
    server
        .policy(json!({ "idle_timeout_s": hour, "max_age_s": 3 * hour }))
        .await;
    let idle = server.sign_in("anna", "laptop").await;
    let busy = server.sign_in("anna", "phone").await;
    let mut socket = server.welcomed(&idle).await;
    let mut refresh_token = busy.refresh_token.clone();
    for _ in 0..4 {
        server.advance(Duration::from_mins(50)).await;
        let answer = server.refresh(&refresh_token).await;
        if answer.status == 401 {
            assert_eq!(answer.body["reason"], "expired");
            break;
        }
        refresh_token = answer.body["refresh_token"].as_str().unwrap().to_owned();
    }
    assert_eq!(
        server.refresh(&refresh_token).await.body["reason"],
        "expired"
    );
    assert_eq!(
        server.refresh(&idle.refresh_token).await.body["reason"],
        "idle_timeout"
    );
    // The socket was closed when its token ran out, or told of the end, whichever came first.
    match socket.hear().await {
        crate::support::Heard::Close(code, _) => assert_eq!(code, 4001),
        crate::support::Heard::Message(message) => {
            assert!(
                ["session.revoked", "token.expiring"].contains(&message["type"].as_str().unwrap())
            );
        }
    }
    assert_eq!(ends_of(&server, &idle).await, 1);
    assert_eq!(ends_of(&server, &busy).await, 1);
}

#[tokio::test]
async fn a_sweeper_ends_what_nobody_asks_about_and_tells_the_socket() {
    let server = Server::start().await;
    server.user("anna", &[]).await;
    server.policy(json!({ "idle_timeout_s": 120 })).await;
    let who = server.sign_in("anna", "laptop").await;
    let mut socket = server.welcomed(&who).await;
    server.advance(Duration::from_secs(121)).await;
    loop {
        match socket.hear().await {
            crate::support::Heard::Message(message) if message["type"] == "session.revoked" => {
                assert_eq!(message["reason"], "idle_timeout");
                assert_eq!(message["initiating_entity"], "policy");
                break;
            }
            crate::support::Heard::Message(message) => {
                assert_eq!(message["type"], "token.expiring");
            }
            // The token ends with the session, so either may be first.
            crate::support::Heard::Close(code, _) => {
                assert_eq!(code, 4001);
                assert_eq!(
                    server.refresh(&who.refresh_token).await.body["reason"],
                    "idle_timeout"
                );
                break;
            }
        }
    }
}

#[tokio::test]
async fn activity_keeps_a_session_alive() {
    let server = Server::start().await;
    server.user("anna", &[]).await;
    server.policy(json!({ "idle_timeout_s": 200 })).await;
    let who = server.sign_in("anna", "laptop").await;
    let mut socket = server.welcomed(&who).await;
    server.advance(Duration::from_secs(100)).await;
    socket.say(json!({ "type": "activity" })).await;
    socket.expect_silence().await;
    server.advance(Duration::from_secs(150)).await;
    let answer = server.refresh(&who.refresh_token).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
}

#[tokio::test]
async fn nobody_touches_sessions_and_devices_of_others() {
    let server = Server::start().await;
    server.user("anna", &[]).await;
    server.user("mallory", &[]).await;
    let (anna, mallory) = (
        server.sign_in("anna", "laptop").await,
        server.sign_in("mallory", "laptop").await,
    );
    let foreign = format!("/v1/me/sessions/{}", anna.session_id);
    assert_eq!(
        server.delete(&foreign, &mallory.access_token).await.code(),
        "not_found"
    );
    // The same device id under another user is another device.
    assert_eq!(server.get("/v1/me", &anna.access_token).await.status, 200);
    let device = device_named("laptop")["id"].as_str().unwrap().to_owned();
    server
        .delete(&format!("/v1/me/devices/{device}"), &mallory.access_token)
        .await;
    assert_eq!(server.get("/v1/me", &anna.access_token).await.status, 200);
    let forbidden = server.get("/v1/users", &anna.access_token).await;
    assert_eq!((forbidden.status, forbidden.code()), (403, "forbidden"));
}
