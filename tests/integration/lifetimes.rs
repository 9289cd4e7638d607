//! How long sessions can be used: what a client hears ahead of the end, and when the person has to sign in anew.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Answer, Heard, IssuerKey, Provider, Server, SignedIn, Socket};

async fn under(policy: Value) -> (Server, SignedIn) {
    let server = Server::start().await;
    server.policy(policy).await;
    server.user("anna", &[]).await;
    let who = server.sign_in("anna", "laptop").await;
    (server, who)
}

async fn later(server: &Server, seconds: u64) {
    server.advance(Duration::from_secs(seconds)).await;
}

/// The notice about the session, and whether the one about the token came too, in whatever order.
async fn notices(socket: &mut Socket) -> Value {
    let mut heard = Vec::new();
    for _ in 0..2 {
        match socket.hear().await {
            Heard::Message(message) => heard.push(message),
            Heard::Close(code, why) => panic!("closed: {code} {why}"),
        }
    }
    heard.sort_by_key(|message| message["type"].as_str().unwrap().to_owned());
    assert_eq!(heard[1]["type"], "token.expiring");
    assert_eq!(heard[0]["type"], "session.expiring");
    heard.swap_remove(0)
}

async fn session(server: &Server, who: &SignedIn) -> Value {
    let path = format!("/v1/sessions?user_id={}", who.user_id);
    let listed = server.get(&path, &server.key).await;
    let items = listed.body["items"].as_array().unwrap();
    let mut own = items
        .iter()
        .filter(|it| it["id"] == who.session_id.as_str());
    own.next().unwrap().clone()
}

#[tokio::test]
async fn the_end_by_age_is_told_once_ahead_whatever_the_transport() {
    let (server, who) = under(json!({ "max_age_s": 250 })).await;
    let mut socket = server.welcomed(&who).await;
    let until = session(&server, &who).await["expires_at"].clone();
    later(&server, 230).await;
    let notice = notices(&mut socket).await;
    assert_eq!(
        notice,
        json!({ "type": "session.expiring", "expires_at": until, "cause": "max_age" })
    );
    later(&server, 5).await;
    socket.expect_silence().await;

    // One that comes now hears it as well.
    let bearer = format!("Bearer {}", who.access_token);
    let request = server.http.get(format!("{}/v1/stream", server.url));
    let mut stream = request
        .header("authorization", bearer)
        .send()
        .await
        .unwrap();
    let mut text = String::new();
    while !text.contains("event: session.expiring") {
        let chunk = tokio::time::timeout(Duration::from_secs(30), stream.chunk());
        let chunk = chunk.await.unwrap().unwrap().unwrap();
        text.push_str(std::str::from_utf8(&chunk).unwrap());
    }
    let mut polls = server.polls_welcomed(&who).await;
    while !polls.hear().await.contains("session.expiring") {}
}

#[tokio::test]
async fn who_uses_the_session_hears_of_a_later_end_later() {
    let (server, who) = under(json!({ "idle_timeout_s": 200 })).await;
    let mut socket = server.welcomed(&who).await;
    later(&server, 100).await;
    let before = session(&server, &who).await["expires_at"].clone();
    socket.say(json!({ "type": "activity" })).await;
    while session(&server, &who).await["expires_at"] == before {
        tokio::task::yield_now().await;
    }
    later(&server, 85).await;
    socket.expect("token.expiring").await;
    socket.expect_silence().await;

    let refreshed = server.refresh(&who.refresh_token).await;
    let token = refreshed.body["access_token"].clone();
    socket
        .say(json!({ "type": "token.refresh", "token": token }))
        .await;
    socket.expect("token.refreshed").await;
    socket.expect_silence().await;
    let until = session(&server, &who).await["expires_at"].clone();
    later(&server, 182).await;
    let notice = notices(&mut socket).await;
    assert_eq!(notice["cause"], "idle_timeout");
    assert_eq!(notice["expires_at"], until);
}

#[tokio::test]
async fn after_so_many_hours_the_person_signs_in_anew() {
    let (server, who) = under(json!({ "sign_in_max_age_s": 400 })).await;
    later(&server, 250).await;
    let refreshed = server.refresh(&who.refresh_token).await;
    assert_eq!(refreshed.body["expires_in"], 150, "{}", refreshed.body);
    let who = SignedIn::read(&refreshed.body);
    let mut socket = server.welcomed(&who).await;
    later(&server, 120).await;
    assert_eq!(notices(&mut socket).await["cause"], "sign_in_max_age");
    later(&server, 31).await;
    let me = server.get("/v1/me", &who.access_token).await;
    assert_eq!(me.code(), "token_expired");
    socket.expect_close(4001).await;
    let refused = server.refresh(&who.refresh_token).await;
    let told = (refused.status, refused.code());
    assert_eq!(told, (401, "insufficient_user_authentication"));
    let request = server.http.post(format!("{}/oauth/token", server.url));
    let form = format!(
        "grant_type=refresh_token&refresh_token={}",
        who.refresh_token
    );
    let content_type = "application/x-www-form-urlencoded";
    let request = request.header("content-type", content_type).body(form);
    let refused = Answer::read(request.send().await.unwrap()).await;
    assert_eq!(refused.body["error"], "invalid_grant");
    assert_eq!(refused.code(), "insufficient_user_authentication");

    // The session is there yet, and keeps its seat until the person comes back.
    assert_eq!(session(&server, &who).await["state"], "live");
    let again = server.sign_in("anna", "laptop").await;
    assert_eq!(server.get("/v1/me", &again.access_token).await.status, 200);
    assert_eq!(session(&server, &who).await["reason"], "superseded");
    let over = server.refresh(&who.refresh_token).await;
    assert_eq!(over.code(), "session_ended");
}

#[tokio::test]
async fn a_rule_that_comes_later_holds_for_those_who_are_in() {
    let (server, who) = under(json!({})).await;
    later(&server, 100).await;
    server.policy(json!({ "sign_in_max_age_s": 50 })).await;
    let refused = server.refresh(&who.refresh_token).await;
    assert_eq!(refused.code(), "insufficient_user_authentication");
    server.policy(json!({})).await;
    assert_eq!(server.refresh(&who.refresh_token).await.status, 200);
}

#[tokio::test]
async fn an_old_sign_in_elsewhere_is_as_old_here() {
    for way in ["exchange", "attach"] {
        let provider = Provider::start(IssuerKey::ec("k1")).await;
        let setting = provider.setting(&format!(", use = '{way}'"));
        let server = Server::start_with(&[("ISSUERS", &setting)]).await;
        server.policy(json!({ "sign_in_max_age_s": 400 })).await;
        let signed_in = |seconds: i64| {
            let mut claims = provider.claims(&server, "anna", &format!("s{seconds}"));
            claims["auth_time"] = json!(server.now() - seconds);
            provider.key.sign(&claims)
        };
        let (old, recent) = (signed_in(500), signed_in(100));
        let ask = async |token: &str| match way {
            "attach" => server.get("/v1/me", token).await,
            _ => server.exchange(token, "phone").await,
        };
        assert_eq!(ask(&recent).await.status, 200, "{way}");
        let refused = ask(&old).await;
        assert_eq!(refused.code(), "insufficient_user_authentication", "{way}");
        let live = server.get("/v1/sessions?state=live", &server.key).await;
        assert_eq!(live.body["items"].as_array().unwrap().len(), 1, "{way}");
        if way == "attach" {
            later(&server, 301).await;
            assert_eq!(ask(&recent).await.status, 401);
        }
    }
}
