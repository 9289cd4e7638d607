//! The races of the design with their order forced: a request is held at a step, another one that takes
//! something away goes first or has to wait, and no token is good afterwards that should not be.

use std::sync::Arc;

use serde_json::{Value, json};
use sessionwire::service::Step;
use tokio::task::JoinHandle;

use crate::support::{Answer, PASSWORD, Server, SignedIn, Steps};

const ALL: [Step; 4] = [
    Step::Proven,
    Step::Written,
    Step::Committed,
    Step::RightsRead,
];

/// Holds `slow` at a step, does `quick` meanwhile, and answers what both were told. What is written and
/// not committed is locked, so there `quick` has to wait until `slow` has gone on.
async fn overtake(
    steps: &mut Steps,
    step: Step,
    slow: impl Future<Output = Answer> + Send + 'static,
    quick: impl Future<Output = Answer> + Send + 'static,
) -> (Answer, Answer) {
    steps.hold_at(step);
    let slow: JoinHandle<Answer> = tokio::spawn(slow);
    steps.until_held().await;
    let quick = tokio::spawn(quick);
    if step == Step::Written {
        steps.let_go();
        let slow = slow.await.unwrap();
        return (slow, quick.await.unwrap());
    }
    let quick = quick.await.unwrap();
    assert!(!slow.is_finished());
    steps.let_go();
    (slow.await.unwrap(), quick)
}

/// What a token's session was answered: nothing that could be used, or something that is refused.
async fn is_worthless(server: &Server, answer: &Answer, code: &str) {
    if answer.status != 200 {
        return;
    }
    let who = SignedIn::read(&answer.body);
    let me = server.get("/v1/me", &who.access_token).await;
    assert_eq!(me.code(), code, "{}", me.body);
    let refreshed = server.refresh(&who.refresh_token).await;
    assert_eq!(refreshed.code(), code, "{}", refreshed.body);
}

fn refresh(server: &Arc<Server>, token: &str) -> impl Future<Output = Answer> + Send + 'static {
    let (server, token) = (Arc::clone(server), token.to_owned());
    async move { server.refresh(&token).await }
}

fn sign_in(server: &Arc<Server>, device: &str) -> impl Future<Output = Answer> + Send + 'static {
    let (server, device) = (Arc::clone(server), device.to_owned());
    async move { server.try_sign_in("anna", PASSWORD, &device).await }
}

fn post(server: &Arc<Server>, path: String) -> impl Future<Output = Answer> + Send + 'static {
    let server = Arc::clone(server);
    async move { server.post(&path, &server.key, json!({})).await }
}

fn delete(server: &Arc<Server>, path: String) -> impl Future<Output = Answer> + Send + 'static {
    let server = Arc::clone(server);
    async move { server.delete(&path, &server.key).await }
}

#[test]
fn a_refresh_never_outlives_a_revocation() {
    Steps::run(async |mut steps| {
        let server = Arc::new(Server::start().await);
        let anna = server.user("anna", &[]).await;
        for step in ALL {
            let who = server.sign_in("anna", "laptop").await;
            let (refreshed, revoked) = overtake(
                &mut steps,
                step,
                refresh(&server, &who.refresh_token),
                delete(&server, format!("/v1/users/{anna}/sessions")),
            )
            .await;
            assert_eq!(
                revoked.body["sessions_ended"], 1,
                "{step:?} {}",
                revoked.body
            );
            match step {
                Step::Proven | Step::Committed => {
                    assert_eq!(refreshed.code(), "session_ended", "{step:?}");
                    assert_eq!(refreshed.body["reason"], "revoked_by_admin");
                }
                // Held at `Written`, the refresh came first; after the rights were read it is signed.
                Step::Written | Step::RightsRead => {}
            }
            is_worthless(&server, &refreshed, "session_ended").await;
            assert_eq!(
                server.get("/v1/me", &who.access_token).await.code(),
                "session_ended"
            );
        }
    });
}

#[test]
fn a_sign_in_never_outlives_a_suspension() {
    Steps::run(async |mut steps| {
        let server = Arc::new(Server::start().await);
        let anna = server.user("anna", &[]).await;
        for step in ALL {
            let (signed_in, suspended) = overtake(
                &mut steps,
                step,
                sign_in(&server, "laptop"),
                post(&server, format!("/v1/users/{anna}/suspend")),
            )
            .await;
            assert_eq!(suspended.status, 200, "{}", suspended.body);
            match step {
                Step::Proven => assert_eq!(signed_in.code(), "user_suspended"),
                Step::Committed => assert_eq!(signed_in.body["reason"], "user_suspended"),
                Step::Written | Step::RightsRead => {}
            }
            is_worthless(&server, &signed_in, "session_ended").await;
            let live = server.get("/v1/sessions?state=live", &server.key).await;
            assert_eq!(live.body["items"], json!([]), "{step:?}");
            server
                .post(&format!("/v1/users/{anna}/resume"), &server.key, json!({}))
                .await;
        }
    });
}

#[test]
fn a_sign_in_never_outlives_a_new_password() {
    Steps::run(async |mut steps| {
        let server = Arc::new(Server::start().await);
        let anna = server.user("anna", &[]).await;
        for (step, number) in ALL.into_iter().zip(1..) {
            let change = {
                let (server, path) = (Arc::clone(&server), format!("/v1/users/{anna}"));
                let body = json!({ "password": format!("another password {number}") });
                async move { server.patch(&path, &server.key, body).await }
            };
            let (signed_in, changed) =
                overtake(&mut steps, step, sign_in(&server, "laptop"), change).await;
            assert_eq!(changed.status, 200, "{}", changed.body);
            if step == Step::Proven {
                assert_eq!(signed_in.code(), "invalid_credentials");
            }
            is_worthless(&server, &signed_in, "session_ended").await;
            let back = json!({ "password": PASSWORD });
            server
                .patch(&format!("/v1/users/{anna}"), &server.key, back)
                .await;
        }
    });
}

#[test]
fn a_token_never_keeps_rights_that_were_taken_while_it_was_made() {
    Steps::run(async |mut steps| {
        let server = Arc::new(Server::start().await);
        let group = server.group("analysts", &["reports:read"]).await;
        let anna = server.user("anna", &["analysts"]).await;
        let path = format!("/v1/groups/{group}/members/{anna}");
        for step in ALL {
            for fresh in [false, true] {
                let who = server.sign_in("anna", "laptop").await;
                let removal = delete(&server, path.clone());
                let (answer, removed) = if fresh {
                    overtake(&mut steps, step, sign_in(&server, "phone"), removal).await
                } else {
                    let refreshing = refresh(&server, &who.refresh_token);
                    overtake(&mut steps, step, refreshing, removal).await
                };
                assert_eq!(removed.body["changed"], true, "{}", removed.body);
                assert_eq!(answer.status, 200, "{}", answer.body);
                let token = answer.body["access_token"].as_str().unwrap();
                let me = server.get("/v1/me", token).await;
                match step {
                    Step::Proven | Step::Committed => {
                        assert_eq!(me.body["permissions"], json!([]), "{step:?}");
                    }
                    Step::RightsRead => assert_eq!(me.code(), "token_stale"),
                    // Whether its rights were read before the removal is not forced.
                    Step::Written => assert!(knows_or_is_stale(&me), "{}", me.body),
                }
                server.put(&path, &server.key, json!({})).await;
            }
        }
    });
}

fn knows_or_is_stale(me: &Answer) -> bool {
    me.code() == "token_stale" || me.body["permissions"] == Value::Array(Vec::new())
}

#[test]
fn of_two_sign_ins_under_a_limit_of_one_the_later_has_the_seat() {
    Steps::run(async |mut steps| {
        let server = Arc::new(Server::start().await);
        server.user("anna", &[]).await;
        server
            .policy(json!({ "max_sessions": 1, "at_limit": "evict_oldest" }))
            .await;
        for step in ALL {
            let (held, other) = overtake(
                &mut steps,
                step,
                sign_in(&server, "held"),
                sign_in(&server, "other"),
            )
            .await;
            let live = server.get("/v1/sessions?state=live", &server.key).await;
            let live = live.body["items"].as_array().unwrap().clone();
            assert_eq!(live.len(), 1, "{step:?}");
            let (winner, loser) = match step {
                // It had yet to take its turn.
                Step::Proven => (&held, &other),
                Step::Written | Step::Committed | Step::RightsRead => (&other, &held),
            };
            assert_eq!(live[0]["id"], winner.body["session_id"], "{step:?}");
            is_worthless(&server, loser, "session_ended").await;
        }
    });
}
