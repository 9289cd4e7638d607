//! SQLite: how its file is opened. It may not know any table.

use std::path::Path;
use std::str::FromStr as _;
use std::time::Duration;

use sqlx::error::DatabaseError;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};

use super::Result;

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("migrations/sqlite");

/// How long a writer waits for another one.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// What a connection that reads keeps of the file for itself, in KiB: little, since the system keeps it for all of
/// them. A writer has SQLite's 2,000.
const READERS_CACHE: &str = "-500";
/// Waiting for one's turn is no news; under load a line for each who waits would drown all other.
const SLOW: Duration = Duration::from_secs(30);

/// The writer and the readers, on a schema that is up to date.
pub(super) async fn open(path: &Path, readers: u32) -> Result<(SqlitePool, SqlitePool)> {
    let connect = options(path)?;
    let write = SqlitePoolOptions::new()
        .max_connections(1)
        .acquire_slow_threshold(SLOW)
        .connect_with(connect.clone())
        .await?;
    MIGRATIONS.run(&write).await?;
    let read = SqlitePoolOptions::new()
        .max_connections(readers.max(1))
        .acquire_slow_threshold(SLOW)
        .connect_with(
            connect
                .pragma("query_only", "on")
                .pragma("cache_size", READERS_CACHE),
        )
        .await?;
    Ok((write, read))
}

/// Whether somebody else had the file for too long.
pub(super) fn is_busy(error: &sqlx::Error) -> bool {
    const BUSY: [&str; 4] = ["5", "261", "517", "773"];
    let code = error.as_database_error().and_then(DatabaseError::code);
    code.is_some_and(|code| BUSY.contains(&code.as_ref()))
}

fn options(path: &Path) -> Result<SqliteConnectOptions> {
    Ok(SqliteConnectOptions::from_str("sqlite://")?
        .filename(path)
        .create_if_missing(true)
        .foreign_keys(true)
        .journal_mode(SqliteJournalMode::Wal)
        // A position is never given twice: a commit that was answered survives a power cut.
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(BUSY_TIMEOUT)
        .optimize_on_close(true, None))
}
