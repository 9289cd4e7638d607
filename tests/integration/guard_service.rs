//! A service in axum behind a guard, its write path, and servers that the guard had better not believe.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use futures::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use sessionwire_guard::{Authenticated, Behind, Guard, GuardLayer, GuardSettings, Refusal, Route};
use tokio::net::TcpListener;
use tokio_tungstenite::accept_hdr_async;
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};

use crate::support::{Server, SignedIn};

async fn guard(server: &Server, who: &SignedIn) -> Guard {
    let (issuer, audience) = issuer_and_audience(&who.access_token);
    let settings = GuardSettings::new(&server.url, &server.key, issuer, audience);
    let guard = Guard::start(settings).unwrap();
    guard.ready().await;
    guard
}

fn issuer_and_audience(token: &str) -> (String, String) {
    use base64::Engine as _;
    let body = token.split('.').nth(1).unwrap();
    let body = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(body);
    let claims: sessionwire_guard::Claims = serde_json::from_slice(&body.unwrap()).unwrap();
    (claims.iss, claims.aud)
}

/// A service: `/me` for anybody, `/reports` and `/export` for some.
async fn service(guard: Guard) -> SocketAddr {
    let reports = get(async |who: Authenticated| who.0.sub.to_string());
    let export = async |who: Authenticated| -> Result<&'static str, Refusal> {
        who.require("reports:export")?;
        Ok("exported")
    };
    let layer = GuardLayer::new(guard.clone()).requires("reports:read");
    let app = Router::new()
        .route("/reports", reports.layer(layer))
        .route("/me", get(async |who: Authenticated| who.0.sub.to_string()))
        .route("/export", get(export))
        .with_state(guard);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

#[tokio::test]
async fn a_service_in_axum_answers_as_the_server_does() {
    let server = Server::start().await;
    server.group("analysts", &["reports:read"]).await;
    let anna = server.user("anna", &["analysts"]).await;
    server.user("ben", &[]).await;
    let (who, ben) = (
        server.sign_in("anna", "laptop").await,
        server.sign_in("ben", "laptop").await,
    );
    let guard = guard(&server, &who).await;
    let address = service(guard.clone()).await;
    let ask = async |path: &str, token: Option<&str>| {
        let mut request = server.http.get(format!("http://{address}{path}"));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        let headers = answer.headers().clone();
        (status, headers, answer.text().await.unwrap())
    };
    for path in ["/reports", "/me"] {
        let (status, _, text) = ask(path, Some(&who.access_token)).await;
        assert_eq!((status, text), (200, anna.clone()));
    }
    let (status, headers, text) = ask("/reports", Some(&ben.access_token)).await;
    let problem: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((status, &problem["code"]), (403, &json!("forbidden")));
    assert_eq!(headers["content-type"], "application/problem+json");
    assert_eq!(ask("/export", Some(&who.access_token)).await.0, 403);

    // The same question to both: the same answer but for the request's id.
    for token in [None, Some("nonsense")] {
        let (status, headers, text) = ask("/me", token).await;
        let mut request = server.http.get(format!("{}/v1/me", server.url));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let servers = request.send().await.unwrap();
        assert_eq!(status, servers.status().as_u16());
        assert_eq!(
            headers["www-authenticate"],
            servers.headers()["www-authenticate"]
        );
        assert_eq!(headers["content-type"], servers.headers()["content-type"]);
        let (ours, theirs) = (
            serde_json::from_str::<Value>(&text).unwrap(),
            servers.json::<Value>().await.unwrap(),
        );
        for member in ["type", "title", "status", "code", "detail"] {
            assert_eq!(ours[member], theirs[member], "{member}");
        }
    }
    let path = format!("/v1/users/{anna}/sessions?wait_ms=10000");
    server.delete(&path, &server.key).await;
    for path in ["/reports", "/me"] {
        let (status, headers, text) = ask(path, Some(&who.access_token)).await;
        let problem: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(status, 401);
        assert!(headers.contains_key("www-authenticate"));
        assert_eq!(problem["code"], "session_ended");
        assert_eq!(problem["reason"], "revoked_by_admin");
    }
    let text = guard.metrics_text();
    assert!(
        text.contains("sessionwire_guard_checks_total{verdict=\"session_ended\"} 2"),
        "{text}"
    );
}

#[tokio::test]
async fn of_two_sessions_of_a_user_only_the_later_writes() {
    let server = Server::start().await;
    server.user("anna", &[]).await;
    let (first, second) = (
        server.sign_in("anna", "laptop").await,
        server.sign_in("anna", "phone").await,
    );
    let guard = guard(&server, &first).await;
    let check = async |who: &SignedIn| {
        let route = Route::default();
        let checked = guard.check(&who.access_token, &route, "POST /trade");
        checked.await.unwrap()
    };
    let older = check(&first).await;
    let fenced = guard.fenced(older.sub);
    fenced.admit(&older).unwrap();
    // The later session comes, and the older one's write has been under way since before.
    let newer = check(&second).await;
    assert!(newer.fence > older.fence);
    assert_eq!(fenced.fence(), newer.fence);
    let refused = fenced.admit(&older).unwrap_err();
    assert_eq!((refused.fence, refused.latest), (older.fence, newer.fence));
    fenced.admit(&newer).unwrap();
    // A token that is checked again raises nothing.
    check(&first).await;
    assert!(fenced.admit(&older).is_err());
    let nobody = guard.fenced(sessionwire_guard::UserId(uuid::Uuid::nil()));
    assert_eq!(nobody.fence().0, 0);
    assert!(nobody.admit(&newer).is_err(), "somebody else's claims");
}

#[expect(
    clippy::result_large_err,
    clippy::unnecessary_wraps,
    reason = "as the library wants it"
)]
fn with_subprotocol(_: &Request, mut response: Response) -> Result<Response, ErrorResponse> {
    let name = "sessionwire.feed.v1".parse().unwrap();
    response
        .headers_mut()
        .insert("sec-websocket-protocol", name);
    Ok(response)
}

/// A server that says to each follower what it is told to, and counts them.
async fn hostile(messages: Vec<Frame>) -> (String, tokio::sync::watch::Receiver<u32>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (count, seen) = tokio::sync::watch::channel(0);
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            // Requests for keys end here.
            let Ok(mut socket) = accept_hdr_async(stream, with_subprotocol).await else {
                continue;
            };
            count.send_modify(|it| *it += 1);
            let messages = messages.clone();
            tokio::spawn(async move {
                for message in messages {
                    if socket.send(message).await.is_err() {
                        return;
                    }
                }
                while let Some(Ok(_)) = socket.next().await {}
            });
        }
    });
    (url, seen)
}

#[tokio::test]
async fn a_feed_that_makes_no_sense_is_left_and_never_believed() {
    let message =
        |event: &str, data: Value| Frame::text(json!({ "event": event, "data": data }).to_string());
    let hello = || {
        message(
            "hello",
            json!({ "reader": uuid::Uuid::nil(), "head": 5, "heartbeat_ms": 1000 }),
        )
    };
    let whole = || {
        message(
            "snapshot",
            json!({ "seq": 5, "changes": [], "more": false }),
        )
    };
    let courses = [
        vec![Frame::text("hello")],
        vec![Frame::binary(vec![1])],
        vec![Frame::text("x".repeat(9 * 1024 * 1024))],
        vec![hello(), message("snapshot", json!({ "seq": "five" }))],
        vec![
            hello(),
            message(
                "changes",
                json!({ "after": 5, "seq": 6, "head": 6, "changes": [] }),
            ),
        ],
        vec![
            hello(),
            whole(),
            message(
                "changes",
                json!({ "after": 7, "seq": 8, "head": 8, "changes": [] }),
            ),
        ],
        vec![
            hello(),
            whole(),
            message(
                "changes",
                json!({ "after": 5, "seq": 4, "head": 8, "changes": [] }),
            ),
        ],
        vec![
            hello(),
            whole(),
            message("problem", json!({ "code": "cannot_decide" })),
        ],
        vec![Frame::Close(None)],
        // Silence: left after three heartbeats.
        vec![message(
            "hello",
            json!({ "reader": uuid::Uuid::nil(), "head": 5, "heartbeat_ms": 500 }),
        )],
    ];
    for (number, course) in courses.into_iter().enumerate() {
        let (url, mut seen) = hostile(course).await;
        let settings = GuardSettings::new(url, "swk_x", "issuer", "audience");
        let guard = Guard::start(settings).unwrap();
        let came_back = seen.wait_for(|count| *count >= 2);
        let came_back = tokio::time::timeout(Duration::from_secs(20), came_back).await;
        assert!(came_back.is_ok(), "course {number}");
        let accept = Route {
            behind: Some(Behind::Accept),
            ..Route::default()
        };
        assert!(guard.check_now("a.b.c", &accept, "x").is_err());
    }
}
