//! The database: one SQL text, one file per table, and the log's append at every commit.
//!
//! Floor 2. The only place that knows sqlx. It may not know the rules by which anything is written:
//! those are in `service`. Lookups answer `Option`; "not found" is not an error here.

mod awake;
mod data_key;
mod devices;
mod grants;
mod group_sizes;
mod groups;
mod idempotency;
mod identities;
mod keys;
mod lane;
mod lanes;
mod lives;
mod locks;
mod log;
mod logout_tokens;
mod memberships;
mod nodes;
mod policies;
mod postgres;
mod presence;
mod refresh;
mod rights;
mod row;
mod seats;
mod sessions;
mod sinks;
mod sqlite;
mod takeovers;
mod tickets;
mod tx;
mod users;
mod voice;

pub use devices::DeviceRow;
pub use grants::Grant;
pub use idempotency::IdempotencyRow;
pub use identities::{ForeignEnd, ForeignEnds};
pub use keys::{ApiKeyRow, KeyState, SigningKeyRow};
pub use log::EventFilter;
pub use refresh::RefreshState;
pub use seats::{Entrance, Seats};
pub use sessions::SessionFilter;
pub use sinks::SinkRow;
pub use takeovers::{Newcomer, TakeoverKind, TakeoverRow, TakeoverState};
pub use tx::{Store, StoreOptions, Tx};

use crate::domain;

/// What can go wrong down here.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A unique name is taken.
    #[error("the name is taken")]
    Taken,
    /// A row holds what this program never writes.
    #[error("table `{0}` holds a row that can't be read")]
    Corrupt(&'static str),
    /// The database can't be reached, or could not do it in time. The same may work later.
    #[error(transparent)]
    Unavailable(sqlx::Error),
    /// A text that no row can hold, so that none does.
    #[error("a text can't be kept: it has a NUL character or is too long")]
    Unstorable,
    /// The database said no.
    #[error(transparent)]
    Database(sqlx::Error),
    /// The schema can't be brought up to date.
    #[error("the database schema can't be migrated: {0}")]
    Migrate(#[from] sqlx::migrate::MigrateError),
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        let taken = error
            .as_database_error()
            .is_some_and(sqlx::error::DatabaseError::is_unique_violation);
        if taken {
            return Self::Taken;
        }
        match error {
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => Self::Unavailable(error),
            other if sqlite::is_busy(&other) => Self::Unavailable(other),
            other => postgres::classify(other),
        }
    }
}

impl From<Error> for domain::error::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Taken => Self::AlreadyExists("name"),
            Error::Unavailable(cause) => Self::unavailable(cause),
            Error::Unstorable => Self::validation(error.to_string()),
            Error::Corrupt(_) | Error::Database(_) | Error::Migrate(_) => Self::internal(error),
        }
    }
}

/// What storage answers.
pub type Result<T> = std::result::Result<T, Error>;
