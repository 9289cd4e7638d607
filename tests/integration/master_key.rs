//! The keys in the database under a master key that is kept elsewhere: the real program and its commands.

use std::path::Path;
use std::process::Output;

use serde_json::{Value, json};

use crate::crash::call;
use crate::support::{Program, command};

const ONE: &str = "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=";
const OTHER: &str = "4242424242424242424242424242424242424242424242424242424242424242";

/// What a command says with these settings.
fn run(data: &Path, arguments: &[&str], settings: &[(&str, &str)]) -> Output {
    let mut command = command(data);
    command.args(arguments);
    for (name, value) in settings {
        command.env(name, value);
    }
    command.output().unwrap()
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[track_caller]
fn accepted(output: &Output) -> String {
    assert!(output.status.success(), "{}", told(output));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

#[track_caller]
fn refused(output: &Output, code: i32, because: &str) {
    let told = told(output);
    assert_eq!(output.status.code(), Some(code), "{told}");
    assert!(told.contains(because), "{told}");
    for secret in [ONE, OTHER, "half a secret"] {
        assert!(!told.contains(secret), "{told}");
    }
}

const CREATE: &[&str] = &["key", "create", "--scope", "admin"];
const ROTATE: &[&str] = &["key", "rotate"];
const FROM_ENV: (&str, &str) = ("SESSIONWIRE_MASTER_KEY_ENV", "OUR_MASTER_KEY");

/// A session that the program began.
async fn sign_in(program: &Program, key: &str) -> Value {
    let http = reqwest::Client::new();
    let user = json!({ "username": "anna" });
    let made = call(
        &http,
        "POST",
        format!("{}/v1/users", program.url),
        key,
        user,
    )
    .await;
    let url = format!(
        "{}/v1/users/{}/sessions",
        program.url,
        made.unwrap()["id"].as_str().unwrap()
    );
    let device = json!({ "id": uuid::Uuid::from_u128(7), "name": "phone", "platform": "ios" });
    call(&http, "POST", url, key, json!({ "device": device }))
        .await
        .unwrap()
}

async fn refresh(program: &Program, session: &Value) -> Value {
    let http = reqwest::Client::new();
    let body = json!({ "refresh_token": session["refresh_token"] });
    let url = format!("{}/v1/token/refresh", program.url);
    let answer = http.post(url).json(&body).send().await.unwrap();
    answer.json().await.unwrap()
}

#[tokio::test]
async fn a_key_file_moves_under_a_master_key_and_is_needed_no_more() {
    let data = tempfile::tempdir().unwrap();
    let file = data.path().join("sessionwire.key");
    let key = accepted(&run(data.path(), CREATE, &[]));
    let program = Program::serve(data.path(), 0);
    let session = sign_in(&program, &key).await;
    program.kill();
    assert!(file.exists());

    // Without the file of before nobody can have the keys, and nothing new is made up.
    let hidden = data.path().join("elsewhere");
    std::fs::rename(&file, &hidden).unwrap();
    let with = [FROM_ENV, ("OUR_MASTER_KEY", ONE)];
    refused(
        &run(data.path(), ROTATE, &with),
        1,
        "put it there for this start",
    );
    std::fs::rename(&hidden, &file).unwrap();
    accepted(&run(data.path(), ROTATE, &with));
    std::fs::remove_file(&file).unwrap();

    let command = format!("cat,{}", data.path().join("secret").display());
    std::fs::write(data.path().join("secret"), ONE).unwrap();
    let settings = [("MASTER_KEY_COMMAND", command.as_str())];
    let program = Program::serve_with(data.path(), 0, &settings);
    let refreshed = refresh(&program, &session).await;
    assert!(refreshed["access_token"].is_string(), "{refreshed}");
    assert!(!file.exists());
}

#[test]
fn a_master_key_that_is_not_the_one_changes_nothing() {
    let data = tempfile::tempdir().unwrap();
    let one = [FROM_ENV, ("OUR_MASTER_KEY", ONE)];
    accepted(&run(data.path(), CREATE, &one));
    assert!(!data.path().join("sessionwire.key").exists());
    let other = [FROM_ENV, ("OUR_MASTER_KEY", OTHER)];
    refused(
        &run(data.path(), ROTATE, &other),
        1,
        "not the one that this database's keys",
    );
    refused(&run(data.path(), ROTATE, &[]), 1, "set `master_key_file`");
    assert!(!data.path().join("sessionwire.key").exists());
    accepted(&run(data.path(), ROTATE, &one));
}

#[test]
fn a_master_key_that_can_not_be_had_is_told_as_a_mistake_of_the_configuration() {
    let data = tempfile::tempdir().unwrap();
    let with = |name, value| run(data.path(), ROTATE, &[(name, value)]);
    refused(
        &with(FROM_ENV.0, FROM_ENV.1),
        2,
        "OUR_MASTER_KEY, is not set",
    );
    let file = "SESSIONWIRE_MASTER_KEY_FILE";
    refused(&with(file, "/nowhere/at/all"), 2, "/nowhere/at/all");
    let half = data.path().join("half");
    std::fs::write(&half, "half a secret").unwrap();
    refused(&with(file, half.to_str().unwrap()), 2, "must be 32 bytes");
    let command = "SESSIONWIRE_MASTER_KEY_COMMAND";
    refused(&with(command, "false"), 2, "exit status: 1");
    refused(&with(command, "/nowhere/at/all"), 2, "No such file");
    refused(&with(command, "echo,half a secret"), 2, "must be 32 bytes");
    // What never ends is cut off, not waited for.
    refused(&with(command, "yes,half a secret"), 2, "SIGPIPE");
    let both = [FROM_ENV, (file, half.to_str().unwrap())];
    refused(&run(data.path(), ROTATE, &both), 2, "one master key");
}

#[tokio::test]
async fn another_master_key_signs_nobody_out() {
    let data = tempfile::tempdir().unwrap();
    let (first, second) = (
        data.path().join("first.toml"),
        data.path().join("second.toml"),
    );
    for (path, key) in [(&first, ONE), (&second, OTHER)] {
        let secret = path.with_extension("key");
        std::fs::write(&secret, key).unwrap();
        let text = format!("master_key_file = '{}'", secret.display());
        std::fs::write(path, text).unwrap();
    }
    let file = |path: &Path| path.with_extension("key").display().to_string();
    let (old, new) = (file(&first), file(&second));
    let was = ("SESSIONWIRE_MASTER_KEY_FILE", old.as_str());
    let key = accepted(&run(data.path(), CREATE, &[was]));
    let program = Program::serve_with(data.path(), 0, &[("MASTER_KEY_FILE", &old)]);
    let session = sign_in(&program, &key).await;

    let to = second.to_str().unwrap();
    let rewrap = ["key", "rewrap", "--to", to];
    refused(&run(data.path(), &rewrap, &[]), 2, "names no master key");
    accepted(&run(data.path(), &rewrap, &[was]));
    refused(&run(data.path(), &rewrap, &[was]), 1, "not the one");
    // The server that runs goes on.
    let session = refresh(&program, &session).await;
    assert!(session["access_token"].is_string(), "{session}");
    program.kill();

    refused(&run(data.path(), ROTATE, &[was]), 1, "not the one");
    let program = Program::serve_with(data.path(), 0, &[("MASTER_KEY_FILE", &new)]);
    let session = refresh(&program, &session).await;
    assert!(session["access_token"].is_string(), "{session}");
}
