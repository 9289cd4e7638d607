//! The real program, killed in the middle of writes: state and log agree afterwards.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{PROGRAM, Program, free_port, program_key, until_open};

pub(crate) async fn call(
    http: &reqwest::Client,
    method: &str,
    url: String,
    key: &str,
    body: Value,
) -> Option<Value> {
    let method = method.parse().unwrap();
    let response = http
        .request(method, url)
        .bearer_auth(key)
        .json(&body)
        .send()
        .await
        .ok()?;
    response.json().await.ok()
}

async fn all(http: &reqwest::Client, url: &str, path: &str, key: &str) -> Vec<Value> {
    let (mut items, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = format!("{url}{path}?limit=200{cursor}");
        let page: Value = http
            .get(page)
            .bearer_auth(key)
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap();
        items.extend(page["items"].as_array().unwrap().clone());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return items,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_in_the_middle_of_writes_state_and_log_agree() {
    let directory = tempfile::tempdir().unwrap();
    let key = program_key(directory.path());
    let http = reqwest::Client::new();
    let mut program = Program::serve(directory.path(), 0);
    for round in 0..3 {
        let (http, key, url) = (http.clone(), key.clone(), program.url.clone());
        let writing = tokio::spawn(async move {
            let mut answered = 0;
            for n in 0.. {
                let body = json!({ "username": format!("user-{round}-{n}") });
                match call(&http, "POST", format!("{url}/v1/users"), &key, body).await {
                    Some(_) => answered += 1,
                    None => return answered,
                }
            }
            answered
        });
        tokio::time::sleep(Duration::from_millis(150 * (round + 1))).await;
        program.kill();
        let answered: usize = writing.await.unwrap();
        program = Program::serve(directory.path(), 0);
        let key = program_key(directory.path());
        let http = reqwest::Client::new();
        let users = all(&http, &program.url, "/v1/users", &key).await;
        let events = all(&http, &program.url, "/v1/events", &key).await;
        let prefix = format!("user-{round}-");
        let is_ours = |name: &Value| name.as_str().is_some_and(|name| name.starts_with(&prefix));
        let kept = users
            .iter()
            .filter(|user| is_ours(&user["username"]))
            .count();
        let created = events
            .iter()
            .filter(|event| event["type"] == "user.created" && is_ours(&event["data"]["username"]))
            .count();
        assert_eq!(kept, created, "state and log agree");
        // What was answered is kept; the one that was under way may be.
        assert!(
            kept == answered || kept == answered + 1,
            "{kept} kept, {answered} answered"
        );
        let positions: Vec<u64> = events
            .iter()
            .map(|event| event["seq"].as_u64().unwrap())
            .collect();
        assert_eq!(positions, (1..=positions.len() as u64).collect::<Vec<_>>());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watching_terminal_comes_back_by_itself() {
    let directory = tempfile::tempdir().unwrap();
    let key = program_key(directory.path());
    let http = reqwest::Client::new();
    let program = Program::serve(directory.path(), 0);
    let url = program.url.clone();
    let port = url.rsplit(':').next().unwrap().parse().unwrap();
    let body = json!({ "username": "anna", "password": "correct horse battery" });
    let anna = call(&http, "POST", format!("{url}/v1/users"), &key, body)
        .await
        .unwrap();
    let group = json!({ "name": "analysts", "permissions": ["reports:read"] });
    let group = call(&http, "POST", format!("{url}/v1/groups"), &key, group)
        .await
        .unwrap();
    let mut watch = Command::new(PROGRAM)
        .args([
            "watch",
            "--json",
            "--user",
            "anna",
            "--password",
            "correct horse battery",
            "--url",
            &url,
        ])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (sender, mut lines) = tokio::sync::mpsc::channel(100);
    let out = BufReader::new(watch.stdout.take().unwrap());
    std::thread::spawn(move || {
        for line in out.lines() {
            let message = serde_json::from_str::<Value>(&line.unwrap()).unwrap();
            if sender.blocking_send(message).is_err() {
                return;
            }
        }
    });
    let mut expect = async |kind: &str| loop {
        let message = tokio::time::timeout(Duration::from_mins(1), lines.recv()).await;
        let message = message.expect("not heard in time").expect("watch ended");
        if message["type"] == kind {
            return message;
        }
    };
    expect("welcome").await;
    program.kill();
    expect("watch.closed").await;
    let program = Program::serve(directory.path(), port);
    expect("welcome").await;
    let member = format!(
        "{}/v1/groups/{}/members/{}",
        program.url,
        group["id"].as_str().unwrap(),
        anna["id"].as_str().unwrap()
    );
    call(&http, "PUT", member, &key, json!({})).await.unwrap();
    let message = expect("permissions.changed").await;
    assert_eq!(message["permissions"]["gained"], json!(["reports:read"]));
    expect("token.refreshed").await;
    watch.kill().unwrap();
    watch.wait().unwrap();
}

#[test]
fn a_mistyped_setting_is_named_and_exits_with_2() {
    let run = Command::new(PROGRAM)
        .args(["config", "check"])
        .env("SESSIONWIRE_LISTN", "127.0.0.1:1")
        .output()
        .unwrap();
    assert_eq!(run.status.code(), Some(2));
    assert!(
        String::from_utf8_lossy(&run.stderr)
            .to_lowercase()
            .contains("listen")
    );
}

#[test]
fn sigterm_drains_and_exits_with_0() {
    let directory = tempfile::tempdir().unwrap();
    let mut program = Program::serve(directory.path(), 0);
    let pid = program.child.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-TERM", &pid])
            .status()
            .unwrap()
            .success()
    );
    assert_eq!(program.child.wait().unwrap().code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_whose_log_nobody_reads_any_more_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    // The first start shows a password, and is none where nobody sees it.
    Program::serve(directory.path(), 0).kill();
    let port = free_port();
    let mut server = Program::serve_unread(directory.path(), port);
    until_open(port).await;
    let ready = reqwest::get(format!("{}/readyz", server.url))
        .await
        .unwrap();
    assert_eq!(ready.status(), 200);
    let id = server.child.id().to_string();
    let asked = Command::new("kill").args(["-TERM", &id]).status().unwrap();
    assert!(asked.success());
    assert!(server.child.wait().unwrap().success());
}
