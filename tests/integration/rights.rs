//! Changes of rights: who hears what, and which tokens still hold.

use serde_json::json;

use crate::support::Server;

#[tokio::test]
async fn removing_a_member_tells_every_device_once_and_nobody_else() {
    let server = Server::start().await;
    let analysts = server
        .group("analysts", &["reports:read", "reports:export"])
        .await;
    server.group("staff", &["reports:read", "home:read"]).await;
    let anna = server.user("anna", &["analysts", "staff"]).await;
    server.user("ben", &["analysts"]).await;
    let laptop = server.sign_in("anna", "laptop").await;
    let phone = server.sign_in("anna", "phone").await;
    let other = server.sign_in("ben", "tablet").await;
    let mut sockets = vec![
        server.welcomed(&laptop).await,
        server.welcomed(&laptop).await,
        server.welcomed(&phone).await,
    ];
    let mut bystander = server.welcomed(&other).await;

    let path = format!("/v1/groups/{analysts}/members/{anna}");
    let answer = server.delete(&path, &server.key).await;
    assert_eq!(answer.status, 200, "{}", answer.body);

    for socket in &mut sockets {
        let message = socket.expect("permissions.changed").await;
        assert_eq!(
            message["groups"],
            json!({ "added": [], "removed": ["analysts"] })
        );
        // `reports:read` is still given by another group, so it is not lost.
        assert_eq!(
            message["permissions"],
            json!({ "gained": [], "lost": ["reports:export"] })
        );
        assert_eq!(message["action"], "refresh");
        assert_eq!(message["initiating_entity"], "admin");
        assert_eq!(message["refresh_within_ms"], 0);
        assert!(message["as_of"].as_u64() >= message["id"].as_u64());
        socket.expect_silence().await;
    }
    bystander.expect_silence().await;

    // The session goes on, the old token does not.
    let stale = server.get("/v1/me", &laptop.access_token).await;
    assert_eq!((stale.status, stale.code()), (401, "token_stale"));
    let refreshed = server.refresh(&laptop.refresh_token).await;
    assert_eq!(refreshed.status, 200, "{}", refreshed.body);
    let me = server
        .get("/v1/me", refreshed.body["access_token"].as_str().unwrap())
        .await;
    assert_eq!((me.status, &me.body["groups"]), (200, &json!(["staff"])));

    // Nothing to do is nothing done.
    let again = server.delete(&path, &server.key).await;
    assert_eq!(again.status, 200);
    assert_eq!(
        again.body["changed"]
            .as_bool()
            .or(again.body["receipt"]["changed"].as_bool()),
        Some(false)
    );
}

#[tokio::test]
async fn the_receipt_counts_who_was_told() {
    let server = Server::start().await;
    let group = server.group("analysts", &["reports:read"]).await;
    let anna = server.user("anna", &["analysts"]).await;
    let laptop = server.sign_in("anna", "laptop").await;
    let _first = server.welcomed(&laptop).await;
    let _second = server.welcomed(&laptop).await;
    let answer = server
        .delete(&format!("/v1/groups/{group}/members/{anna}"), &server.key)
        .await;
    let receipt = if answer.body["receipt"].is_object() {
        &answer.body["receipt"]
    } else {
        &answer.body
    };
    assert_eq!(
        receipt["connections"],
        json!({ "told": 2, "closed": 0 }),
        "{}",
        answer.body
    );
    assert_eq!(
        receipt["nodes"],
        json!({ "live": 1, "applied": 1, "late": [] })
    );
    let ended = server
        .delete(&format!("/v1/users/{anna}/sessions"), &server.key)
        .await;
    assert_eq!(
        ended.body["connections"],
        json!({ "told": 2, "closed": 2 }),
        "{}",
        ended.body
    );
    assert_eq!(ended.body["sessions_ended"], 1);
}

#[tokio::test]
async fn changing_a_groups_permissions_reaches_every_member() {
    let server = Server::start().await;
    let group = server.group("analysts", &["reports:read"]).await;
    server.user("anna", &["analysts"]).await;
    server.user("ben", &["analysts"]).await;
    server.user("chloe", &[]).await;
    let mut members = Vec::new();
    for name in ["anna", "ben"] {
        let who = server.sign_in(name, "laptop").await;
        members.push((server.welcomed(&who).await, who));
    }
    let outsider = server.sign_in("chloe", "laptop").await;
    let mut outside = server.welcomed(&outsider).await;
    let path = format!("/v1/groups/{group}/permissions");
    let body = json!({ "permissions": ["reports:read", "reports:export"] });
    assert_eq!(
        server.put(&path, &server.key, body.clone()).await.status,
        200
    );
    for (socket, who) in &mut members {
        let message = socket.expect("permissions.changed").await;
        assert_eq!(
            message["permissions"],
            json!({ "gained": ["reports:export"], "lost": [] })
        );
        assert_eq!(
            server.get("/v1/me", &who.access_token).await.code(),
            "token_stale"
        );
    }
    outside.expect_silence().await;
    assert_eq!(
        server.get("/v1/me", &outsider.access_token).await.status,
        200
    );
    // The same again changes nothing and tells nobody.
    assert_eq!(server.put(&path, &server.key, body).await.status, 200);
    for (socket, _) in &mut members {
        socket.expect_silence().await;
    }
}

#[tokio::test]
async fn a_bulk_change_of_ten_thousand_memberships_is_one_message_a_user() {
    let server = Server::start().await;
    let group = server.group("everyone", &["home:read"]).await;
    let anna = server.user("anna", &[]).await;
    let who = server.sign_in("anna", "laptop").await;
    let mut socket = server.welcomed(&who).await;
    let mut add = vec![anna];
    for n in 1..10_000 {
        let new = sessionwire::domain::user::NewUser {
            username: format!("user-{n}"),
            password: None,
            display_name: None,
            external_id: None,
            groups: Vec::new(),
        };
        let made = server
            .core
            .create_user(&sessionwire::service::Call::system(), new)
            .await
            .unwrap();
        add.push(made.value.user.id.to_string());
    }
    let path = format!("/v1/groups/{group}/members");
    let answer = server
        .post(&path, &server.key, json!({ "add": add, "remove": [] }))
        .await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let message = socket.expect("permissions.changed").await;
    assert_eq!(
        message["permissions"],
        json!({ "gained": ["home:read"], "lost": [] })
    );
    socket.expect_silence().await;
    let events = server
        .get("/v1/events?type=membership.added&limit=200", &server.key)
        .await;
    assert_eq!(
        events.body["items"].as_array().unwrap().len(),
        200,
        "one event a membership"
    );
    let members = server
        .get(&format!("/v1/groups/{group}"), &server.key)
        .await;
    assert_eq!(members.body["member_count"], 10_000);
}

#[tokio::test]
async fn who_was_away_learns_it_at_the_next_handshake() {
    let server = Server::start().await;
    let group = server.group("analysts", &["reports:read"]).await;
    let anna = server.user("anna", &["analysts"]).await;
    let who = server.sign_in("anna", "laptop").await;
    // Never connected, so never told anything.
    server
        .delete(&format!("/v1/groups/{group}/members/{anna}"), &server.key)
        .await;
    let mut socket = server.socket(&who.access_token).await;
    let welcome = socket.expect("welcome").await;
    assert_eq!(
        (&welcome["groups"], &welcome["permissions"]),
        (&json!([]), &json!([]))
    );
    let message = socket.expect("permissions.changed").await;
    assert_eq!(
        message["permissions"],
        json!({ "gained": [], "lost": ["reports:read"] })
    );
    assert_eq!(message["initiating_entity"], "admin");
    socket.expect_silence().await;
}

#[tokio::test]
async fn what_cancels_out_while_a_client_was_away_is_not_told() {
    let server = Server::start().await;
    let group = server.group("analysts", &["reports:read"]).await;
    let anna = server.user("anna", &["analysts"]).await;
    let who = server.sign_in("anna", "laptop").await;
    let path = format!("/v1/groups/{group}/members/{anna}");
    assert_eq!(server.delete(&path, &server.key).await.status, 200);
    assert_eq!(server.put(&path, &server.key, json!({})).await.status, 200);
    // Stale is wider than the message.
    assert_eq!(
        server.get("/v1/me", &who.access_token).await.code(),
        "token_stale"
    );
    let mut socket = server.socket(&who.access_token).await;
    socket.expect("welcome").await;
    socket.expect_silence().await;
}

#[tokio::test]
async fn a_renamed_or_deleted_group_reaches_its_members() {
    let server = Server::start().await;
    let group = server.group("analysts", &["reports:read"]).await;
    server.user("anna", &["analysts"]).await;
    let who = server.sign_in("anna", "laptop").await;
    let mut socket = server.welcomed(&who).await;
    let path = format!("/v1/groups/{group}");
    let renamed = server
        .patch(&path, &server.key, json!({ "name": "readers" }))
        .await;
    assert_eq!(renamed.status, 200, "{}", renamed.body);
    let message = socket.expect("permissions.changed").await;
    assert_eq!(
        message["groups"],
        json!({ "added": ["readers"], "removed": ["analysts"] })
    );
    assert_eq!(message["permissions"], json!({ "gained": [], "lost": [] }));
    assert_eq!(server.delete(&path, &server.key).await.status, 200);
    let message = socket.expect("permissions.changed").await;
    assert_eq!(
        message["permissions"],
        json!({ "gained": [], "lost": ["reports:read"] })
    );
}

#[tokio::test]
async fn the_last_administrator_stays() {
    let server = Server::start().await;
    let root = server.sign_in("root", "laptop").await;
    let groups = server.get("/v1/groups", &root.access_token).await;
    let group = groups.body["items"][0]["id"].as_str().unwrap().to_owned();
    let member = format!("/v1/groups/{group}/members/{}", root.user_id);
    let suspend = format!("/v1/users/{}/suspend", root.user_id);
    let permissions = format!("/v1/groups/{group}/permissions");
    for answer in [
        server.delete(&member, &root.access_token).await,
        server
            .delete(&format!("/v1/users/{}", root.user_id), &root.access_token)
            .await,
        server
            .delete(&format!("/v1/groups/{group}"), &root.access_token)
            .await,
        server.post(&suspend, &root.access_token, json!({})).await,
        server
            .put(
                &permissions,
                &root.access_token,
                json!({ "permissions": [] }),
            )
            .await,
    ] {
        assert_eq!((answer.status, answer.code()), (409, "last_administrator"));
    }
    assert_eq!(
        server.get("/v1/users", &root.access_token).await.status,
        200
    );
}

#[tokio::test]
async fn a_dry_run_says_whom_it_would_reach_and_changes_nothing() {
    let server = Server::start().await;
    let group = server.group("analysts", &["reports:read"]).await;
    let anna = server.user("anna", &["analysts"]).await;
    let who = server.sign_in("anna", "laptop").await;
    let mut socket = server.welcomed(&who).await;
    let member = format!("/v1/groups/{group}/members/{anna}?dry_run=true");
    let sessions = format!("/v1/users/{anna}/sessions?dry_run=true");
    let user = format!("/v1/users/{anna}?dry_run=true");
    let before = server.get("/v1/events?limit=200", &server.key).await.body;
    for path in [member, sessions, user] {
        let answer = server.delete(&path, &server.key).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        for (name, value) in [("users", 1), ("sessions", 1), ("connections", 1)] {
            assert_eq!(
                answer.body[name], value,
                "{name} of {path}: {}",
                answer.body
            );
        }
        assert_eq!(answer.body["dry_run"], true);
        assert!(answer.body["tokens_until"].is_string());
    }
    socket.expect_silence().await;
    assert_eq!(server.get("/v1/me", &who.access_token).await.status, 200);
    assert_eq!(
        server.get("/v1/events?limit=200", &server.key).await.body,
        before
    );
}
