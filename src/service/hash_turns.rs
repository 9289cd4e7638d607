//! Who may hash a password now, who waits for that, and the memory that a hash fills. It may not know what is hashed.

use std::sync::Arc;

use argon2::Block;
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Result;
use crate::domain::error::Error;

/// How many may wait for a hash; more are told to come back.
const QUEUE: usize = 1024;

/// So many blocks make more than 32 MiB: of less the C library keeps what it was given back. What of them is not
/// touched is not taken either.
const GIVEN_BACK: usize = 32 * 1024 + 1;

/// What a hash fills.
#[derive(Default)]
pub(super) struct Memory(Vec<Block>);

impl Memory {
    /// So many blocks, of a KiB each.
    pub(super) fn blocks(&mut self, count: usize) -> &mut [Block] {
        if self.0.len() != count {
            self.0 = Vec::with_capacity(count.max(GIVEN_BACK));
            self.0.resize(count, Block::new());
        }
        &mut self.0
    }
}

/// So many hash at once.
pub(super) struct Turns {
    queue: Arc<Queue>,
    running: Arc<Semaphore>,
}

/// Those who wait and those who hash.
struct Queue {
    places: Arc<Semaphore>,
    at_once: usize,
    /// Of those who hashed, for those who wait: to have it from the system anew takes a fifth of a hash.
    memory: Mutex<Vec<Memory>>,
}

/// A place among them.
struct Place {
    queue: Arc<Queue>,
    _permit: OwnedSemaphorePermit,
}

impl Drop for Place {
    fn drop(&mut self) {
        let taken = QUEUE - self.queue.places.available_permits();
        if taken <= self.queue.at_once {
            self.queue.memory.lock().clear();
        }
    }
}

/// The right to hash: held while a failure is looked up and counted, so that no more failures slip
/// past the limit than hashes run at once.
pub(super) struct Turn {
    memory: Memory,
    place: Place,
    _running: OwnedSemaphorePermit,
}

impl Drop for Turn {
    fn drop(&mut self) {
        let memory = std::mem::take(&mut self.memory);
        self.place.queue.memory.lock().push(memory);
    }
}

impl Turns {
    pub(super) fn new(at_once: usize) -> Self {
        let queue = Queue {
            places: Arc::new(Semaphore::new(QUEUE)),
            at_once,
            memory: Mutex::default(),
        };
        Self {
            queue: Arc::new(queue),
            running: Arc::new(Semaphore::new(at_once)),
        }
    }

    /// Waits for a turn, unless too many wait.
    pub(super) async fn next(&self) -> Result<Turn> {
        let permit = Arc::clone(&self.queue.places).try_acquire_owned();
        let permit = permit.map_err(|_| Error::RateLimited { retry_after_s: 1 })?;
        let place = Place {
            queue: Arc::clone(&self.queue),
            _permit: permit,
        };
        let running = Arc::clone(&self.running).acquire_owned().await;
        let running = running.map_err(Error::internal)?;
        let memory = self.queue.memory.lock().pop().unwrap_or_default();
        Ok(Turn {
            memory,
            place,
            _running: running,
        })
    }
}

impl Turn {
    /// Computes something that takes memory, where it keeps nobody else waiting.
    pub(super) async fn compute<T: Send + 'static>(
        &mut self,
        compute: impl FnOnce(&mut Memory) -> T + Send + 'static,
    ) -> Result<T> {
        let mut memory = std::mem::take(&mut self.memory);
        let computing = tokio::task::spawn_blocking(move || (compute(&mut memory), memory));
        let (computed, memory) = computing.await.map_err(Error::internal)?;
        self.memory = memory;
        Ok(computed)
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    fn kept(turns: &Turns) -> Vec<usize> {
        let memory = turns.queue.memory.lock();
        memory.iter().map(|it| it.0.len()).collect()
    }

    /// Fills memory, and says where it is.
    async fn fill(turn: &mut Turn) -> usize {
        let filled = turn.compute(|memory| memory.blocks(8).as_ptr().addr());
        filled.await.unwrap()
    }

    #[tokio::test]
    async fn memory_goes_to_whoever_waits_and_is_given_back_after_the_last() {
        let turns = Turns::new(1);
        let mut first = turns.next().await.unwrap();
        let filled = fill(&mut first).await;
        let mut next = Box::pin(turns.next());
        assert!(next.as_mut().now_or_never().is_none());
        drop(first);
        assert_eq!(kept(&turns), [8]);
        let mut second = next.await.unwrap();
        assert_eq!(fill(&mut second).await, filled);
        drop(second);
        assert!(kept(&turns).is_empty());
    }

    #[tokio::test]
    async fn nothing_is_kept_for_one_who_no_longer_waits() {
        let turns = Turns::new(1);
        let mut first = turns.next().await.unwrap();
        fill(&mut first).await;
        let mut next = Box::pin(turns.next());
        assert!(next.as_mut().now_or_never().is_none());
        drop(first);
        drop(next);
        assert!(kept(&turns).is_empty());
    }

    #[tokio::test]
    async fn only_so_many_wait() {
        let turns = Turns::new(1);
        let _running = turns.next().await.unwrap();
        let mut waiting: Vec<_> = (1..QUEUE).map(|_| Box::pin(turns.next())).collect();
        for one in &mut waiting {
            assert!(one.as_mut().now_or_never().is_none());
        }
        let refused = turns.next().await.map(drop);
        assert!(matches!(refused, Err(Error::RateLimited { .. })));
    }
}
