//! The store and its transactions: an enum over drivers and one SQL text for all of them.
//!
//! To add a driver: a variant of `Inner` and `Pools`, an arm in `on_either!`, its migrations. It may
//! not know any table.

use std::path::PathBuf;

use sqlx::postgres::{PgPool, PgQueryResult};
use sqlx::sqlite::{SqlitePool, SqliteQueryResult};
use sqlx::{Postgres, Sqlite, Transaction};

use super::{Result, postgres, sqlite};
use crate::domain::access::Cause;
use crate::domain::clock::Timestamp;
use crate::domain::event::Event;
use crate::domain::secret::DatabaseUrl;

/// Repeats one expression for each driver.
macro_rules! on_either {
    ($tx:expr, |$connection:ident| $body:expr) => {
        match &mut $tx.inner {
            $crate::storage::tx::Inner::Sqlite(transaction) => {
                let $connection = &mut **transaction;
                $body
            }
            $crate::storage::tx::Inner::Postgres(transaction) => {
                let $connection = &mut **transaction;
                $body
            }
        }
    };
}
pub(super) use on_either;

/// Whether a statement about these is kept for the next time. There is another text for each number of them: for all
/// numbers they would take megabytes.
pub(super) fn is_kept<T>(those: &[T]) -> bool {
    those.len() == 1
}

/// What a statement that answers no rows did, whichever driver says so.
#[derive(Clone, Copy, Debug)]
pub(super) struct Done {
    rows: u64,
}

impl Done {
    pub(super) fn rows_affected(self) -> u64 {
        self.rows
    }
}

impl From<SqliteQueryResult> for Done {
    fn from(done: SqliteQueryResult) -> Self {
        let rows = done.rows_affected();
        Self { rows }
    }
}

impl From<PgQueryResult> for Done {
    fn from(done: PgQueryResult) -> Self {
        let rows = done.rows_affected();
        Self { rows }
    }
}

/// Where the data is.
#[derive(Clone, Debug)]
pub enum StoreOptions {
    /// In a file.
    Sqlite {
        /// The file; made where it is missing.
        path: PathBuf,
        /// How many read at once.
        readers: u32,
    },
    /// On a server.
    Postgres {
        /// Its address, with the name of the database.
        url: DatabaseUrl,
        /// How many sessions there at most.
        connections: u32,
    },
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
    /// PostgreSQL has many; `locks` says who waits for whom.
    Postgres { write: PgPool, read: PgPool },
}

impl Store {
    /// Opens the database and brings its schema up to date.
    pub async fn open(options: &StoreOptions) -> Result<Self> {
        let pools = match options {
            StoreOptions::Sqlite { path, readers } => {
                let (write, read) = sqlite::open(path, *readers).await?;
                Pools::Sqlite { write, read }
            }
            StoreOptions::Postgres { url, connections } => {
                let (write, read) = postgres::open(url, *connections).await?;
                Pools::Postgres { write, read }
            }
        };
        Ok(Self { pools })
    }

    /// A transaction that may write. Dropped without a commit it changes nothing.
    pub async fn begin(&self) -> Result<Tx> {
        Ok(Tx::new(match &self.pools {
            // A deferred transaction that reads and then writes fails at once when another one has
            // written in between; an immediate one waits for its turn.
            Pools::Sqlite { write, .. } => {
                Inner::Sqlite(write.begin_with("BEGIN IMMEDIATE").await?)
            }
            // An update that waited reads the row again; stricter levels fail instead.
            Pools::Postgres { write, .. } => Inner::Postgres(
                write
                    .begin_with("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE")
                    .await?,
            ),
        }))
    }

    /// A snapshot to read from.
    pub async fn read(&self) -> Result<Tx> {
        Ok(Tx::new(match &self.pools {
            Pools::Sqlite { read, .. } => Inner::Sqlite(read.begin().await?),
            Pools::Postgres { read, .. } => Inner::Postgres(
                read.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
                    .await?,
            ),
        }))
    }

    /// Waits for what is under way and closes every connection.
    pub async fn close(&self) {
        match &self.pools {
            Pools::Sqlite { write, read } => {
                read.close().await;
                write.close().await;
            }
            Pools::Postgres { write, read } => {
                postgres::close(read).await;
                postgres::close(write).await;
            }
        }
    }
}

/// A transaction that remembers its events. The files of the tables add what it can do.
pub struct Tx {
    pub(super) inner: Inner,
    recorded: Vec<Recorded>,
}

pub(super) enum Inner {
    Sqlite(Transaction<'static, Sqlite>),
    Postgres(Transaction<'static, Postgres>),
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
            Inner::Postgres(transaction) => transaction.commit().await?,
        }
        Ok(())
    }

    /// The time by the clock of the database; none where it has no other than this machine's.
    pub async fn now(&mut self) -> Result<Option<Timestamp>> {
        match &mut self.inner {
            Inner::Sqlite(_) => Ok(None),
            Inner::Postgres(transaction) => Ok(Some(postgres::now(transaction).await?)),
        }
    }

    /// Gives everything up.
    pub async fn roll_back(self) -> Result<()> {
        match self.inner {
            Inner::Sqlite(transaction) => transaction.rollback().await?,
            Inner::Postgres(transaction) => transaction.rollback().await?,
        }
        Ok(())
    }
}
