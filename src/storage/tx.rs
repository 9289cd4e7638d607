//! The store and its transactions: an enum over drivers and one SQL text for all of them.
//!
//! To add a driver: a variant of `Inner` and `Database`, an arm in `on_either!`, its migrations. It may
//! not know any table.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use sqlx::postgres::{PgQueryResult, PgRow};
use sqlx::sqlite::{SqliteQueryResult, SqliteRow};
use sqlx::{Encode, FromRow, Postgres, QueryBuilder, Sqlite, Type};

use super::lane::Lane;
use super::lanes::Lanes;
use super::sqlite::Checkpoints;
use super::voice::Driver as _;
use super::{Result, postgres, sqlite};
use crate::domain::access::Cause;
use crate::domain::clock::Timestamp;
use crate::domain::event::Event;
use crate::domain::secret::DatabaseUrl;

/// Rows per statement, below every driver's limit of values.
pub(super) const CHUNK: usize = 500;

/// Repeats one expression for each driver.
macro_rules! on_either {
    ($tx:expr, |$connection:ident| $body:expr) => {
        match &mut $tx.inner {
            $crate::storage::tx::Inner::Sqlite(lane) => {
                let $connection = lane.voice()?;
                let said = $body;
                lane.heard(said)
            }
            $crate::storage::tx::Inner::Postgres(lane) => {
                let $connection = lane.voice()?;
                let said = $body;
                lane.heard(said)
            }
        }
    };
}
pub(super) use on_either;

/// Runs statements that share their values, one way: SQLite takes one after the other, PostgreSQL as parts of one, which
/// all see what was there before. Says how many rows the last one answered; the others answer none.
macro_rules! in_one_way {
    ($tx:expr, $statements:expr, |$query:ident| $bound:expr) => {
        match &mut $tx.inner {
            $crate::storage::tx::Inner::Sqlite(lane) => {
                let $query = sqlx::query(sqlx::AssertSqlSafe($statements.join("; ")));
                let said = $bound.fetch_all(lane.voice()?).await;
                lane.heard(said)?.len()
            }
            $crate::storage::tx::Inner::Postgres(lane) => {
                let sql = $crate::storage::tx::as_parts_of_one($statements);
                let $query = sqlx::query(sqlx::AssertSqlSafe(sql));
                let said = $bound.fetch_all(lane.voice()?).await;
                lane.heard(said)?.len()
            }
        }
    };
}
pub(super) use in_one_way;

/// The same with the rows of all, of statements of which each sees what the one before it did: PostgreSQL takes one at a
/// time.
macro_rules! rows_in_one_way {
    ($tx:expr, $statements:expr, |$query:ident| $bound:expr, |$row:ident| $read:expr) => {
        match &mut $tx.inner {
            $crate::storage::tx::Inner::Sqlite(lane) => {
                let $query = sqlx::query(sqlx::AssertSqlSafe($statements.join("; ")));
                let said = $bound.fetch_all(lane.voice()?).await;
                for $row in &lane.heard(said)? {
                    $read;
                }
            }
            $crate::storage::tx::Inner::Postgres(lane) => {
                for statement in $statements {
                    let $query = sqlx::query(sqlx::AssertSqlSafe(statement));
                    let said = $bound.fetch_all(lane.voice()?).await;
                    for $row in &lane.heard(said)? {
                        $read;
                    }
                }
            }
        }
    };
}
pub(super) use rows_in_one_way;

/// One statement, which answers what the last of these does.
pub(super) fn as_parts_of_one(statements: &[&str]) -> String {
    let Some((last, others)) = statements.split_last() else {
        return String::new();
    };
    let mut sql = String::new();
    for (number, statement) in others.iter().enumerate() {
        let with = if number == 0 { "WITH" } else { "," };
        // Writing to a text can't fail.
        let _ = write!(sql, "{with} part_{number} AS ({statement}) ");
    }
    sql + last
}

/// Whether a statement about these is kept for the next time. There is another text for each number of them: for all
/// numbers they would take megabytes.
pub(super) fn is_kept<T>(those: &[T]) -> bool {
    those.len() == 1
}

/// `column IN (values)`.
pub(super) fn push_is_in<'v, DB, T>(
    query: &mut QueryBuilder<DB>,
    column: &str,
    values: impl IntoIterator<Item = T>,
) where
    DB: sqlx::Database,
    T: Encode<'v, DB> + Type<DB>,
{
    query.push(column).push(" IN (");
    let mut list = query.separated(", ");
    for value in values {
        list.push_bind(value);
    }
    query.push(")");
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
    database: Database,
}

#[derive(Clone, Debug)]
enum Database {
    /// SQLite has one writer at a time: one connection writes, the others read beside it.
    Sqlite {
        write: Lanes<Sqlite>,
        read: Lanes<Sqlite>,
        checkpoints: Arc<Checkpoints>,
    },
    /// PostgreSQL has many; `locks` says who waits for whom.
    Postgres {
        write: Lanes<Postgres>,
        read: Lanes<Postgres>,
    },
}

impl Store {
    /// Opens the database and brings its schema up to date.
    pub async fn open(options: &StoreOptions) -> Result<Self> {
        let database = match options {
            StoreOptions::Sqlite { path, readers } => {
                let (write, read) = sqlite::open(path, *readers).await?;
                Database::Sqlite {
                    write,
                    read,
                    checkpoints: Arc::default(),
                }
            }
            StoreOptions::Postgres { url, connections } => {
                let (write, read) = postgres::open(url, *connections).await?;
                Database::Postgres { write, read }
            }
        };
        Ok(Self { database })
    }

    /// A transaction that may write. Dropped without a commit it changes nothing.
    pub async fn begin(&self) -> Result<Tx> {
        Ok(Tx::new(match &self.database {
            Database::Sqlite { write, .. } => Inner::Sqlite(write.begin().await?),
            Database::Postgres { write, .. } => Inner::Postgres(write.begin().await?),
        }))
    }

    /// A snapshot to read from, for what takes several statements that must fit together.
    pub async fn read(&self) -> Result<Tx> {
        Ok(Tx::new(match &self.database {
            Database::Sqlite { read, .. } => Inner::Sqlite(read.begin().await?),
            Database::Postgres { read, .. } => Inner::Postgres(read.begin().await?),
        }))
    }

    /// The present to read from: each statement sees what is committed when it runs.
    pub async fn look(&self) -> Result<Tx> {
        Ok(Tx::new(match &self.database {
            Database::Sqlite { read, .. } => Inner::Sqlite(read.look().await?),
            Database::Postgres { read, .. } => Inner::Postgres(read.look().await?),
        }))
    }

    pub(super) fn note_commit(&self) {
        match &self.database {
            Database::Sqlite {
                read, checkpoints, ..
            } => checkpoints.note_commit(read),
            Database::Postgres { .. } => {}
        }
    }

    /// Waits for what is under way and closes every connection.
    pub async fn close(&self) {
        match &self.database {
            Database::Sqlite { write, read, .. } => {
                read.close().await;
                write.close().await;
            }
            Database::Postgres { write, read } => {
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
    Sqlite(Lane<Sqlite>),
    Postgres(Lane<Postgres>),
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

    /// Whether several statements go one way; where each has its own, nothing is asked that may be about nobody.
    pub(super) fn takes_several(&self) -> bool {
        match self.inner {
            Inner::Sqlite(_) => Sqlite::SEVERAL_AT_ONCE,
            Inner::Postgres(_) => Postgres::SEVERAL_AT_ONCE,
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
            Inner::Sqlite(lane) => lane.commit().await?,
            Inner::Postgres(lane) => lane.commit().await?,
        }
        Ok(())
    }

    /// The rows of `sql`, which ends where its condition begins, whose column is one of these.
    pub(super) async fn select_in<Row, T>(
        &mut self,
        sql: &str,
        column: &str,
        values: &[T],
    ) -> Result<Vec<Row>>
    where
        Row: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin,
        T: Clone + for<'v> Encode<'v, Sqlite> + Type<Sqlite>,
        T: for<'v> Encode<'v, Postgres> + Type<Postgres>,
    {
        let mut found = Vec::with_capacity(values.len());
        for chunk in values.chunks(CHUNK) {
            let rows: Vec<Row> = on_either!(self, |c| {
                let mut query = QueryBuilder::new(sql);
                push_is_in(&mut query, column, chunk.iter().cloned());
                query
                    .build_query_as()
                    .persistent(is_kept(chunk))
                    .fetch_all(c)
                    .await
            })?;
            found.extend(rows);
        }
        Ok(found)
    }

    /// The time by the clock of the database; none where it has no other than this machine's.
    pub async fn now(&mut self) -> Result<Option<Timestamp>> {
        match &mut self.inner {
            Inner::Sqlite(_) => Ok(None),
            Inner::Postgres(lane) => Ok(Some(postgres::now(lane.voice()?).await?)),
        }
    }

    /// Gives everything up.
    pub async fn roll_back(self) -> Result<()> {
        match self.inner {
            Inner::Sqlite(lane) => lane.roll_back().await?,
            Inner::Postgres(lane) => lane.roll_back().await?,
        }
        Ok(())
    }
}
