//! A connection to the database that is one's own until it is given back: at once where nothing was left open on it,
//! so that whoever waits goes on, and nothing is asked of a connection that has just answered: each statement is a way
//! to another thread, or over the network.
//!
//! It may not know any table, nor how a driver's transactions begin.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use sqlx::Connection as _;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};

use super::voice::{Driver, Voice};

/// After so long a silence a connection is asked whether it still is one.
const SILENCE: Duration = Duration::from_secs(1);

/// What is said on a connection when nothing is to come of it.
const ROLLBACK: &str = "ROLLBACK";
const COMMIT: &str = "COMMIT";

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

/// What lanes to one database share.
pub(super) struct Shared<D: Driver> {
    pub(super) address: D::Address,
    /// How a transaction begins.
    pub(super) begin: &'static str,
    pub(super) waits: Waits,
    pub(super) count: u32,
    pub(super) places: Arc<Semaphore>,
    pub(super) free: Mutex<Vec<Held<D>>>,
}

/// A connection, and what is known of it.
pub(super) struct Held<D: Driver> {
    connection: D::Connection,
    since: Instant,
    /// When it answered last; none where the last that was said has no answer, since who asked gave up or it is lost.
    answered: Option<Instant>,
}

/// What is open on a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Nothing: each statement stands alone.
    Clear,
    /// Nothing yet: this begins a transaction, with the first that is said.
    Due(&'static str),
    /// Perhaps a transaction: what began it has not been answered, or not well. Nothing more is said in it, since it
    /// would stand alone.
    Doubtful,
    /// A transaction.
    Open,
}

/// A connection that is one's own, with a transaction on it or without.
pub(super) struct Lane<D: Driver> {
    held: Option<Held<D>>,
    stage: Stage,
    shared: Arc<Shared<D>>,
    place: Option<OwnedSemaphorePermit>,
}

impl<D: Driver> Shared<D> {
    pub(super) async fn connect(&self) -> sqlx::Result<Held<D>> {
        let connection = D::connect(&self.address).await?;
        let now = Instant::now();
        Ok(Held {
            connection,
            since: now,
            answered: Some(now),
        })
    }

    /// Closes those that nobody has.
    pub(super) async fn close_free(&self) {
        let free = std::mem::take(&mut *self.free.lock());
        for held in free {
            // Closed or not, it is gone.
            drop(held.connection.close().await);
        }
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
    /// One that is free, or a new one. `first`: what begins a transaction. An old connection that can't say it is
    /// replaced.
    pub(super) async fn take(
        shared: Arc<Shared<D>>,
        place: OwnedSemaphorePermit,
        first: Option<&'static str>,
    ) -> sqlx::Result<Self> {
        let mut lane = Self {
            held: None,
            stage: Stage::Clear,
            shared,
            place: Some(place),
        };
        while let Some(held) = lane.shared.next_free() {
            lane.held = Some(held);
            match lane.wake(first).await {
                Ok(()) => return Ok(lane),
                Err(error) if is_lost(&error) => lane.give_up(),
                Err(error) => return Err(error),
            }
        }
        lane.held = Some(lane.shared.connect().await?);
        lane.start(first).await?;
        Ok(lane)
    }

    /// Whom to say something. What comes of it has to be `heard`.
    pub(super) fn voice(&mut self) -> sqlx::Result<Voice<'_, D>> {
        let first = match self.stage {
            Stage::Clear | Stage::Open => None,
            Stage::Due(begin) => Some(begin),
            Stage::Doubtful => return Err(sqlx::Error::PoolClosed),
        };
        if first.is_some() {
            self.stage = Stage::Doubtful;
        }
        let connection = self.connection()?;
        Ok(Voice { connection, first })
    }

    /// The connection itself.
    fn connection(&mut self) -> sqlx::Result<&mut D::Connection> {
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
        if self.stage == Stage::Doubtful && said.is_ok() {
            self.stage = Stage::Open;
        }
        said
    }

    /// Says something that answers nothing.
    pub(super) async fn say(&mut self, sql: &'static str) -> sqlx::Result<()> {
        let said = D::say(self.voice()?, sql).await;
        self.heard(said)
    }

    /// The commit was said with something else.
    pub(super) fn has_committed(&mut self) {
        self.stage = Stage::Clear;
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
        if !matches!(self.stage, Stage::Clear | Stage::Due(_)) {
            self.say(how).await?;
        }
        self.stage = Stage::Clear;
        Ok(())
    }

    /// Begins, where something is to begin, or sees to it that it does; asks one who was silent for long whether it is
    /// there.
    async fn wake(&mut self, first: Option<&'static str>) -> sqlx::Result<()> {
        let answer = self.shared.waits.answer;
        let begins = first.is_some() && !D::SEVERAL_AT_ONCE;
        if !begins && self.held.as_ref().is_some_and(Held::is_silent) {
            let ping = timeout(answer, self.connection()?.ping()).await;
            ping.unwrap_or_else(|_| late())?;
        }
        let started = timeout(answer, self.start(first)).await;
        started.unwrap_or_else(|_| late())
    }

    async fn start(&mut self, first: Option<&'static str>) -> sqlx::Result<()> {
        let Some(first) = first else { return Ok(()) };
        self.stage = Stage::Due(first);
        if D::SEVERAL_AT_ONCE {
            return Ok(());
        }
        // Doubtful from now on: who is cut off here does not know whether it has begun.
        self.stage = Stage::Doubtful;
        let connection = self.connection()?;
        let voice = Voice {
            connection,
            first: None,
        };
        let said = D::say(voice, first).await;
        self.heard(said)
    }

    fn give_up(&mut self) {
        self.held = None;
        self.stage = Stage::Clear;
    }
}

impl<D: Driver> Drop for Lane<D> {
    fn drop(&mut self) {
        let Some(mut held) = self.held.take() else {
            return;
        };
        if matches!(self.stage, Stage::Clear | Stage::Due(_)) {
            self.shared.free.lock().push(held);
            return;
        }
        // Outside of a runtime the connection is closed, which gives up what was open as well.
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        let (shared, place) = (Arc::clone(&self.shared), self.place.take());
        runtime.spawn(async move {
            let voice = Voice {
                connection: &mut held.connection,
                first: None,
            };
            let rolled_back = D::say(voice, ROLLBACK);
            if let Ok(Ok(())) = timeout(shared.waits.acquire, rolled_back).await {
                shared.free.lock().push(held);
            }
            drop(place);
        });
    }
}

fn late() -> sqlx::Result<()> {
    Err(io::Error::from(io::ErrorKind::TimedOut).into())
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
