//! Connections to the database, so many at most: who comes takes one that is free, or waits. They may not know any
//! table, nor how a driver's transactions begin.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::lane::{Lane, Shared, Waits};
use super::voice::Driver;

/// So many connections at most.
pub(super) struct Lanes<D: Driver> {
    shared: Arc<Shared<D>>,
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
        self.shared.close_free().await;
    }

    async fn within_patience(&self, first: Option<&'static str>) -> sqlx::Result<Lane<D>> {
        // Boxed: whoever takes one would else keep room for a connection's coming about.
        let taken = Box::pin(timeout(self.shared.waits.acquire, self.take(first)));
        taken.await.unwrap_or(Err(sqlx::Error::PoolTimedOut))
    }

    async fn take(&self, first: Option<&'static str>) -> sqlx::Result<Lane<D>> {
        let place = Arc::clone(&self.shared.places).acquire_owned().await;
        let place = place.map_err(|_| sqlx::Error::PoolClosed)?;
        Lane::take(Arc::clone(&self.shared), place, first).await
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

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
    async fn nothing_is_said_in_a_transaction_that_may_not_have_begun() {
        let (_folder, lanes) = one_lane().await;
        let mut lane = lanes.begin().await.unwrap();
        lane.say("INSERT INTO nothing VALUES (1)")
            .await
            .unwrap_err();
        lane.say(MAKE).await.unwrap_err();
        lane.commit().await.unwrap_err();
        let mut next = lanes.begin().await.unwrap();
        next.say(MAKE).await.unwrap();
        next.commit().await.unwrap();
    }

    #[tokio::test]
    async fn what_begins_a_transaction_is_not_counted() {
        let (_folder, lanes) = one_lane().await;
        let mut lane = lanes.look().await.unwrap();
        lane.say(MAKE).await.unwrap();
        lane.say("INSERT INTO things VALUES (1), (2)")
            .await
            .unwrap();
        drop(lane);
        let mut lane = lanes.begin().await.unwrap();
        let query = sqlx::query("DELETE FROM things WHERE id = 3");
        let said = query.execute(lane.voice().unwrap()).await;
        assert_eq!(lane.heard(said).unwrap().rows_affected(), 0);
        let query = sqlx::query("DELETE FROM things WHERE id = 2");
        let said = query.execute(lane.voice().unwrap()).await;
        assert_eq!(lane.heard(said).unwrap().rows_affected(), 1);
        lane.commit().await.unwrap();
    }

    #[tokio::test]
    async fn a_lost_connection_is_replaced() {
        let (_folder, lanes) = one_lane().await;
        let mut lane = lanes.begin().await.unwrap();
        lane.say(MAKE).await.unwrap();
        // What is under way ends by itself here, so that giving it up fails.
        lane.say("COMMIT").await.unwrap();
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
