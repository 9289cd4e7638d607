//! The floor of every change: a commit of one row that waits for the disk, in the same folder as the server's database.

use std::path::Path;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _};

use crate::clock;
use crate::failure::{During as _, Outcome};
use crate::figures::Times;

/// How long each of so many commits took.
pub(crate) fn commits(folder: &Path, count: usize) -> Outcome<Times> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime
        .during("starting a runtime")?
        .block_on(times(folder, count))
}

async fn times(folder: &Path, count: usize) -> Outcome<Times> {
    let file = folder.join("floor.db");
    let mut database: SqliteConnection = SqliteConnectOptions::new()
        .filename(&file)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .connect()
        .await?;
    sqlx::query("CREATE TABLE IF NOT EXISTS rows (id INTEGER PRIMARY KEY, body TEXT NOT NULL)")
        .execute(&mut database)
        .await?;
    let mut times = Vec::with_capacity(count);
    for _ in 0..count {
        let began = clock::now();
        let mut tx = database.begin_with("BEGIN IMMEDIATE").await?;
        sqlx::query("INSERT INTO rows (body) VALUES ('a body of a few bytes')")
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        times.push(clock::now() - began);
    }
    database.close().await?;
    Ok(Times::of(times))
}
