//! A signing key in wrong hands: from the receipt on nothing that it signed is good, and nobody loses a
//! session by it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, Heard, Server, SignedIn};

fn kid_of(token: &str) -> String {
    let header = token.split('.').next().unwrap();
    let header: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).unwrap()).unwrap();
    header["kid"].as_str().unwrap().to_owned()
}

fn path_of(token: &str) -> String {
    format!("/v1/signing-keys/{}?wait_ms=10000", kid_of(token))
}

async fn refreshed(server: &Server, who: &SignedIn) -> SignedIn {
    let answer = server.refresh(&who.refresh_token).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    SignedIn::read(&answer.body)
}

async fn ticket(server: &Server, who: &SignedIn) -> String {
    let answer = server
        .post("/v1/socket-tickets", &who.access_token, json!({}))
        .await;
    answer.body["ticket"].as_str().unwrap().to_owned()
}

async fn expect_refusals(server: &Server, token: &str) {
    for (method, path) in [
        (Method::GET, "/v1/me"),
        (Method::POST, "/v1/sign-out"),
        (Method::GET, "/v1/verify"),
    ] {
        let answer = server.call(method, path, token, None).await;
        assert_eq!(
            (answer.status, answer.code()),
            (401, "token_invalid"),
            "{path}"
        );
    }
    let asked = server.http.post(format!("{}/oauth/introspect", server.url));
    let asked = asked.header("content-type", "application/x-www-form-urlencoded");
    let asked = asked
        .bearer_auth(&server.key)
        .body(format!("token={token}"));
    let told = Answer::read(asked.send().await.unwrap()).await;
    assert_eq!(told.body, json!({ "active": false }));
    let mut again = server.socket(token).await;
    assert_eq!(
        again.hear().await,
        Heard::Close(4500, "token_invalid".into())
    );
}

#[tokio::test]
async fn what_a_retired_key_signed_is_refused_everywhere_and_sessions_go_on() {
    let server = Server::start().await;
    server.user("anna", &[]).await;
    let phone = server.sign_in("anna", "phone").await;
    let mut old = server.welcomed(&phone).await;
    let mut renewed = server.welcomed(&phone).await;
    let path = path_of(&phone.access_token);
    let ticket = ticket(&server, &phone).await;

    // Who was given a token of another key before keeps the socket.
    let rotated = server
        .call(Method::POST, "/v1/signing-keys", &server.key, None)
        .await;
    assert_eq!(rotated.status, 201, "{}", rotated.body);
    server.advance(std::time::Duration::from_secs(6)).await;
    let next = refreshed(&server, &phone).await;
    assert_ne!(kid_of(&next.access_token), kid_of(&phone.access_token));
    renewed
        .say(json!({ "type": "token.refresh", "token": next.access_token }))
        .await;
    renewed.expect("token.refreshed").await;

    let preview = server
        .delete(&format!("{path}&dry_run=true"), &server.key)
        .await;
    assert_eq!(preview.body["dry_run"], true, "{}", preview.body);
    assert_eq!(server.get("/v1/me", &phone.access_token).await.status, 200);

    let answer = server.delete(&path, &server.key).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.body["changed"], true);
    assert_eq!(answer.body["sessions_ended"], 0);
    assert_eq!(
        answer.body["connections"],
        json!({ "told": 0, "closed": 1 })
    );
    assert_eq!(old.hear().await, Heard::Close(4500, "token_invalid".into()));
    renewed.expect_silence().await;

    let token = &phone.access_token;
    expect_refusals(&server, token).await;
    let mut by_ticket = server
        .socket_with(&format!("/v1/socket?ticket={ticket}"), &[])
        .await;
    assert_eq!(
        by_ticket.hear().await,
        Heard::Close(4500, "token_invalid".into())
    );
    let bad = json!({ "type": "token.refresh", "token": token });
    renewed.say(bad).await;
    assert_eq!(renewed.expect("error").await["code"], "token_invalid");

    let jwks = server.get("/.well-known/jwks.json", "").await;
    let listed = jwks.body["keys"].as_array().unwrap();
    assert!(
        listed.iter().all(|key| key["kid"] != kid_of(token)),
        "{}",
        jwks.body
    );
    assert_eq!(server.get("/v1/me", &next.access_token).await.status, 200);

    let twice = server.delete(&path, &server.key).await;
    assert_eq!(twice.body["changed"], false, "{}", twice.body);
    let unknown = server.delete("/v1/signing-keys/none", &server.key).await;
    assert_eq!((unknown.status, unknown.code()), (404, "not_found"));
    let log = server
        .get("/v1/events?type=signing_key.retired", &server.key)
        .await;
    assert_eq!(log.body["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn the_key_that_signs_is_replaced_at_once() {
    let server = Server::start().await;
    server.user("anna", &[]).await;
    let phone = server.sign_in("anna", "phone").await;
    let answer = server
        .delete(&path_of(&phone.access_token), &server.key)
        .await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let next = refreshed(&server, &phone).await;
    assert_ne!(kid_of(&next.access_token), kid_of(&phone.access_token));
    let me = server.get("/v1/me", &next.access_token).await;
    assert_eq!(me.status, 200, "{}", me.body);
    server.welcomed(&next).await;
    // It is forgotten by no upkeep, and by no restart.
    let beside = server.join(&[("ISSUER", &server.url)]).await;
    let refused = beside.get("/v1/me", &phone.access_token).await;
    assert_eq!(refused.code(), "token_invalid");
    let feed = beside.node.feed_snapshot();
    assert!(format!("{feed:?}").contains(&kid_of(&phone.access_token)));
}

#[tokio::test]
async fn no_interleaving_lets_a_token_through_after_the_receipt() {
    let server = Arc::new(Server::start().await);
    server.user("anna", &[]).await;
    for _ in 0..4 {
        let phone = server.sign_in("anna", "phone").await;
        let over = Arc::new(AtomicBool::new(false));
        let asking: Vec<_> = (0..2)
            .map(|number| {
                let (server, over) = (Arc::clone(&server), Arc::clone(&over));
                let token = phone.access_token.clone();
                tokio::spawn(async move {
                    loop {
                        let after = over.load(Ordering::SeqCst);
                        let is_good = if number % 2 == 0 {
                            server.get("/v1/me", &token).await.status == 200
                        } else {
                            let mut socket = server.socket(&token).await;
                            match socket.hear().await {
                                Heard::Message(message) => message["type"] == "welcome",
                                Heard::Close(..) => false,
                            }
                        };
                        assert!(!(after && is_good), "a token was good after the receipt");
                        if after {
                            return;
                        }
                    }
                })
            })
            .collect();
        let path = path_of(&phone.access_token);
        // A database that is too slow for a moment is said so, and asked again.
        let answer = loop {
            let answer = server.delete(&path, &server.key).await;
            if answer.status == 200 {
                break answer;
            }
            assert_eq!(answer.code(), "cannot_decide", "{}", answer.body);
        };
        assert_eq!(answer.body["nodes"]["applied"], 1, "{}", answer.body);
        over.store(true, Ordering::SeqCst);
        for asking in asking {
            asking.await.unwrap();
        }
    }
}
