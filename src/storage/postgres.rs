//! PostgreSQL: how a session there begins, and how long anything may take in one. It may not know any table.
//!
//! Every wait has an end: a connection that the network swallowed is given up, a node that stopped in the
//! middle of a transaction loses its locks, and who waits for a lock too long is told so.

use std::future::Future;
use std::io;
use std::str::FromStr as _;
use std::time::Duration;

use sqlx::error::DatabaseError;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions as _, Connection as _, Executor as _, Postgres};
use tokio::time::timeout;

use super::lane::Waits;
use super::lanes::Lanes;
use super::voice::{Driver, Voice};
use super::{Error, Result};
use crate::domain::clock::Timestamp;
use crate::domain::secret::DatabaseUrl;

/// What every session is limited to, in milliseconds. A lock is waited for longer than one who was stopped keeps
/// it, so that nobody is refused because of that, and less long than a statement may take, so that whoever waits
/// learns that it was a lock.
const LIMITS: [(&str, &str); 3] = [
    ("statement_timeout", "15000"),
    ("lock_timeout", "5000"),
    ("idle_in_transaction_session_timeout", "4000"),
];
/// A migration may take as long as it takes, but others wait behind a lock that it waits for.
const MIGRATION_LIMITS: [(&str, &str); 2] = [("statement_timeout", "0"), ("lock_timeout", "60000")];
/// How long a connection may take to come about, and anybody waits for one.
const ACQUIRE: Duration = Duration::from_secs(5);
/// How long what is under way may take when the server stops.
const CLOSE: Duration = Duration::from_secs(5);
/// A connection is asked before it is relied on, and replaced now and then, so that nodes find their way back after
/// the address of the server has moved.
const WAITS: Waits = Waits {
    acquire: ACQUIRE,
    answer: Duration::from_secs(1),
    life: Duration::from_mins(30),
};
/// An update that waited reads the row again; stricter levels fail instead.
const BEGIN_WRITE: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE";
const BEGIN_READ: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

impl Driver for Postgres {
    const SEVERAL_AT_ONCE: bool = false;
    const AWAKE: Duration = Duration::ZERO;

    type Address = PgConnectOptions;

    async fn connect(address: &PgConnectOptions) -> sqlx::Result<PgConnection> {
        let mut connection = within(ACQUIRE, address.connect()).await?;
        keep_commits(&mut connection).await?;
        Ok(connection)
    }

    async fn say(voice: Voice<'_, Self>, sql: &'static str) -> sqlx::Result<()> {
        voice.execute(sqlx::raw_sql(sql)).await?;
        Ok(())
    }
}

/// Those who write and those who read, on a schema that is up to date. Apart from each other: who holds locks may ask a
/// snapshot beside them, and must not wait for a connection that others hold who wait for those locks.
pub(super) async fn open(
    url: &DatabaseUrl,
    connections: u32,
) -> Result<(Lanes<Postgres>, Lanes<Postgres>)> {
    let options = PgConnectOptions::from_str(url.expose())?
        .application_name("sessionwire")
        .disable_statement_logging();
    migrate(options.clone().options(MIGRATION_LIMITS)).await?;
    let options = options.options(LIMITS);
    let read = connections / 2;
    let write = connections - read;
    Ok((
        Lanes::open(options.clone(), BEGIN_WRITE, WAITS, write).await?,
        Lanes::open(options, BEGIN_READ, WAITS, read).await?,
    ))
}

async fn migrate(options: PgConnectOptions) -> Result<()> {
    let mut connection = within(ACQUIRE, options.connect()).await?;
    let mut migrations = sqlx::migrate!("migrations/postgres");
    // A schema only grows while older nodes run: one that comes back meets tables that it does not know.
    migrations.set_ignore_missing(true);
    migrations.run(&mut connection).await?;
    connection.close().await?;
    Ok(())
}

/// A position is never given twice: a commit that was answered survives a crash, whatever the server's
/// setting is. A stricter one is left.
async fn keep_commits(connection: &mut PgConnection) -> sqlx::Result<()> {
    const SQL: &str = "SELECT set_config('synchronous_commit', 'on', false) \
         WHERE current_setting('synchronous_commit') = 'off'";
    sqlx::query(SQL).execute(connection).await?;
    Ok(())
}

/// The server's time, not that at which the transaction began.
pub(super) async fn now(voice: Voice<'_, Postgres>) -> Result<Timestamp> {
    const SQL: &str = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint";
    let now = sqlx::query_scalar(SQL).fetch_one(voice).await?;
    Ok(Timestamp::from_millis(now))
}

/// Waits for what is under way, and closes every connection.
pub(super) async fn close(lanes: &Lanes<Postgres>) {
    // A connection that the network swallowed can't be closed.
    let _ = timeout(CLOSE, lanes.close()).await;
}

/// An answer within a time, as an error of the connection where there is none.
async fn within<T>(
    time: Duration,
    answer: impl Future<Output = sqlx::Result<T>>,
) -> sqlx::Result<T> {
    let late = || io::Error::new(io::ErrorKind::TimedOut, "the server does not answer");
    timeout(time, answer)
        .await
        .unwrap_or_else(|_| Err(late().into()))
}

/// What an error of the server means to those who asked.
pub(super) fn classify(error: sqlx::Error) -> Error {
    let code = error.as_database_error().and_then(DatabaseError::code);
    // SQLite's codes are shorter.
    let Some(code) = code.filter(|code| code.len() == 5) else {
        return Error::Database(error);
    };
    match code.as_ref() {
        // A text with a NUL, or one that is too long for an index: nothing here is called so.
        "22021" | "54000" => Error::Unstorable,
        // A lock was not given in time, or two waited for each other; a statement took too long; what was
        // written would not be kept; too many sessions; the server stops, starts or is a copy.
        "55P03" | "40P01" | "40001" | "57014" | "25P03" | "25P04" | "25006" => {
            Error::Unavailable(error)
        }
        code if code.starts_with("08") || code.starts_with("53") || code.starts_with("57P") => {
            Error::Unavailable(error)
        }
        _ => Error::Database(error),
    }
}
