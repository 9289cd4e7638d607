//! Everything that locks, at once and at two nodes: nobody waits for somebody who waits for them, which the
//! database would end by refusing one of them.

use std::sync::Arc;

use futures::future::join_all;
use serde_json::json;

use crate::support::{Answer, PASSWORD, Server, SignedIn};
use crate::two_nodes::two;

/// What an administrator or a person may do, and all of it at once.
async fn do_something(nodes: &[Arc<Server>; 2], n: usize, group: &str, users: &[String]) -> Answer {
    let (node, key) = (&nodes[n % 2], &nodes[0].key);
    let user = &users[(n / 2) % users.len()];
    let name = format!("person-{}", (n / 2) % users.len());
    let member = format!("/v1/groups/{group}/members/{user}");
    let of_group = format!("/v1/groups/{group}");
    let account = format!("/v1/users/{user}");
    let policy = json!({ "max_sessions": 1 + n % 3, "at_limit": "evict_oldest" });
    match (n * 7) % 15 {
        0 => node.put(&member, key, json!({})).await,
        1 => node.delete(&member, key).await,
        2 => node.put("/v1/policies/default", key, policy).await,
        3 => {
            let path = format!("/v1/policies/groups/{group}");
            node.put(&path, key, policy).await
        }
        4 => {
            let everybody = format!("{of_group}/members");
            node.post(&everybody, key, json!({ "add": users })).await
        }
        5 => {
            let body = json!({ "priority": n, "permissions": [format!("a:{n}")] });
            node.patch(&of_group, key, body).await
        }
        6 => {
            let path = format!("{account}/suspend");
            node.post(&path, key, json!({})).await;
            let path = format!("{account}/resume");
            node.post(&path, key, json!({})).await
        }
        7 => {
            let body = json!({ "password": PASSWORD, "groups": [] });
            node.patch(&account, key, body).await
        }
        8 => node.delete(&format!("{account}/sessions"), key).await,
        9 => node.post("/v1/revoke-all", key, json!({})).await,
        n => {
            let device = format!("device {}", n % 4);
            let entered = node.try_sign_in(&name, PASSWORD, &device).await;
            if entered.status != 200 {
                return entered;
            }
            let who = SignedIn::read(&entered.body);
            let (one, other) = tokio::join!(
                nodes[0].refresh(&who.refresh_token),
                nodes[1].post("/v1/sign-out-everywhere", &who.access_token, json!({}))
            );
            if one.status < 500 { other } else { one }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_waits_for_somebody_who_waits_for_them() {
    let nodes = two().await;
    let group = nodes[0].group("people", &[]).await;
    let mut users = Vec::new();
    for n in 0..3 {
        users.push(nodes[0].user(&format!("person-{n}"), &[]).await);
    }
    let workers = (0..12).map(|worker| {
        let (nodes, group, users) = (&nodes, &group, &users);
        async move {
            for step in 0..30 {
                let answer = do_something(nodes, worker * 11 + step, group, users).await;
                assert!(answer.status < 500, "{} {}", answer.status, answer.body);
            }
        }
    });
    join_all(workers).await;
    let path = "/v1/events?limit=1";
    assert_eq!(nodes[1].get(path, &nodes[0].key).await.status, 200);
}
