//! Bad input over REST: each gets a clear answer with a stable code, and nothing is lost or leaked.

use reqwest::Method;
use serde_json::json;

use crate::support::{PASSWORD, Server, device_named};

#[tokio::test]
async fn bad_bodies_are_refused_with_a_code() {
    let server = Server::start().await;
    let device = device_named("laptop");
    let good = json!({ "username": "anna", "password": PASSWORD, "device": device });
    let with = |name: &str, value: serde_json::Value| {
        let mut body = good.clone();
        body[name] = value;
        body
    };
    for (what, body) in [
        ("an array", json!([])),
        ("nothing", json!({})),
        ("an unknown member", with("is_admin", true.into())),
        ("a wrong type", with("username", 7.into())),
        ("a long name", with("username", "x".repeat(1_000).into())),
        ("an empty name", with("username", "".into())),
        ("NUL in the name", with("username", "an\u{0}na".into())),
        (
            "NUL in the password",
            with("password", "pass\u{0}word".into()),
        ),
        (
            "a huge password",
            with("password", "x".repeat(1_000_000).into()),
        ),
        (
            "a device without id",
            with("device", json!({ "name": "a", "platform": "web" })),
        ),
        (
            "a bad device id",
            with(
                "device",
                json!({ "id": "7", "name": "a", "platform": "web" }),
            ),
        ),
        (
            "a bad platform",
            with(
                "device",
                json!({ "id": device["id"], "name": "a", "platform": "toaster" }),
            ),
        ),
        (
            "a long device name",
            with(
                "device",
                json!({ "id": device["id"], "name": "x".repeat(500), "platform": "web" }),
            ),
        ),
    ] {
        let answer = server.post("/v1/sign-in", "", body).await;
        assert_eq!(
            (answer.status, answer.code()),
            (400, "validation_failed"),
            "{what}: {}",
            answer.body
        );
        assert!(answer.body["detail"].is_string(), "{what}");
        let kind = answer.headers.get("content-type").unwrap();
        assert_eq!(kind, "application/problem+json");
    }
}

#[tokio::test]
async fn raw_rubbish_is_refused_with_a_code() {
    let server = Server::start().await;
    let bomb = "[".repeat(200_000);
    for (what, kind, body, status, code) in [
        (
            "not json",
            "application/json",
            b"{".to_vec(),
            400,
            "validation_failed",
        ),
        (
            "a bomb",
            "application/json",
            bomb.into_bytes(),
            400,
            "validation_failed",
        ),
        (
            "not UTF-8",
            "application/json",
            vec![b'"', 0xFF, b'"'],
            400,
            "validation_failed",
        ),
        (
            "another type",
            "text/plain",
            b"{}".to_vec(),
            415,
            "unsupported_media_type",
        ),
        (
            "too large",
            "application/json",
            vec![b' '; 2_000_000],
            413,
            "too_large",
        ),
    ] {
        let response = server
            .http
            .post(format!("{}/v1/sign-in", server.url))
            .header("content-type", kind)
            .body(body)
            .send()
            .await
            .unwrap();
        assert_eq!(response.status().as_u16(), status, "{what}");
        let body: serde_json::Value = response.json().await.unwrap();
        assert_eq!(body["code"], code, "{what}");
    }
}

#[tokio::test]
async fn wrong_paths_methods_and_ids_are_refused_with_a_code() {
    let server = Server::start().await;
    for (method, path, status, code) in [
        (Method::GET, "/v1/nothing", 404, "not_found"),
        (Method::DELETE, "/v1/sign-in", 405, "method_not_allowed"),
        (Method::GET, "/v1/users/7", 404, "not_found"),
        (
            Method::GET,
            "/v1/users/00000000-0000-0000-0000-000000000000",
            404,
            "not_found",
        ),
        (Method::GET, "/v1/users?limit=0", 400, "validation_failed"),
        (Method::GET, "/v1/users?limit=201", 400, "validation_failed"),
        (
            Method::GET,
            "/v1/users?cursor=rubbish!",
            400,
            "validation_failed",
        ),
        (Method::GET, "/v1/users?unknown=1", 400, "validation_failed"),
        (
            Method::DELETE,
            "/v1/sessions/00000000-0000-0000-0000-000000000000",
            404,
            "not_found",
        ),
    ] {
        let answer = server.call(method.clone(), path, &server.key, None).await;
        assert_eq!(
            (answer.status, answer.code()),
            (status, code),
            "{method} {path}: {}",
            answer.body
        );
        if status == 405 {
            assert!(answer.headers.contains_key("allow"));
        }
    }
    let member = server.user("anna", &[]).await;
    let nowhere = format!("/v1/groups/00000000-0000-0000-0000-000000000000/members/{member}");
    assert_eq!(
        server.put(&nowhere, &server.key, json!({})).await.code(),
        "not_found"
    );
    let taken = server
        .post("/v1/users", &server.key, json!({ "username": "anna" }))
        .await;
    assert_eq!((taken.status, taken.code()), (409, "already_exists"));
    let unknown = json!({ "username": "ben", "groups": ["no such group"] });
    assert_eq!(
        server.post("/v1/users", &server.key, unknown).await.code(),
        "validation_failed"
    );
    assert_eq!(server.get("/v1/users", "").await.code(), "token_missing");
}

#[tokio::test]
async fn a_repeated_request_gets_the_first_answer_without_its_secret() {
    let server = Server::start().await;
    let send = |body: serde_json::Value| {
        let request = server.http.post(format!("{}/v1/api-keys", server.url));
        let request = request
            .bearer_auth(&server.key)
            .header("idempotency-key", "once");
        async move {
            let response = request.json(&body).send().await.unwrap();
            let status = response.status().as_u16();
            (status, response.json::<serde_json::Value>().await.unwrap())
        }
    };
    let body = json!({ "name": "shop", "scopes": ["verify"] });
    let (status, first) = send(body.clone()).await;
    assert_eq!(status, 201, "{first}");
    let (status, again) = send(body).await;
    assert_eq!((status, &again["id"]), (201, &first["id"]));
    assert!(again["key"].is_null());
    let (status, other) = send(json!({ "name": "other", "scopes": ["verify"] })).await;
    assert_eq!(
        (status, &other["code"]),
        (422, &json!("idempotency_key_reused"))
    );
}

#[tokio::test]
async fn lists_go_on_where_they_stopped() {
    let server = Server::start().await;
    for n in 0..7 {
        server.user(&format!("user-{n}"), &[]).await;
    }
    let (mut seen, mut path) = (Vec::new(), "/v1/users?limit=3".to_owned());
    loop {
        let page = server.get(&path, &server.key).await;
        let items = page.body["items"].as_array().unwrap().clone();
        seen.extend(
            items
                .iter()
                .map(|user| user["username"].as_str().unwrap().to_owned()),
        );
        match page.body["next_cursor"].as_str() {
            Some(cursor) => path = format!("/v1/users?limit=3&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(seen.len(), 8, "{seen:?}");
    seen.dedup();
    assert_eq!(seen.len(), 8);
}
