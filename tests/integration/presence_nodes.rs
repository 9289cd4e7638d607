//! Who is connected, whichever node is asked, while people come and go and nodes die.

use serde_json::{Value, json};

use crate::cluster_faults::Nodes;
use crate::support::{Server, SignedIn, Socket, fresh_database, postgres};

/// A schedule that is the same each time.
struct Dice(u64);

impl Dice {
    /// A number below this one (the generator of Numerical Recipes).
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % bound
    }
}

/// Two nodes on a fresh database.
async fn pair(further: &[(&str, &str)]) -> (Server, Server, String) {
    let url = fresh_database(&postgres()).await;
    let settings = |name| {
        let own = [
            ("DATABASE", url.as_str()),
            ("ISSUER", "http://presence.test"),
            ("NODE_NAME", name),
        ];
        own.into_iter()
            .chain(further.iter().copied())
            .collect::<Vec<_>>()
    };
    let first = Server::start_with(&settings("first")).await;
    let second = first.join(&settings("second")).await;
    (first, second, url)
}

/// Asks until it is so: what nodes say of theirs takes a moment.
async fn until(server: &Server, query: &str, so: impl Fn(&[Value]) -> bool) -> Vec<Value> {
    loop {
        let answer = server
            .get(&format!("/v1/presence{query}"), &server.key)
            .await;
        if let Some(items) = answer.body["items"].as_array()
            && so(items)
        {
            return items.clone();
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

fn names(items: &[Value]) -> Vec<&str> {
    items
        .iter()
        .map(|it| it["username"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn any_node_says_who_is_connected_to_all() {
    let (first, second, _) = pair(&[]).await;
    let group = first.group("analysts", &[]).await;
    let anna = first.user("anna", &["analysts"]).await;
    first.user("ben", &[]).await;
    let phone = first.sign_in("anna", "phone").await;
    let laptop = first.sign_in("anna", "laptop").await;
    let ben = second.sign_in("ben", "desk").await;
    let _phone = first.welcomed(&phone).await;
    let mut laptops = vec![
        second.welcomed(&laptop).await,
        second.welcomed(&laptop).await,
    ];
    let _ben = second.welcomed(&ben).await;
    for server in [&first, &second] {
        let all = until(server, "", |it| it.len() == 2 && it[0]["connections"] == 3).await;
        assert_eq!(names(&all), ["anna", "ben"]);
        assert_eq!(all[0]["devices"], 2);
        assert_eq!(all[0]["nodes"], json!(["first", "second"]));
        let only = async |query: String| {
            let found = until(server, &query, |it| !it.is_empty()).await;
            let connections: u64 = found
                .iter()
                .map(|it| it["connections"].as_u64().unwrap())
                .sum();
            (names(&found).join(","), connections)
        };
        assert_eq!(only(format!("?group_id={group}")).await, ("anna".into(), 3));
        assert_eq!(only(format!("?user_id={anna}")).await, ("anna".into(), 3));
        assert_eq!(only("?node=first".into()).await, ("anna".into(), 1));
        assert_eq!(only("?node=second".into()).await, ("anna,ben".into(), 3));
        let device = crate::support::device_named("laptop")["id"].clone();
        let device = device.as_str().unwrap().to_owned();
        assert_eq!(
            only(format!("?device_id={device}")).await,
            ("anna".into(), 2)
        );
        let page = server.get("/v1/presence?limit=1", &server.key).await;
        let next = page.body["next_cursor"].as_str().unwrap();
        assert_eq!(
            only(format!("?limit=1&cursor={next}")).await,
            ("ben".into(), 1)
        );

        // Sessions, and what a revocation would reach, count the same connections.
        let path = format!("/v1/sessions?user_id={anna}&state=live");
        let listed = server.get(&path, &server.key).await;
        let count = |session: &str| {
            let items = listed.body["items"].as_array().unwrap();
            let found = items.iter().find(|it| it["id"] == session).unwrap();
            found["connections"].as_u64().unwrap()
        };
        assert_eq!(
            (count(&phone.session_id), count(&laptop.session_id)),
            (1, 2)
        );
        let path = format!("/v1/users/{anna}/sessions?dry_run=true");
        let would = server.delete(&path, &server.key).await;
        assert_eq!(would.body["connections"], 3, "{}", would.body);
    }
    laptops.pop();
    until(&first, "", |it| it[0]["connections"] == 2).await;
    let gone = first.get(
        "/v1/presence?group_id=00000000-0000-0000-0000-000000000001",
        &first.key,
    );
    assert_eq!(gone.await.code(), "not_found");
}

#[tokio::test]
async fn a_device_at_another_node_is_asked_whether_it_makes_room() {
    let (first, second, _) = pair(&[]).await;
    let anna = first.user("anna", &[]).await;
    let policy = json!({ "max_sessions": 1, "count_by": "user", "at_limit": "approve" });
    first.policy(policy).await;
    let phone = first.sign_in("anna", "phone").await;
    let mut socket = second.welcomed(&phone).await;
    until(&first, &format!("?user_id={anna}"), |it| it.len() == 1).await;
    let waits = first
        .try_sign_in("anna", crate::support::PASSWORD, "laptop")
        .await;
    assert_eq!(waits.status, 202, "{}", waits.body);
    let asked = socket.expect("session.takeover_requested").await;
    let answer = json!({
        "type": "takeover.answer", "request_id": asked["request_id"], "allow": true,
    });
    socket.say(answer).await;
    socket.expect("session.revoked").await;
    socket.expect_close(4502).await;
}

#[tokio::test]
async fn comings_and_goings_end_in_the_truth() {
    let (first, second, _) = pair(&[("LEASE_MS", "500")]).await;
    let mut people = Vec::new();
    for number in 0..8 {
        let name = format!("user-{number}");
        first.user(&name, &[]).await;
        people.push(first.sign_in(&name, "phone").await);
    }
    let mut dice = Dice(2026);
    let mut open: Vec<(usize, &str, Socket)> = Vec::new();
    for _ in 0..120 {
        let person = dice.below(people.len());
        let (name, node) = if dice.below(2) == 0 {
            ("first", &first)
        } else {
            ("second", &second)
        };
        if dice.below(5) < 2 && !open.is_empty() {
            let place = dice.below(open.len());
            drop(open.swap_remove(place));
        } else {
            let who: &SignedIn = &people[person];
            open.push((person, name, node.welcomed(who).await));
        }
    }
    let truth: Vec<Value> = (0..people.len())
        .filter_map(|person| {
            let sockets = || open.iter().filter(|it| it.0 == person);
            let nodes: std::collections::BTreeSet<&str> = sockets().map(|it| it.1).collect();
            let connections = sockets().count();
            (connections > 0).then(|| json!([people[person].user_id, connections, nodes]))
        })
        .collect();
    for server in [&first, &second] {
        until(server, "", |items| {
            let mut said: Vec<Value> = items
                .iter()
                .map(|it| json!([it["user_id"], it["connections"], it["nodes"]]))
                .collect();
            said.sort_by_key(|it| it[0].to_string());
            let mut truth = truth.clone();
            truth.sort_by_key(|it| it[0].to_string());
            said == truth
        })
        .await;
    }
}

#[tokio::test]
async fn told_to_keep_it_to_itself_a_node_writes_nothing() {
    let (first, second, url) = pair(&[("PRESENCE", "local")]).await;
    first.user("anna", &[]).await;
    let who = first.sign_in("anna", "phone").await;
    let _here = first.welcomed(&who).await;
    assert_eq!(
        until(&first, "", |it| it.len() == 1).await[0]["nodes"],
        json!(["first"])
    );
    assert!(until(&second, "", <[Value]>::is_empty).await.is_empty());
    let pool = sqlx::PgPool::connect(&url).await.unwrap();
    let rows: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM presence")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(rows, 0);
}

#[tokio::test]
async fn a_crowd_is_told_of_in_few_words() {
    let (first, second, url) = pair(&[]).await;
    first.user("anna", &[]).await;
    let mut sockets = Vec::new();
    let pool = sqlx::PgPool::connect(&url).await.unwrap();
    for device in 0..40 {
        let who = first.sign_in("anna", &format!("device-{device}")).await;
        sockets.push(first.welcomed(&who).await);
    }
    until(&second, "", |it| {
        it.first().is_some_and(|it| it["connections"] == 40)
    })
    .await;
    // Each row was written a few times at most: once, and where the user's first time changed.
    let writes = "SELECT n_tup_ins + n_tup_upd FROM pg_stat_user_tables WHERE relname = 'presence'";
    let rows: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM presence")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(rows, 40);
    let written: i64 = sqlx::query_scalar(writes).fetch_one(&pool).await.unwrap();
    assert!(written <= 2 * rows, "{written}");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_node_that_was_killed_nobody_is_left() {
    let nodes = Nodes::on_a_fresh_database().await;
    let (first, second) = (nodes.start("first"), nodes.start("second"));
    let (_, anna) = nodes.session(&first, "anna").await;
    let (_, ben) = nodes.session(&second, "ben").await;
    let _anna = Socket::to(&first.url, &anna).await;
    let _ben = Socket::to(&second.url, &ben).await;
    let present = async || {
        let answer = nodes.call(&second, "GET", "/v1/presence", json!({})).await;
        let items = answer["items"].as_array().cloned().unwrap_or_default();
        names(&items).join(",")
    };
    while present().await != "anna,ben" {}
    first.kill();
    while present().await != "ben" {}
}
