//! The database of a test: SQLite, or with `TEST_DATABASE=postgres` a fresh one on the PostgreSQL server that
//! `tests/setup/postgres.sh` runs. Each folder of data has one of its own.

use std::path::Path;
use std::process::Command;
use std::str::FromStr as _;

use sessionwire::app::system::SystemEntropy;
use sessionwire::domain::clock::Entropy as _;
use sessionwire::domain::secret::DatabaseUrl;
use sessionwire::storage::{Store, StoreOptions};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _};

const TEMPLATE: &str = "tests_template";

/// The server that tests may make databases on.
pub(crate) fn postgres() -> String {
    std::env::var("TEST_POSTGRES")
        .expect("this test needs PostgreSQL: put tests/setup/postgres.sh before the command")
}

/// Whether this run is on PostgreSQL.
pub(crate) fn on_postgres() -> bool {
    match std::env::var("TEST_DATABASE") {
        Ok(database) => {
            assert_eq!(database, "postgres", "TEST_DATABASE");
            true
        }
        Err(_) => false,
    }
}

/// What the setting `database` is for this folder; none where it is a file there.
pub(crate) async fn database_of(folder: &Path) -> Option<String> {
    if !on_postgres() {
        return None;
    }
    let note = folder.join("test-database");
    if let Ok(known) = std::fs::read_to_string(&note) {
        return Some(known);
    }
    let made = fresh_database(&postgres()).await;
    std::fs::write(note, &made).unwrap();
    Some(made)
}

/// The same for a thread that waits.
pub(crate) fn database_of_blocking(folder: &Path) -> Option<String> {
    let run = || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        runtime.unwrap().block_on(database_of(folder))
    };
    std::thread::scope(|scope| scope.spawn(run).join().unwrap())
}

/// An address like this one of another database.
fn with_name(server: &str, name: &str) -> String {
    let (before, _) = server.rsplit_once('/').unwrap();
    format!("{before}/{name}")
}

/// A database with the schema and nothing else, on that server.
pub(crate) async fn fresh_database(server: &str) -> String {
    let options = PgConnectOptions::from_str(server).unwrap();
    let mut connection = options.connect().await.unwrap();
    make_template(&mut connection, server).await;
    make(connection, server, &format!("TEMPLATE {TEMPLATE}")).await
}

/// A database with nothing at all.
pub(crate) async fn empty_database(server: &str) -> String {
    let options = PgConnectOptions::from_str(server).unwrap();
    make(options.connect().await.unwrap(), server, "").await
}

async fn make(mut connection: PgConnection, server: &str, of: &str) -> String {
    let name = format!("t_{}", unique());
    let made = format!("CREATE DATABASE {name} {of}");
    connection.execute(AssertSqlSafe(made)).await.unwrap();
    connection.close().await.unwrap();
    with_name(server, &name)
}

fn unique() -> u128 {
    let mut bytes = [0; 16];
    SystemEntropy.fill(&mut bytes);
    u128::from_be_bytes(bytes)
}

/// The first test that comes makes the template; the others wait for it.
async fn make_template(connection: &mut PgConnection, server: &str) {
    connection
        .execute("SELECT pg_advisory_lock(1)")
        .await
        .unwrap();
    let found = sqlx::query("SELECT FROM pg_database WHERE datname = $1")
        .bind(TEMPLATE)
        .fetch_optional(&mut *connection)
        .await;
    if found.unwrap().is_none() {
        let building = format!("{TEMPLATE}_{}", unique());
        let made = format!("CREATE DATABASE {building}");
        connection.execute(AssertSqlSafe(made)).await.unwrap();
        let url = DatabaseUrl::new(with_name(server, &building));
        let options = StoreOptions::Postgres {
            url,
            connections: 4,
        };
        Store::open(&options).await.unwrap().close().await;
        let ready = format!("ALTER DATABASE {building} RENAME TO {TEMPLATE}");
        connection.execute(AssertSqlSafe(ready)).await.unwrap();
    }
    connection
        .execute("SELECT pg_advisory_unlock(1)")
        .await
        .unwrap();
}

/// Everything that the database holds, as one who copied it has it.
pub(crate) fn copy_of(folder: &Path) -> Vec<u8> {
    let Some(url) = database_of_blocking(folder) else {
        return Vec::new();
    };
    let dumped = Command::new("pg_dump")
        .arg(format!("--dbname={url}"))
        .output()
        .unwrap();
    assert!(
        dumped.status.success(),
        "{}",
        String::from_utf8_lossy(&dumped.stderr)
    );
    dumped.stdout
}
