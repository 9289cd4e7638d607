//! A database that was brought back from a backup: nothing that was given since then is accepted, and positions
//! go on above it.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::crash::call;
use crate::support::{Program, command, copy_of, database_of_blocking, program_key};

/// The files of a server, of which a backup can be made and brought back while none runs.
struct Place {
    folder: tempfile::TempDir,
    http: reqwest::Client,
}

impl Place {
    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn backup(&self) -> PathBuf {
        self.path().join("backup")
    }

    /// As `docs/operations.md` says, while the server runs.
    async fn back_up(&self) {
        if database_of_blocking(self.path()).is_some() {
            return std::fs::write(self.backup(), copy_of(self.path())).unwrap();
        }
        let database = format!("sqlite://{}", self.path().join("sessionwire.db").display());
        let pool = sqlx::SqlitePool::connect(&database).await.unwrap();
        let copy = sqlx::query("VACUUM INTO $1").bind(self.backup().display().to_string());
        copy.execute(&pool).await.unwrap();
        pool.close().await;
    }

    fn bring_back(&self) {
        if let Some(url) = database_of_blocking(self.path()) {
            let anew = "DROP SCHEMA public CASCADE; CREATE SCHEMA public";
            let mut psql = std::process::Command::new("psql");
            psql.args([&url, "--quiet", "--set=ON_ERROR_STOP=1", "--command", anew]);
            let done = psql.arg("--file").arg(self.backup()).status().unwrap();
            return assert!(done.success());
        }
        for of_the_lost in ["sessionwire.db-wal", "sessionwire.db-shm"] {
            drop(std::fs::remove_file(self.path().join(of_the_lost)));
        }
        std::fs::copy(self.backup(), self.path().join("sessionwire.db")).unwrap();
    }

    async fn call(
        &self,
        server: &Program,
        method: &str,
        path: &str,
        key: &str,
        body: Value,
    ) -> Value {
        let url = format!("{}{path}", server.url);
        call(&self.http, method, url, key, body).await.unwrap()
    }

    async fn session(&self, server: &Program, key: &str, name: &str) -> Value {
        let user = self
            .call(
                server,
                "POST",
                "/v1/users",
                key,
                json!({ "username": name }),
            )
            .await;
        let path = format!("/v1/users/{}/sessions", user["id"].as_str().unwrap());
        let device = json!({ "id": uuid::Uuid::from_u128(7), "name": "phone", "platform": "ios" });
        self.call(server, "POST", &path, key, json!({ "device": device }))
            .await
    }

    async fn me(&self, server: &Program, session: &Value) -> Value {
        let token = session["access_token"].as_str().unwrap();
        self.call(server, "GET", "/v1/me", token, json!({})).await
    }
}

/// Ends a server as a loss of power does, after everything was written down.
fn stop(server: Program) {
    server.kill();
}

/// A server whose database is a copy from before Anna's session ended and Ben's began.
async fn brought_back() -> (Place, String, Value, Value) {
    let folder = tempfile::tempdir().unwrap();
    let key = program_key(folder.path());
    let http = reqwest::Client::new();
    let place = Place { folder, http };
    let server = Program::serve_with(place.path(), 0, &[]);
    let anna = place.session(&server, &key, "anna").await;
    place.back_up().await;
    let path = format!("/v1/sessions/{}", anna["session_id"].as_str().unwrap());
    place.call(&server, "DELETE", &path, &key, json!({})).await;
    let ben = place.session(&server, &key, "ben").await;
    assert_eq!(place.me(&server, &ben).await["username"], "ben");
    stop(server);
    place.bring_back();
    (place, key, anna, ben)
}

#[tokio::test(flavor = "multi_thread")]
async fn after_restore_everybody_signs_in_again_and_no_position_is_given_twice() {
    let (place, key, anna, ben) = brought_back().await;
    let restored = command(place.path()).arg("restore").output().unwrap();
    let said = String::from_utf8_lossy(&restored.stdout);
    assert!(restored.status.success(), "{said}");
    assert!(said.contains("1 sessions were ended"), "{said}");
    let server = Program::serve_with(place.path(), 0, &[]);
    for session in [&anna, &ben] {
        assert_eq!(place.me(&server, session).await["code"], "session_ended");
        let refresh = json!({ "refresh_token": session["refresh_token"] });
        let refused = place
            .call(&server, "POST", "/v1/token/refresh", "", refresh)
            .await;
        assert!(refused["access_token"].is_null(), "{refused}");
    }
    let log = place
        .call(&server, "GET", "/v1/events?limit=200", &key, json!({}))
        .await;
    let events = log["items"].as_array().unwrap();
    let place_of = |kind: &str| events.iter().position(|it| it["type"] == kind).unwrap();
    let at = place_of("log.restored");
    assert_eq!(events[at]["data"]["previous"], events[at - 1]["seq"]);
    assert!(events[at]["seq"].as_u64().unwrap() > 1_000_000_000);
    // The server goes on as any other, and over another start.
    let carla = place.session(&server, &key, "carla").await;
    assert_eq!(place.me(&server, &carla).await["username"], "carla");
    stop(server);
    let server = Program::serve_with(place.path(), 0, &[]);
    assert_eq!(place.me(&server, &carla).await["username"], "carla");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_was_not_told_notices_by_the_first_token_and_decides_nothing() {
    let (place, _, _, ben) = brought_back().await;
    let server = Program::serve_with(place.path(), 0, &[]);
    assert_eq!(place.me(&server, &ben).await["code"], "cannot_decide");
    loop {
        let ready = place.call(&server, "GET", "/readyz", "", json!({})).await;
        if ready["code"] == "cannot_decide" {
            break;
        }
    }
    assert_eq!(place.me(&server, &ben).await["code"], "cannot_decide");
}
