//! PostgreSQL that is away, slow, restarted, or somebody else: the node says so, and comes back by itself.

use std::net::SocketAddr;
use std::str::FromStr as _;
use std::time::Duration;

use serde_json::json;
use sessionwire::config::Config;
use sessionwire::domain::secret::DatabaseUrl;
use sessionwire::storage::{Store, StoreOptions};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions as _, Connection as _, Executor as _};

use crate::support::{PROGRAM, Proxy, Server, empty_database, fresh_database, postgres};

/// A server on a database of its own, behind a network that can fail.
async fn behind_a_network() -> (Server, Proxy, String) {
    let url = fresh_database(&postgres()).await;
    let there: SocketAddr = host_of(&url).parse().unwrap();
    let network = Proxy::before(there).await;
    let by_network = url.replace(&host_of(&url), network.url.strip_prefix("http://").unwrap());
    let server = Server::start_with(&[("DATABASE", &by_network)]).await;
    (server, network, url)
}

pub(crate) fn host_of(url: &str) -> String {
    let (_, rest) = url.rsplit_once('@').unwrap();
    rest.split_once('/').unwrap().0.to_owned()
}

async fn connect(url: &str) -> PgConnection {
    let options = PgConnectOptions::from_str(url).unwrap();
    options.connect().await.unwrap()
}

/// Asks until the node is ready, or is not.
async fn until_ready(server: &Server, ready: bool) -> serde_json::Value {
    loop {
        let answer = server.get("/readyz", "").await;
        if (answer.status == 200) == ready {
            return answer.body;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn password_of(url: &str) -> String {
    let (_, rest) = url.split_once("://").unwrap();
    let (_, rest) = rest.split_once(':').unwrap();
    rest.split_once('@').unwrap().0.to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_cut_off_says_so_and_comes_back() {
    let (server, network, url) = behind_a_network().await;
    let anna = server.user("anna", &[]).await;
    let who = server.sign_in("anna", "laptop").await;
    network.cut();
    let refusal = until_ready(&server, false).await;
    assert_eq!(refusal["code"], "cannot_decide");
    assert_eq!(
        refusal["detail"],
        "this node is not ready: the database can't be reached, or does not answer in time"
    );
    let answers = [
        server.refresh(&who.refresh_token).await,
        server
            .delete(&format!("/v1/users/{anna}/sessions"), &server.key)
            .await,
        server.get("/v1/me", &who.access_token).await,
    ];
    for answer in answers {
        assert_eq!((answer.status, answer.code()), (503, "cannot_decide"));
        let said = answer.body.to_string();
        assert!(!said.contains(&password_of(&url)) && !said.contains("127.0.0.1"));
    }
    network.mend();
    until_ready(&server, true).await;
    assert_eq!(server.get("/v1/me", &who.access_token).await.status, 200);
    assert_eq!(server.refresh(&who.refresh_token).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_that_swallows_everything_is_noticed() {
    let (server, network, _) = behind_a_network().await;
    let who = {
        server.user("anna", &[]).await;
        server.sign_in("anna", "laptop").await
    };
    // Whatever is under way at that moment is not waited for.
    for _ in 0..4 {
        network.swallow();
        until_ready(&server, false).await;
        network.mend();
        until_ready(&server, true).await;
    }
    assert_eq!(server.refresh(&who.refresh_token).await.status, 200);
}

/// The server ends all sessions of ours.
async fn end_sessions(there: &mut PgConnection) {
    let ended = there
        .execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
             WHERE application_name = 'sessionwire' AND datname = current_database()",
        )
        .await
        .unwrap();
    assert!(ended.rows_affected() > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_that_the_server_ends_are_replaced() {
    let (server, _network, url) = behind_a_network().await;
    let mut there = connect(&url).await;
    for round in 0..3 {
        end_sessions(&mut there).await;
        until_ready(&server, true).await;
        let name = format!("user-{round}");
        let body = json!({ "username": name });
        let answer = loop {
            let answer = server.post("/v1/users", &server.key, body.clone()).await;
            if answer.status != 503 {
                break answer;
            }
            assert_eq!(answer.code(), "cannot_decide");
        };
        assert_eq!(answer.status, 201, "{}", answer.body);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_session_is_replaced_also_for_those_who_only_look_and_do_so_all_the_time() {
    let url = fresh_database(&postgres()).await;
    let options = StoreOptions::Postgres {
        url: DatabaseUrl::new(url.clone()),
        connections: 2,
    };
    let store = Store::open(&options).await.unwrap();
    let look = async || store.look().await?.find_head().await;
    look().await.unwrap();
    let mut there = connect(&url).await;
    end_sessions(&mut there).await;
    // The first one may be who notices.
    let _ = look().await;
    look().await.unwrap();
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_that_somebody_keeps_is_waited_for_and_no_longer() {
    let (server, _network, url) = behind_a_network().await;
    let mut other = connect(&url).await;
    let mut held = other.begin().await.unwrap();
    held.execute("UPDATE log_head SET seq = seq").await.unwrap();
    let body = json!({ "username": "anna" });
    let refused = server.post("/v1/users", &server.key, body.clone()).await;
    assert_eq!((refused.status, refused.code()), (503, "cannot_decide"));
    assert_eq!(refused.headers["retry-after"], "1");
    // Who only reads does not wait, and the node goes on.
    until_ready(&server, true).await;
    assert_eq!(server.get("/v1/users", &server.key).await.status, 200);
    held.rollback().await.unwrap();
    let made = server.post("/v1/users", &server.key, body).await;
    assert_eq!(made.status, 201, "{}", made.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nul_finds_nothing_and_is_kept_nowhere() {
    let (server, _network, _) = behind_a_network().await;
    for path in ["/v1/users?q=%00", "/v1/users/ext:%00"] {
        let answer = server.get(path, &server.key).await;
        assert!(matches!(answer.status, 400 | 404), "{path} {}", answer.body);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn commits_are_kept_and_waits_end_whatever_the_database_is_set_to() {
    const SEEN: &str = "SELECT DISTINCT commits, isolation, limits FROM settings_seen";
    let url = fresh_database(&postgres()).await;
    let mut there = connect(&url).await;
    let name = url.rsplit_once('/').unwrap().1;
    let lax = format!("ALTER DATABASE {name} SET synchronous_commit = off");
    there.execute(sqlx::AssertSqlSafe(lax)).await.unwrap();
    let stricter =
        format!("ALTER DATABASE {name} SET default_transaction_isolation = serializable");
    there.execute(sqlx::AssertSqlSafe(stricter)).await.unwrap();
    // What a commit is done with is kept beside it by whoever commits.
    there
        .execute(
            "CREATE TABLE settings_seen (commits text, isolation text, limits text); \
             CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
             INSERT INTO settings_seen VALUES (current_setting('synchronous_commit'), \
             current_setting('transaction_isolation'), concat_ws(' ', \
             current_setting('lock_timeout'), current_setting('statement_timeout'), \
             current_setting('idle_in_transaction_session_timeout'))); RETURN NULL; END $$; \
             CREATE TRIGGER note AFTER UPDATE ON log_head EXECUTE FUNCTION note()",
        )
        .await
        .unwrap();
    let _server = Server::start_with(&[("DATABASE", &url)]).await;
    let seen: Vec<(String, String, String)> =
        sqlx::query_as(SEEN).fetch_all(&mut there).await.unwrap();
    let expected = ("on", "read committed", "5s 15s 4s");
    let told = |row: &(String, String, String)| {
        (row.0.as_str(), row.1.as_str(), row.2.as_str()) == expected
    };
    assert!(seen.len() == 1 && seen.iter().all(told), "{seen:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_verified() {
    let url = fresh_database(&postgres()).await;
    let authority = std::env::var("TEST_POSTGRES_CA").unwrap();
    let right = format!("{url}?sslmode=verify-full&sslrootcert={authority}");
    let server = Server::start_with(&[("DATABASE", &right)]).await;
    let mut there = connect(&url).await;
    let plain: i64 = sqlx::query_scalar(
        "SELECT COUNT(*) FROM pg_stat_activity a JOIN pg_stat_ssl USING (pid) \
         WHERE application_name = 'sessionwire' AND datname = current_database() AND NOT ssl",
    )
    .fetch_one(&mut there)
    .await
    .unwrap();
    assert_eq!(plain, 0);
    assert_eq!(server.get("/readyz", "").await.status, 200);
    // Nobody vouches for the certificate, or it is another host's.
    let unknown = format!("{url}?sslmode=verify-full");
    let elsewhere = right.replace("127.0.0.1", "localhost");
    for wrong in [unknown, elsewhere] {
        let folder = tempfile::tempdir().unwrap();
        let run = std::process::Command::new(PROGRAM)
            .arg("migrate")
            .env("SESSIONWIRE_DATABASE", &wrong)
            .env("SESSIONWIRE_DATA_DIR", folder.path())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&run.stderr).into_owned();
        assert_eq!(run.status.code(), Some(1), "{said}");
        assert!(said.contains("certificate"), "{said}");
        assert!(!said.contains(&password_of(&url)), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_that_is_wrong_is_told_without_it() {
    let url = fresh_database(&postgres()).await;
    let wrong = url.replace(&password_of(&url), "hunter2");
    let run = std::process::Command::new(PROGRAM)
        .arg("migrate")
        .env("SESSIONWIRE_DATABASE", &wrong)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&run.stderr).into_owned();
    assert_eq!(run.status.code(), Some(1), "{said}");
    assert!(said.contains("password authentication failed"), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
    let config = Config::from_sources(None, [("SESSIONWIRE_DATABASE".to_owned(), url.clone())]);
    assert!(!format!("{config:?}").contains(&password_of(&url)));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_nodes_that_find_nothing_one_makes_the_schema() {
    let url = empty_database(&postgres()).await;
    let migrations: Vec<_> = (0..4)
        .map(|_| {
            std::process::Command::new(PROGRAM)
                .arg("migrate")
                .env("SESSIONWIRE_DATABASE", &url)
                .stdout(std::process::Stdio::null())
                .spawn()
                .unwrap()
        })
        .collect();
    for mut migration in migrations {
        assert!(migration.wait().unwrap().success());
    }
    let mut there = connect(&url).await;
    let head: i64 = sqlx::query_scalar("SELECT seq FROM log_head")
        .fetch_one(&mut there)
        .await
        .unwrap();
    assert_eq!(head, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn migrations_run_beside_a_node_and_an_older_node_beside_a_newer_schema() {
    let (server, _network, url) = behind_a_network().await;
    let migrate = || {
        std::process::Command::new(PROGRAM)
            .arg("migrate")
            .env("SESSIONWIRE_DATABASE", &url)
            .output()
            .unwrap()
    };
    let run = migrate();
    assert!(run.status.success());
    let said = String::from_utf8_lossy(&run.stdout).into_owned();
    assert!(
        said.contains(":***@") && said.contains("is up to date"),
        "{said}"
    );
    // A later version has added to the schema.
    let mut there = connect(&url).await;
    there
        .execute(
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
             VALUES (9999, 'of a later version', true, '\\x00', 0)",
        )
        .await
        .unwrap();
    assert!(migrate().status.success());
    assert_eq!(server.get("/readyz", "").await.status, 200);
}
