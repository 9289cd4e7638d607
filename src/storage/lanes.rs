//! Connections to the database, of which each is one's alone until it is given back. A lane is given back at once
//! where nothing was left open on it, so that whoever waits goes on, and nothing is asked of a connection that has just
//! answered: each statement is a way to another thread, or over the network.
//!
//! It may not know any table, nor how a driver's transactions begin.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use sqlx::{Connection as _, Database};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};

/// After so long a silence a connection is asked whether it still is one.
const SILENCE: Duration = Duration::from_secs(1);

/// What is said on a connection when nothing is to come of it.
const ROLLBACK: &str = "ROLLBACK";
const COMMIT: &str = "COMMIT";

/// A database whose connections can be lanes.
pub(super) trait Driver: Database {
    /// Where the database is, and how a connection begins.
    type Address: Send + Sync + 'static;

    /// A new connection.
    fn connect(
        address: &Self::Address,
    ) -> impl Future<Output = sqlx::Result<Self::Connection>> + Send;

    /// Says something that answers nothing.
    fn say(
        connection: &mut Self::Connection,
        sql: &'static str,
    ) -> impl Future<Output = sqlx::Result<()>> + Send;
}

/// How long anything around a transaction may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waits {
    /// Until one has a connection.
    pub(super) acquire: Duration,
    /// Until an old connection answers.
    pub(super) answer: Duration,
    /// Until a connection is replaced.
    pub(super) life: Duration,
}

/// So many connections at most.
pub(super) struct Lanes<D: Driver> {
    shared: Arc<Shared<D>>,
}

struct Shared<D: Driver> {
    address: D::Address,
    /// How a transaction begins.
    begin: &'static str,
    waits: Waits,
    count: u32,
    places: Arc<Semaphore>,
    free: Mutex<Vec<Held<D>>>,
}

/// A connection, and what is known of it.
struct Held<D: Driver> {
    connection: D::Connection,
    since: Instant,
    /// When it answered last; none where the last that was said has no answer, since who asked gave up or it is lost.
    answered: Option<Instant>,
}

/// A connection that is one's own, with a transaction on it or without.
pub(super) struct Lane<D: Driver> {
    held: Option<Held<D>>,
    /// Whether a transaction has begun that has not ended.
    is_open: bool,
    shared: Arc<Shared<D>>,
    place: Option<OwnedSemaphorePermit>,
}

impl<D: Driver> Clone for Lanes<D> {
    fn clone(&self) -> Self {
        let shared = Arc::clone(&self.shared);
        Self { shared }
    }
}

impl<D: Driver> std::fmt::Debug for Lanes<D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lanes").finish_non_exhaustive()
    }
}

impl<D: Driver> Lanes<D> {
    /// Lanes to there, of which the first is opened now.
    pub(super) async fn open(
        address: D::Address,
        begin: &'static str,
        waits: Waits,
        count: u32,
    ) -> sqlx::Result<Self> {
        let count = count.max(1);
        let shared = Shared {
            address,
            begin,
            waits,
            count,
            places: Arc::new(Semaphore::new(usize::try_from(count).unwrap_or(usize::MAX))),
            free: Mutex::default(),
        };
        let first = shared.connect().await?;
        shared.free.lock().push(first);
        let shared = Arc::new(shared);
        Ok(Self { shared })
    }

    /// A lane with a transaction on it.
    pub(super) async fn begin(&self) -> sqlx::Result<Lane<D>> {
        self.within_patience(Some(self.shared.begin)).await
    }

    /// A lane without one: each statement stands alone.
    pub(super) async fn look(&self) -> sqlx::Result<Lane<D>> {
        self.within_patience(None).await
    }

    /// Waits for what is under way, and closes every connection.
    pub(super) async fn close(&self) {
        let all = self.shared.places.acquire_many(self.shared.count).await;
        self.shared.places.close();
        drop(all);
        let free = std::mem::take(&mut *self.shared.free.lock());
        for held in free {
            // Closed or not, it is gone.
            drop(held.connection.close().await);
        }
    }

    async fn within_patience(&self, first: Option<&'static str>) -> sqlx::Result<Lane<D>> {
        // Boxed: whoever takes one would else keep room for a connection's coming about.
        let taken = Box::pin(timeout(self.shared.waits.acquire, self.take(first)));
        taken.await.unwrap_or(Err(sqlx::Error::PoolTimedOut))
    }

    /// `first`: what begins a transaction. An old connection that can't say it is replaced.
    async fn take(&self, first: Option<&'static str>) -> sqlx::Result<Lane<D>> {
        let place = Arc::clone(&self.shared.places).acquire_owned().await;
        let mut lane = Lane {
            held: None,
            is_open: false,
            shared: Arc::clone(&self.shared),
            place: Some(place.map_err(|_| sqlx::Error::PoolClosed)?),
        };
        while let Some(held) = self.shared.next_free() {
            lane.held = Some(held);
            match lane.wake(first).await {
                Ok(()) => return Ok(lane),
                Err(error) if is_lost(&error) => lane.give_up(),
                Err(error) => return Err(error),
            }
        }
        lane.held = Some(self.shared.connect().await?);
        if let Some(first) = first {
            lane.say_first(first).await?;
        }
        Ok(lane)
    }
}

impl<D: Driver> Shared<D> {
    async fn connect(&self) -> sqlx::Result<Held<D>> {
        let connection = D::connect(&self.address).await?;
        let now = Instant::now();
        Ok(Held {
            connection,
            since: now,
            answered: Some(now),
        })
    }

    /// The one that was used last, so that those which are not needed are not kept awake.
    fn next_free(&self) -> Option<Held<D>> {
        let oldest = self.waits.life;
        let mut free = self.free.lock();
        loop {
            let held = free.pop()?;
            if held.since.elapsed() < oldest {
                return Some(held);
            }
        }
    }
}

impl<D: Driver> Held<D> {
    /// Whether it has to show that it still is a connection before it is relied on.
    fn is_silent(&self) -> bool {
        self.answered.is_none_or(|at| at.elapsed() >= SILENCE)
    }
}

impl<D: Driver> Lane<D> {
    /// The connection, to say something. What comes of it has to be `heard`.
    pub(super) fn connection(&mut self) -> sqlx::Result<&mut D::Connection> {
        let held = self.held.as_mut().ok_or(sqlx::Error::PoolClosed)?;
        held.answered = None;
        Ok(&mut held.connection)
    }

    /// What came of what was said: an answer, unless the connection is lost.
    pub(super) fn heard<T>(&mut self, said: sqlx::Result<T>) -> sqlx::Result<T> {
        let is_answer = said.as_ref().err().is_none_or(|error| !is_lost(error));
        if let Some(held) = self.held.as_mut().filter(|_| is_answer) {
            held.answered = Some(Instant::now());
        }
        said
    }

    /// Says something that answers nothing.
    pub(super) async fn say(&mut self, sql: &'static str) -> sqlx::Result<()> {
        let said = D::say(self.connection()?, sql).await;
        self.heard(said)
    }

    /// The commit was said with something else.
    pub(super) fn has_committed(&mut self) {
        self.is_open = false;
    }

    /// Ends the transaction, if there is one, for good.
    pub(super) async fn commit(mut self) -> sqlx::Result<()> {
        self.end(COMMIT).await
    }

    /// Gives up what was written.
    pub(super) async fn roll_back(mut self) -> sqlx::Result<()> {
        self.end(ROLLBACK).await
    }

    async fn end(&mut self, how: &'static str) -> sqlx::Result<()> {
        if self.is_open {
            self.say(how).await?;
            self.is_open = false;
        }
        Ok(())
    }

    /// Says what is to be said first; where that is nothing, asks one who was silent for long whether it is there.
    async fn wake(&mut self, first: Option<&'static str>) -> sqlx::Result<()> {
        let answer = self.shared.waits.answer;
        let woken = match first {
            Some(first) => timeout(answer, self.say_first(first)).await,
            None if self.held.as_ref().is_some_and(Held::is_silent) => {
                timeout(answer, self.connection()?.ping()).await
            }
            None => return Ok(()),
        };
        woken.unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut).into()))
    }

    async fn say_first(&mut self, first: &'static str) -> sqlx::Result<()> {
        // Open from now on: who is cut off here does not know whether it has begun.
        self.is_open = true;
        let said = self.say(first).await;
        self.is_open = said.is_ok();
        said
    }

    fn give_up(&mut self) {
        self.held = None;
        self.is_open = false;
    }
}

impl<D: Driver> Drop for Lane<D> {
    fn drop(&mut self) {
        let Some(mut held) = self.held.take() else {
            return;
        };
        if !self.is_open {
            self.shared.free.lock().push(held);
            return;
        }
        // Outside of a runtime the connection is closed, which gives up what was open as well.
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        let (shared, place) = (Arc::clone(&self.shared), self.place.take());
        runtime.spawn(async move {
            let rolled_back = D::say(&mut held.connection, ROLLBACK);
            if let Ok(Ok(())) = timeout(shared.waits.acquire, rolled_back).await {
                shared.free.lock().push(held);
            }
            drop(place);
        });
    }
}

/// Whether the connection is at fault, not what was said.
fn is_lost(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::WorkerCrashed => true,
        // The server ends the session with words of its own.
        other => other
            .as_database_error()
            .and_then(sqlx::error::DatabaseError::code)
            .is_some_and(|code| code.starts_with("57P") || code.starts_with("08")),
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;
    use sqlx::Sqlite;
    use sqlx::sqlite::SqliteConnectOptions;

    use super::*;

    const WAITS: Waits = Waits {
        acquire: Duration::from_secs(30),
        answer: Duration::from_secs(15),
        life: Duration::MAX,
    };
    const MAKE: &str = "CREATE TABLE things (id INTEGER)";

    async fn one_lane() -> (tempfile::TempDir, Lanes<Sqlite>) {
        let folder = tempfile::tempdir().unwrap();
        let file = SqliteConnectOptions::new()
            .filename(folder.path().join("lanes.db"))
            .create_if_missing(true);
        let lanes = Lanes::open(file, "BEGIN IMMEDIATE", WAITS, 1).await;
        (folder, lanes.unwrap())
    }

    #[tokio::test]
    async fn what_is_dropped_is_given_up_before_the_next_one_begins() {
        let (_folder, lanes) = one_lane().await;
        let mut dropped = lanes.begin().await.unwrap();
        dropped.say(MAKE).await.unwrap();
        drop(dropped);
        let mut next = lanes.begin().await.unwrap();
        next.say(MAKE).await.unwrap();
        next.commit().await.unwrap();
        let mut last = lanes.look().await.unwrap();
        last.say(MAKE).await.unwrap_err();
    }

    #[tokio::test]
    async fn who_is_cut_off_at_any_point_holds_nobody_up() {
        let (_folder, lanes) = one_lane().await;
        for polls in 0..40 {
            let mut whole = Box::pin(async {
                let mut lane = lanes.begin().await?;
                lane.say(MAKE).await?;
                lane.roll_back().await
            });
            for _ in 0..polls {
                if (&mut whole).now_or_never().is_some() {
                    break;
                }
                tokio::task::yield_now().await;
            }
            drop(whole);
            lanes.begin().await.unwrap().roll_back().await.unwrap();
        }
    }

    #[tokio::test]
    async fn a_lost_connection_is_replaced() {
        let (_folder, lanes) = one_lane().await;
        let mut lane = lanes.begin().await.unwrap();
        lane.say(MAKE).await.unwrap();
        // What is under way ends by itself here, so that giving it up fails.
        lane.say(COMMIT).await.unwrap();
        drop(lane);
        let mut next = lanes.begin().await.unwrap();
        next.say(MAKE).await.unwrap_err();
    }

    #[tokio::test]
    async fn closing_waits_for_what_is_under_way_and_lets_nobody_in() {
        let (_folder, lanes) = one_lane().await;
        let held = lanes.begin().await.unwrap();
        let mut closing = Box::pin(lanes.close());
        assert!((&mut closing).now_or_never().is_none());
        let mut late = Box::pin(lanes.begin());
        assert!((&mut late).now_or_never().is_none());
        held.roll_back().await.unwrap();
        closing.await;
        assert!(matches!(late.await, Err(sqlx::Error::PoolClosed)));
    }
}
