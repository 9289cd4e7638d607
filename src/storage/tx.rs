//! The store and its transactions: an enum over drivers and one SQL text for all of them.
//!
//! To add a driver: a variant of `Inner` and `Pools`, an arm in `on_either!`, its migrations. It may
//! not know any table.

use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{Sqlite, Transaction};

use super::Result;
use crate::domain::access::Cause;
use crate::domain::event::Event;

/// Waiting for one's turn is no news; under load a line for each who waits would drown all other.
const SLOW: Duration = Duration::from_secs(30);

static SQLITE_MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("migrations/sqlite");

/// How long a writer waits for another one.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// Repeats one expression for each driver.
macro_rules! on_either {
    ($tx:expr, |$connection:ident| $body:expr) => {
        match &mut $tx.inner {
            $crate::storage::tx::Inner::Sqlite(transaction) => {
                let $connection = &mut **transaction;
                $body
            }
        }
    };
}
pub(super) use on_either;

/// Where the data is.
#[derive(Clone, Debug)]
pub struct StoreOptions {
    /// The SQLite file; made where it is missing, with mode 0600.
    pub sqlite: std::path::PathBuf,
    /// How many readers at once.
    pub readers: u32,
}

/// A handle on the database. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    pools: Pools,
}

#[derive(Clone, Debug)]
enum Pools {
    /// SQLite has one writer at a time: one connection writes, the others read beside it.
    Sqlite { write: SqlitePool, read: SqlitePool },
}

impl Store {
    /// Opens the database and brings its schema up to date.
    pub async fn open(options: &StoreOptions) -> Result<Self> {
        let connect = sqlite_options(&options.sqlite)?;
        let write = SqlitePoolOptions::new()
            .max_connections(1)
            .acquire_slow_threshold(SLOW)
            .connect_with(connect.clone())
            .await?;
        SQLITE_MIGRATIONS.run(&write).await?;
        let read = SqlitePoolOptions::new()
            .max_connections(options.readers.max(1))
            .acquire_slow_threshold(SLOW)
            .connect_with(connect.pragma("query_only", "on"))
            .await?;
        Ok(Self {
            pools: Pools::Sqlite { write, read },
        })
    }

    /// A transaction that may write. Dropped without a commit it changes nothing.
    pub async fn begin(&self) -> Result<Tx> {
        match &self.pools {
            // A deferred transaction that reads and then writes fails at once when another one has
            // written in between; an immediate one waits for its turn.
            Pools::Sqlite { write, .. } => Ok(Tx::new(Inner::Sqlite(
                write.begin_with("BEGIN IMMEDIATE").await?,
            ))),
        }
    }

    /// A snapshot to read from.
    pub async fn read(&self) -> Result<Tx> {
        match &self.pools {
            Pools::Sqlite { read, .. } => Ok(Tx::new(Inner::Sqlite(read.begin().await?))),
        }
    }

    /// Waits for what is under way and closes every connection.
    pub async fn close(&self) {
        match &self.pools {
            Pools::Sqlite { write, read } => {
                read.close().await;
                write.close().await;
            }
        }
    }
}

fn sqlite_options(path: &Path) -> Result<SqliteConnectOptions> {
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

/// A transaction that remembers its events. The files of the tables add what it can do.
pub struct Tx {
    pub(super) inner: Inner,
    recorded: Vec<Recorded>,
}

pub(super) enum Inner {
    Sqlite(Transaction<'static, Sqlite>),
}

/// An event on its way into the log.
#[derive(Clone, Debug)]
pub(super) struct Recorded {
    pub(super) cause: Cause,
    pub(super) event: Event,
}

impl Tx {
    fn new(inner: Inner) -> Self {
        Self {
            inner,
            recorded: Vec::new(),
        }
    }

    /// Remembers an event for the commit.
    pub fn record(&mut self, cause: &Cause, event: Event) {
        self.recorded.push(Recorded {
            cause: cause.clone(),
            event,
        });
    }

    /// The events remembered so far.
    pub fn events(&self) -> impl Iterator<Item = &Event> {
        self.recorded.iter().map(|recorded| &recorded.event)
    }

    pub(super) fn take_recorded(&mut self) -> Vec<Recorded> {
        std::mem::take(&mut self.recorded)
    }

    pub(super) async fn finish(self) -> Result<()> {
        match self.inner {
            Inner::Sqlite(transaction) => transaction.commit().await?,
        }
        Ok(())
    }

    /// Gives everything up.
    pub async fn roll_back(self) -> Result<()> {
        match self.inner {
            Inner::Sqlite(transaction) => transaction.rollback().await?,
        }
        Ok(())
    }
}
