//! What ended here, although its issuer goes on with it, does not begin again.

use std::time::Duration;

use serde_json::json;

use crate::support::{IssuerKey, Provider, Server, SignedIn};

async fn world() -> (Provider, Server) {
    let provider = Provider::start(IssuerKey::ec("k1")).await;
    let server = Server::start_with(&[("ISSUERS", &provider.setting(""))]).await;
    (provider, server)
}

#[tokio::test]
async fn what_ended_here_does_not_begin_again_by_an_old_sign_in() {
    let (provider, server) = world().await;
    let token = provider.token(&server, "1", "s1");
    let first = SignedIn::read(&server.exchange(&token, "phone").await.body);
    // The answer was lost: the same token again is the same sign-in.
    let who = SignedIn::read(&server.exchange(&token, "phone").await.body);
    assert_eq!(
        server.get("/v1/me", &first.access_token).await.code(),
        "session_ended"
    );
    let path = format!("/v1/sessions/{}", who.session_id);
    assert_eq!(server.delete(&path, &server.key).await.status, 200);

    let refused = server.exchange(&token, "phone").await;
    assert_eq!((refused.status, refused.code()), (401, "session_ended"));
    assert_eq!(refused.body["reason"], "revoked_by_admin");
    // Another sign-in of the same person is not concerned.
    let other = provider.token(&server, "1", "s2");
    assert_eq!(server.exchange(&other, "tablet").await.status, 200);

    server.advance(Duration::from_secs(2)).await;
    let mut renewed = provider.claims(&server, "1", "s1");
    renewed["auth_time"] = json!(server.now() - 60);
    let refreshed = server.exchange(&provider.key.sign(&renewed), "phone").await;
    assert_eq!(
        refreshed.code(),
        "session_ended",
        "a refresh there is no sign-in"
    );
    let later = provider.token(&server, "1", "s1");
    assert_eq!(server.exchange(&later, "phone").await.status, 200);
    assert_eq!(
        server.exchange(&token, "laptop").await.code(),
        "session_ended"
    );
}

#[tokio::test]
async fn an_end_for_the_whole_person_reaches_sign_ins_that_were_never_seen() {
    for (what, reason) in [
        ("everywhere", "signed_out_everywhere"),
        ("sessions", "revoked_by_admin"),
        ("suspend", "user_suspended"),
        ("delete", "user_deleted"),
        ("all", "revoke_all"),
    ] {
        let (provider, server) = world().await;
        let enter = async |token: &str| server.exchange(token, "phone").await;
        let unseen = provider.token(&server, "1", "s2");
        let seen = provider.token(&server, "1", "s1");
        let who = SignedIn::read(&server.exchange(&seen, "laptop").await.body);
        let user = format!("/v1/users/{}", who.user_id);
        let none = json!({});
        let done = match what {
            "everywhere" => {
                server
                    .post("/v1/sign-out-everywhere", &who.access_token, none)
                    .await
            }
            "sessions" => {
                server
                    .delete(&format!("{user}/sessions"), &server.key)
                    .await
            }
            "suspend" => {
                server
                    .post(&format!("{user}/suspend"), &server.key, none)
                    .await
            }
            "delete" => server.delete(&user, &server.key).await,
            _ => server.post("/v1/revoke-all", &server.key, none).await,
        };
        assert_eq!(done.status, 200, "{what}: {}", done.body);
        if what == "suspend" {
            assert_eq!(enter(&unseen).await.code(), "user_suspended");
            let resumed = server
                .post(&format!("{user}/resume"), &server.key, json!({}))
                .await;
            assert_eq!(resumed.status, 200);
        }
        for token in [&unseen, &seen] {
            let refused = enter(token).await;
            assert_eq!(refused.code(), "session_ended", "{what}: {}", refused.body);
            assert_eq!(refused.body["reason"], reason);
        }
        server.advance(Duration::from_secs(2)).await;
        let answer = enter(&provider.token(&server, "1", "s3")).await;
        assert_eq!(answer.status, 200, "{what}: {}", answer.body);
    }
}

#[tokio::test]
async fn an_unknown_user_is_not_made_by_a_refused_token() {
    let (provider, server) = world().await;
    let who = SignedIn::read(
        &server
            .exchange(&provider.token(&server, "1", "s1"), "phone")
            .await
            .body,
    );
    let token = provider.token(&server, "1", "s2");
    let gone = server
        .delete(&format!("/v1/users/{}", who.user_id), &server.key)
        .await;
    assert_eq!(gone.status, 200);
    assert_eq!(
        server.exchange(&token, "phone").await.code(),
        "session_ended"
    );
    let users = server.get("/v1/users", &server.key).await;
    assert_eq!(
        users.body["items"].as_array().unwrap().len(),
        1,
        "{}",
        users.body
    );
}

#[tokio::test]
async fn a_session_that_ran_out_is_over_before_anybody_has_swept_it() {
    let provider = Provider::start(IssuerKey::ec("k1")).await;
    let settings = [
        ("ISSUERS", &*provider.setting("")),
        ("SWEEP_INTERVAL_MS", "60000"),
    ];
    let server = Server::start_with(&settings).await;
    server
        .policy(json!({ "max_sessions": null, "idle_timeout_s": 60 }))
        .await;
    let token = provider.token(&server, "1", "s1");
    assert_eq!(server.exchange(&token, "phone").await.status, 200);
    server.advance(Duration::from_secs(61)).await;
    let refused = server.exchange(&token, "phone").await;
    assert_eq!(refused.code(), "session_ended", "{}", refused.body);
    assert_eq!(refused.body["reason"], "idle_timeout");
}

#[tokio::test]
async fn a_provider_revokes_whom_it_knows_by_its_own_name() {
    let (provider, server) = world().await;
    let token = provider.token(&server, "anna", "s1");
    let who = SignedIn::read(&server.exchange(&token, "phone").await.body);
    let revoke = async |iss: &str| {
        let body = json!({ "sub_id": { "format": "iss_sub", "iss": iss, "sub": "anna" } });
        let path = "/global-token-revocation";
        assert_eq!(server.post(path, &server.key, body).await.status, 204);
        server.get("/v1/me", &who.access_token).await
    };
    assert_eq!(revoke("https://elsewhere.example").await.status, 200);
    let refused = revoke(&provider.url).await;
    assert_eq!(refused.body["reason"], "identity_provider_logout");
    let again = server.exchange(&token, "phone").await;
    assert_eq!(again.code(), "session_ended");
}
