//! Forward authentication: what a proxy asks before it lets a request through.

use std::time::Duration;

use serde_json::json;

use crate::support::Server;

const PATH: &str = "/v1/verify";

/// Status, code and headers of an answer to a proxy.
async fn ask(
    server: &Server,
    query: &str,
    headers: &[(&str, &str)],
) -> (u16, String, reqwest::header::HeaderMap) {
    let mut request = server.http.get(format!("{}{PATH}{query}", server.url));
    // What a browser asks for goes through the proxy as it is.
    request = request.header("accept", "text/html");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = request.send().await.unwrap();
    let code = answer.headers().get("x-error-code");
    let code = code.map_or("", |code| code.to_str().unwrap()).to_owned();
    (answer.status().as_u16(), code, answer.headers().clone())
}

#[tokio::test]
async fn a_proxy_is_told_who_it_is() {
    let server = Server::start().await;
    let group = server.group("a, b", &["reports:read"]).await;
    let anna = server.user("anna", &["a, b"]).await;
    let who = server.sign_in("anna", "laptop").await;
    let bearer = format!("Bearer {}", who.access_token);
    let own = [("authorization", bearer.as_str())];
    let (status, _, headers) = ask(&server, "", &own).await;
    assert_eq!(status, 200);
    assert_eq!(headers["x-user-id"], anna.as_str());
    assert_eq!(headers["x-session-id"], who.session_id.as_str());
    assert_eq!(headers["x-groups"], "a%2C%20b");
    assert_eq!(headers["x-permissions"], "reports:read");
    assert!(headers["x-as-of"].to_str().unwrap().parse::<u64>().unwrap() > 0);

    // A service asks about somebody else's token, with its own key.
    let body = json!({ "name": "proxy", "scopes": ["verify"] });
    let made = server.post("/v1/api-keys", &server.key, body).await;
    let key = format!("Bearer {}", made.body["key"].as_str().unwrap());
    let asked = [
        ("authorization", key.as_str()),
        ("x-access-token", &who.access_token),
    ];
    assert_eq!(ask(&server, "", &asked).await.2["x-user-id"], anna.as_str());
    let missing = [("authorization", key.as_str())];
    assert_eq!(ask(&server, "", &missing).await.1, "token_missing");
    let body = json!({ "name": "other", "scopes": ["feed"] });
    let made = server.post("/v1/api-keys", &server.key, body).await;
    let wrong = format!("Bearer {}", made.body["key"].as_str().unwrap());
    let wrong = [
        ("authorization", wrong.as_str()),
        ("x-access-token", &who.access_token),
    ];
    assert_eq!(ask(&server, "", &wrong).await.1, "forbidden");

    let (status, code, _) = ask(&server, "?permission=reports:write", &own).await;
    assert_eq!((status, code.as_str()), (403, "forbidden"));
    assert_eq!(ask(&server, "?permission=reports:read", &own).await.0, 200);
    assert_eq!(ask(&server, "?permission=a&more=b", &own).await.0, 400);
    assert_eq!(ask(&server, "", &[]).await.1, "token_missing");
    let forged = [("authorization", "Bearer nonsense")];
    assert_eq!(ask(&server, "", &forged).await.1, "token_invalid");

    let rights = json!({ "permissions": [] });
    let path = format!("/v1/groups/{group}/permissions");
    server.put(&path, &server.key, rights).await;
    assert_eq!(ask(&server, "", &own).await.1, "token_stale");
    let path = format!("/v1/users/{anna}/sessions");
    server.delete(&path, &server.key).await;
    assert_eq!(ask(&server, "", &own).await.1, "session_ended");
}

#[tokio::test]
async fn a_sign_in_may_be_asked_to_be_recent() {
    let server = Server::start_with(&[("ACCESS_TOKEN_TTL_S", "3600")]).await;
    server.user("anna", &[]).await;
    let who = server.sign_in("anna", "laptop").await;
    let bearer = format!("Bearer {}", who.access_token);
    let own = [("authorization", bearer.as_str())];
    assert_eq!(ask(&server, "?max_age=600", &own).await.0, 200);
    server.advance(Duration::from_secs(601)).await;
    let (status, code, headers) = ask(&server, "?max_age=600", &own).await;
    assert_eq!(
        (status, code.as_str()),
        (401, "insufficient_user_authentication")
    );
    let challenge = headers["www-authenticate"].to_str().unwrap();
    assert!(challenge.contains("insufficient_user_authentication"));
    assert_eq!(ask(&server, "?max_age=602", &own).await.0, 200);
    // A refresh is no sign-in.
    let fresh = server.refresh(&who.refresh_token).await;
    let bearer = format!("Bearer {}", fresh.body["access_token"].as_str().unwrap());
    let own = [("authorization", bearer.as_str())];
    assert_eq!(ask(&server, "?max_age=600", &own).await.0, 401);
    assert_eq!(ask(&server, "?max_age=-1", &own).await.0, 400);
}

/// Asks whether a token is good, until the node says that it holds no lease.
async fn without_a_lease(
    server: &Server,
    bearer: &str,
) -> (u16, String, reqwest::header::HeaderMap) {
    // The lease runs out at once, and is there again once the log was looked at.
    loop {
        server.clock.advance(Duration::from_secs(3));
        let answer = ask(server, "", &[("authorization", bearer)]).await;
        if answer.0 == 503 || answer.2.contains_key("x-certainty") {
            return answer;
        }
    }
}

#[tokio::test]
async fn a_node_without_a_lease_refuses_unless_it_was_told_to_say_what_it_knows() {
    let server = Server::start().await;
    server.user("anna", &[]).await;
    let bearer = format!(
        "Bearer {}",
        server.sign_in("anna", "laptop").await.access_token
    );
    let (status, code, _) = without_a_lease(&server, &bearer).await;
    assert_eq!((status, code.as_str()), (503, "cannot_decide"));

    let server = Server::start_with(&[("VERIFY_WITHOUT_LEASE", "last_known")]).await;
    server.user("anna", &[]).await;
    let who = server.sign_in("anna", "laptop").await;
    let bearer = format!("Bearer {}", who.access_token);
    let own = [("authorization", bearer.as_str())];
    let (status, _, headers) = ask(&server, "", &own).await;
    assert_eq!((status, headers.get("x-certainty")), (200, None));
    let (status, _, headers) = without_a_lease(&server, &bearer).await;
    assert_eq!(status, 200);
    assert_eq!(headers["x-certainty"], "last-known");
    assert_eq!(headers["x-session-id"], who.session_id.as_str());
    // What it knows it still says, and what is forged stays forged.
    let path = format!("/v1/sessions/{}", who.session_id);
    while server.delete(&path, &server.key).await.status != 200 {}
    for bad in [bearer.as_str(), "Bearer nothing.of.ours"] {
        server.clock.advance(Duration::from_secs(3));
        assert_eq!(ask(&server, "", &[("authorization", bad)]).await.0, 401);
    }
}

#[tokio::test]
async fn a_proxy_may_ask_with_the_request_as_it_came() {
    let server = Server::start().await;
    server.group("analysts", &["reports:read"]).await;
    server.user("anna", &["analysts"]).await;
    let who = server.sign_in("anna", "laptop").await;
    let bearer = format!("Bearer {}", who.access_token);
    let ask = async |method: &str, path: &str, headers: &[(&str, &str)]| {
        let url = format!("{}/v1/verify{path}", server.url);
        let mut request = server.http.request(method.parse().unwrap(), url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.headers().clone())
    };
    let own = ("authorization", bearer.as_str());
    for (method, path) in [
        ("GET", "/"),
        ("POST", "/reports/7?max_age=0&odd=1"),
        ("DELETE", "/a%2Fb"),
    ] {
        let (status, headers) = ask(method, path, &[own]).await;
        assert_eq!(
            (status, &headers["x-session-id"]),
            (200, &who.session_id.parse().unwrap())
        );
        assert_eq!(ask(method, path, &[]).await.0, 401);
    }
    let needs = async |name, value| ask("PUT", "/reports", &[own, (name, value)]).await.0;
    assert_eq!(needs("x-required-permission", "reports:read").await, 200);
    assert_eq!(needs("x-required-permission", "reports:write").await, 403);
    assert_eq!(needs("x-max-age", "3600").await, 200);
    assert_eq!(needs("x-max-age", "soon").await, 400);
    let path = format!("/v1/sessions/{}", who.session_id);
    server.delete(&path, &server.key).await;
    let (status, headers) = ask("POST", "/reports", &[own]).await;
    assert_eq!(
        (status, headers["x-error-code"].to_str().unwrap()),
        (401, "session_ended")
    );
}
