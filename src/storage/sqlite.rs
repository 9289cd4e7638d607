//! SQLite: how its file is opened. It may not know any table.

use std::path::Path;
use std::str::FromStr as _;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use sqlx::error::DatabaseError;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Sqlite, SqliteConnection};

use super::Result;
use super::lane::Waits;
use super::lanes::Lanes;
use super::voice::{Driver, Voice};

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("migrations/sqlite");

/// How long a writer waits for another one.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// What a connection that reads keeps of the file for itself, in KiB: little, since the system keeps it for all of
/// them. A writer has SQLite's 2,000.
const READERS_CACHE: &str = "-500";
/// After so many commits what they wrote is moved into the file.
const COMMITS_PER_CHECKPOINT: u32 = 500;
/// After so many pages (of 4 KiB) the writer does that itself, since the log begins anew only where nobody writes.
const PAGES_MAX: &str = "10000";
/// A deferred transaction that reads and then writes fails at once when another one has written in between; an
/// immediate one waits for its turn.
const BEGIN_WRITE: &str = "BEGIN IMMEDIATE";
const BEGIN_READ: &str = "BEGIN";
/// A connection is a thread of this process: it needs no replacing.
const WAITS: Waits = Waits {
    acquire: Duration::from_secs(30),
    answer: Duration::from_secs(15),
    life: Duration::MAX,
};

impl Driver for Sqlite {
    const SEVERAL_AT_ONCE: bool = true;
    const AWAKE: Duration = Duration::from_micros(100);

    type Address = SqliteConnectOptions;

    async fn connect(address: &SqliteConnectOptions) -> sqlx::Result<SqliteConnection> {
        address.connect().await
    }

    async fn say(voice: Voice<'_, Self>, sql: &'static str) -> sqlx::Result<()> {
        sqlx::query(sql).execute(voice).await?;
        Ok(())
    }
}

/// Moves what was committed from SQLite's own log into the file, beside the writer: else one commit in some hundreds
/// takes as long as ten.
#[derive(Debug, Default)]
pub(super) struct Checkpoints {
    commits: AtomicU32,
}

impl Checkpoints {
    /// Something was committed.
    pub(super) fn note_commit(&self, read: &Lanes<Sqlite>) {
        let commits = self.commits.fetch_add(1, Ordering::Relaxed);
        if commits % COMMITS_PER_CHECKPOINT == COMMITS_PER_CHECKPOINT - 1 {
            let read = read.clone();
            tokio::spawn(async move {
                if let Err(error) = checkpoint(&read).await {
                    tracing::debug!(%error, "the writer has to tidy up by itself");
                }
            });
        }
    }
}

async fn checkpoint(read: &Lanes<Sqlite>) -> sqlx::Result<()> {
    let mut lane = read.look().await?;
    lane.say("PRAGMA wal_checkpoint(PASSIVE)").await
}

/// The writer and the readers, on a schema that is up to date.
pub(super) async fn open(path: &Path, readers: u32) -> Result<(Lanes<Sqlite>, Lanes<Sqlite>)> {
    let address = options(path)?;
    let write = Lanes::open(address.clone(), BEGIN_WRITE, WAITS, 1).await?;
    MIGRATIONS
        .run(write.look().await?.voice()?.connection)
        .await?;
    let address = address
        .pragma("query_only", "on")
        .pragma("cache_size", READERS_CACHE);
    let read = Lanes::open(address, BEGIN_READ, WAITS, readers).await?;
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
        .pragma("wal_autocheckpoint", PAGES_MAX)
        .optimize_on_close(true, None)
        .disable_statement_logging())
}
