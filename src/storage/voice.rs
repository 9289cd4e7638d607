//! Says something on a connection, and what has to be said before it with it, one way. It may not know what is said.

use std::future::{self, Future};
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{StreamExt as _, TryStreamExt as _};
use sqlx::error::BoxDynError;
use sqlx::{AssertSqlSafe, Describe, SqlSafeStr as _, SqlStr};
use sqlx::{Database, Either, Execute, Executor};

use super::awake::Awake;

/// A database, as far as one talks to it.
pub(super) trait Driver: Database {
    /// Whether several statements may go one way: then a transaction begins with the first that is said in it.
    const SEVERAL_AT_ONCE: bool;
    /// For how long an answer is waited for awake.
    const AWAKE: Duration;

    /// Where the database is, and how a connection begins.
    type Address: Send + Sync + 'static;

    /// A new connection.
    fn connect(
        address: &Self::Address,
    ) -> impl Future<Output = sqlx::Result<Self::Connection>> + Send;

    /// Says something that answers nothing.
    fn say(
        voice: Voice<'_, Self>,
        sql: &'static str,
    ) -> impl Future<Output = sqlx::Result<()>> + Send;
}

/// A connection on which one thing is said.
pub(super) struct Voice<'c, D: Driver> {
    pub(super) connection: &'c mut D::Connection,
    /// A statement without values that goes before it.
    pub(super) first: Option<&'static str>,
}

impl<D: Driver> std::fmt::Debug for Voice<'_, D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Voice").finish_non_exhaustive()
    }
}

impl<'c, D: Driver> Executor<'c> for Voice<'c, D>
where
    &'c mut D::Connection: Executor<'c, Database = D>,
{
    type Database = D;

    fn fetch_many<'e, 'q: 'e, E>(
        self,
        query: E,
    ) -> BoxStream<'e, sqlx::Result<Either<D::QueryResult, D::Row>>>
    where
        'c: 'e,
        E: 'q + Execute<'q, D>,
    {
        let said = match self.first {
            None => self.connection.fetch_many(query),
            Some(first) => but_for_first(self.connection.fetch_many(Both { first, query })),
        };
        if D::AWAKE.is_zero() {
            return said;
        }
        Box::pin(Awake::at_first(said, D::AWAKE))
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, sqlx::Result<Option<D::Row>>>
    where
        'c: 'e,
        E: 'q + Execute<'q, D>,
    {
        let said = match self.first {
            None => self.connection.fetch_optional(query),
            Some(first) => self.connection.fetch_optional(Both { first, query }),
        };
        if D::AWAKE.is_zero() {
            return said;
        }
        Box::pin(Awake::at_first(said, D::AWAKE))
    }

    fn prepare_with<'e>(
        self,
        sql: SqlStr,
        parameters: &'e [D::TypeInfo],
    ) -> BoxFuture<'e, sqlx::Result<D::Statement>>
    where
        'c: 'e,
    {
        self.connection.prepare_with(sql, parameters)
    }

    fn describe<'e>(self, sql: SqlStr) -> BoxFuture<'e, sqlx::Result<Describe<D>>>
    where
        'c: 'e,
    {
        self.connection.describe(sql)
    }
}

/// Without what came of the first statement: it says how many rows the one before it touched, since it touches none.
fn but_for_first<'e, T: Send + 'e>(
    said: BoxStream<'e, sqlx::Result<T>>,
) -> BoxStream<'e, sqlx::Result<T>> {
    let mut is_first = true;
    let others = said.try_filter_map(move |step| {
        let is_other = !std::mem::take(&mut is_first);
        future::ready(Ok(is_other.then_some(step)))
    });
    others.boxed()
}

struct Both<E> {
    first: &'static str,
    query: E,
}

impl<'q, D: Database, E: Execute<'q, D>> Execute<'q, D> for Both<E> {
    fn sql(self) -> SqlStr {
        let second = self.query.sql();
        AssertSqlSafe(format!("{}; {}", self.first, second.as_str())).into_sql_str()
    }

    fn statement(&self) -> Option<&D::Statement> {
        None
    }

    fn take_arguments(&mut self) -> Result<Option<D::Arguments>, BoxDynError> {
        self.query.take_arguments()
    }

    fn persistent(&self) -> bool {
        self.query.persistent()
    }
}
