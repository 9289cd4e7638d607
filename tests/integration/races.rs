//! Whatever the order: no token survives that should not, and no more sessions live than may.

use futures::future::join_all;
use serde_json::json;

use crate::support::{PASSWORD, Server, SignedIn};

#[tokio::test(flavor = "multi_thread")]
async fn of_two_hundred_sign_ins_at_once_exactly_one_session_lives() {
    let server = Server::start().await;
    server.user("anna", &[]).await;
    server
        .policy(json!({ "max_sessions": 1, "at_limit": "evict_oldest" }))
        .await;
    let attempts = (0..200).map(|n| {
        let server = &server;
        async move {
            server
                .try_sign_in("anna", PASSWORD, &format!("device {n}"))
                .await
        }
    });
    let mut living = 0;
    for answer in join_all(attempts).await {
        // One that was superseded before its tokens were made is told so at once.
        if answer.status == 401 {
            assert_eq!(answer.body["reason"], "superseded", "{}", answer.body);
            continue;
        }
        assert_eq!(answer.status, 200, "{}", answer.body);
        let who = SignedIn::read(&answer.body);
        let me = server.get("/v1/me", &who.access_token).await;
        if me.status == 200 {
            living += 1;
        } else {
            assert_eq!(me.body["reason"], "superseded");
            assert_eq!(
                server.refresh(&who.refresh_token).await.body["reason"],
                "superseded"
            );
        }
    }
    assert_eq!(living, 1);
    let live = server
        .get("/v1/sessions?state=live&limit=200", &server.key)
        .await;
    assert_eq!(live.body["items"].as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_token_survives_a_revocation_that_races_with_refreshes() {
    let server = Server::start().await;
    let anna = server.user("anna", &[]).await;
    for _ in 0..10 {
        let who = server.sign_in("anna", "laptop").await;
        let path = format!("/v1/users/{anna}/sessions");
        let refreshes = join_all((0..8).map(|_| server.refresh(&who.refresh_token)));
        let (answers, revoked) = tokio::join!(refreshes, server.delete(&path, &server.key));
        assert_eq!(revoked.body["sessions_ended"], 1, "{}", revoked.body);
        for answer in answers.iter().filter(|answer| answer.status == 200) {
            let token = answer.body["access_token"].as_str().unwrap();
            assert_eq!(server.get("/v1/me", token).await.code(), "session_ended");
        }
        assert_eq!(
            server.refresh(&who.refresh_token).await.code(),
            "session_ended"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_session_survives_a_suspension_that_races_with_sign_ins() {
    let server = Server::start().await;
    let anna = server.user("anna", &[]).await;
    for _ in 0..5 {
        let sign_ins = join_all((0..8).map(|n| {
            let server = &server;
            async move {
                server
                    .try_sign_in("anna", PASSWORD, &format!("device {n}"))
                    .await
            }
        }));
        let path = format!("/v1/users/{anna}/suspend");
        let (answers, _) = tokio::join!(sign_ins, server.post(&path, &server.key, json!({})));
        for answer in answers.iter().filter(|answer| answer.status == 200) {
            let who = SignedIn::read(&answer.body);
            assert_eq!(
                server.get("/v1/me", &who.access_token).await.code(),
                "session_ended"
            );
        }
        let live = server.get("/v1/sessions?state=live", &server.key).await;
        assert_eq!(live.body["items"], json!([]));
        server
            .post(&format!("/v1/users/{anna}/resume"), &server.key, json!({}))
            .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_token_keeps_rights_that_were_taken_while_it_was_made() {
    let server = Server::start().await;
    let group = server.group("analysts", &["reports:read"]).await;
    let anna = server.user("anna", &["analysts"]).await;
    let mut who = server.sign_in("anna", "laptop").await;
    let path = format!("/v1/groups/{group}/members/{anna}");
    for _ in 0..20 {
        let (refreshed, _) = tokio::join!(
            server.refresh(&who.refresh_token),
            server.delete(&path, &server.key)
        );
        who = SignedIn::read(&refreshed.body);
        let me = server.get("/v1/me", &who.access_token).await;
        // Either the token has seen the change, or it is refused.
        if me.status == 200 {
            let mut socket = server.socket(&who.access_token).await;
            assert_eq!(socket.expect("welcome").await["permissions"], json!([]));
            socket.expect_silence().await;
        } else {
            assert_eq!(me.code(), "token_stale");
        }
        server.put(&path, &server.key, json!({})).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handshake_that_races_with_an_end_is_always_told() {
    let server = Server::start().await;
    let anna = server.user("anna", &[]).await;
    for _ in 0..20 {
        let who = server.sign_in("anna", "laptop").await;
        let path = format!("/v1/users/{anna}/sessions");
        let (mut socket, _) = tokio::join!(
            server.socket(&who.access_token),
            server.delete(&path, &server.key)
        );
        let mut heard = socket.hear().await;
        if matches!(&heard, crate::support::Heard::Message(message) if message["type"] == "welcome")
        {
            heard = socket.hear().await;
        }
        match heard {
            crate::support::Heard::Message(message) => {
                assert_eq!(message["type"], "session.revoked");
            }
            other @ crate::support::Heard::Close(..) => panic!("heard {other:?}"),
        }
        assert_eq!(socket.expect_close(4501).await, "revoked_by_admin");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_administrators_who_remove_each_other_leave_one() {
    let server = Server::start().await;
    server.user("second", &["administrators"]).await;
    let (root, second) = (
        server.sign_in("root", "a").await,
        server.sign_in("second", "b").await,
    );
    let (of_root, of_second) = (
        format!("/v1/users/{}", root.user_id),
        format!("/v1/users/{}", second.user_id),
    );
    let (one, other) = tokio::join!(
        server.delete(&of_second, &root.access_token),
        server.delete(&of_root, &second.access_token)
    );
    let done = [one.status, other.status]
        .iter()
        .filter(|status| **status == 200)
        .count();
    assert_eq!(done, 1, "{} {}", one.body, other.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn positions_are_gap_free_under_concurrent_writers() {
    let server = Server::start().await;
    let group = server.group("analysts", &[]).await;
    let mut users = Vec::new();
    for n in 0..10 {
        users.push(server.user(&format!("user-{n}"), &[]).await);
    }
    join_all(users.iter().map(|user| {
        let (server, path) = (&server, format!("/v1/groups/{group}/members/{user}"));
        async move {
            server.put(&path, &server.key, json!({})).await;
            server.delete(&path, &server.key).await;
        }
    }))
    .await;
    let events = server.get("/v1/events?limit=200", &server.key).await;
    let positions: Vec<u64> = events.body["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["seq"].as_u64().unwrap())
        .collect();
    let expected: Vec<u64> = (1..=positions.len() as u64).collect();
    assert_eq!(positions, expected);
    assert_eq!(server.node.head().0, positions.len() as u64);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_has_as_many_members_as_it_says_whoever_comes_and_goes() {
    let server = Server::start().await;
    let (left, right) = (
        server.group("left", &[]).await,
        server.group("right", &[]).await,
    );
    let mut users = Vec::new();
    for n in 0..12 {
        let groups: &[&str] = if n % 2 == 0 { &["left", "right"] } else { &[] };
        users.push(server.user(&format!("user-{n}"), groups).await);
    }
    let (server_, left_, right_) = (&server, &left, &right);
    join_all(users.iter().enumerate().map(|(n, user)| async move {
        let server = server_;
        let member = |group: &str| format!("/v1/groups/{group}/members/{user}");
        match n % 4 {
            0 => {
                server
                    .delete(&format!("/v1/users/{user}"), &server.key)
                    .await
            }
            1 => server.put(&member(left_), &server.key, json!({})).await,
            2 => server.delete(&member(right_), &server.key).await,
            _ => {
                server.put(&member(left_), &server.key, json!({})).await;
                // Twice is once.
                server.put(&member(left_), &server.key, json!({})).await
            }
        }
    }))
    .await;
    for _ in 0..2 {
        for (group, expected) in [(&left, 9), (&right, 0)] {
            let path = format!("/v1/groups/{group}");
            let says = server.get(&path, &server.key).await.body["member_count"].clone();
            let path = format!("{path}/members?limit=200");
            let members = server.get(&path, &server.key).await;
            let members = members.body["items"].as_array().unwrap().len();
            assert_eq!((says, members), (json!(expected), expected));
        }
        // What is folded says the same.
        server.core.forget().await.unwrap();
    }
    server
        .delete(&format!("/v1/groups/{left}"), &server.key)
        .await;
    let again = server.group("left", &[]).await;
    let path = format!("/v1/groups/{again}");
    assert_eq!(server.get(&path, &server.key).await.body["member_count"], 0);
}
