//! Drivers on a log in memory, with a target that does as it is told.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::future::{BoxFuture, ready};
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::backoff::Backoff;
use super::driver::{Driver, Place};
use super::status::{SinkState, Status};
use super::target::{Batch, Failure, Filter, Target};
use super::{Journal, Notary, Turns};
use crate::domain::access::InitiatingEntity;
use crate::domain::audit::AuditEntry;
use crate::domain::clock::{Clock, Timestamp};
use crate::domain::error::Error;
use crate::domain::event::{Event, LogEntry};
use crate::domain::id::Seq;
use crate::node::Read;
use crate::node::tests::support::{joins, user};
use crate::node::tests::{Counting, ManualClock};
use crate::storage::SinkRow;

/// What a driver is handed, all in one.
struct World {
    clock: ManualClock,
    entries: Mutex<Vec<AuditEntry>>,
    row: Mutex<SinkRow>,
    applied: watch::Sender<Seq>,
    elsewhere: AtomicBool,
    /// What the next writes come to; then they succeed.
    script: Mutex<VecDeque<Failure>>,
    written: Mutex<Vec<(u64, Instant)>>,
}

impl World {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            clock: ManualClock::default(),
            entries: Mutex::default(),
            row: Mutex::new(SinkRow {
                seq: Seq(0),
                failing_since: None,
                disabled_at: None,
            }),
            applied: watch::Sender::new(Seq(0)),
            elsewhere: AtomicBool::new(false),
            script: Mutex::default(),
            written: Mutex::default(),
        })
    }

    fn commit(&self, events: impl IntoIterator<Item = Event>) {
        let mut entries = self.entries.lock();
        for event in events {
            let last = entries.last().map_or(Seq(0), |audit| audit.entry.seq);
            entries.push(AuditEntry {
                entry: LogEntry {
                    seq: last.next(),
                    at: self.clock.now(),
                    initiating_entity: InitiatingEntity::Admin,
                    event,
                },
                actor_type: "system".to_owned(),
                actor_id: None,
                request_id: None,
                address: None,
            });
        }
        let head = entries.last().map_or(Seq(0), |audit| audit.entry.seq);
        self.applied.send_replace(head);
    }

    fn fails(&self, times: usize) {
        let failures = (0..times).map(|_| Failure::again("no"));
        self.script.lock().extend(failures);
    }

    fn written(&self) -> Vec<u64> {
        self.written.lock().iter().map(|(seq, _)| *seq).collect()
    }

    async fn until(&self, is_so: impl Fn(&Self) -> bool) {
        while !is_so(self) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// A driver at work.
struct Sink {
    status: Arc<Status>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Sink {
    fn start(world: &Arc<World>, events: &[&str], patience: Option<Duration>) -> Self {
        let row = *world.row.lock();
        let status = Arc::new(Status::new("hook", "test", row.seq));
        let (stop, stopped) = watch::channel(false);
        let driver = Driver {
            name: "hook".to_owned(),
            filter: Filter(events.iter().map(|&it| it.to_owned()).collect()),
            target: Box::new(Scripted(Arc::clone(world))),
            journal: Arc::clone(world) as _,
            notary: Arc::clone(world) as _,
            turns: Arc::clone(world) as _,
            clock: Arc::new(ManualClock::default()),
            entropy: Arc::new(Counting::default()),
            applied: world.applied.subscribe(),
            stop: stopped,
            status: Arc::clone(&status),
            backoff: Backoff::up_to(Duration::from_mins(1)),
            patience,
            place: Place {
                seq: row.seq,
                failing_since: row.failing_since,
                kept: (row.seq, Instant::now()),
            },
        };
        Self {
            status,
            stop,
            task: tokio::spawn(driver.run()),
        }
    }

    async fn stop(self) {
        self.stop.send_replace(true);
        self.task.await.unwrap();
    }

    async fn until(&self, state: SinkState) {
        while self.status.state() != state {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

struct Scripted(Arc<World>);

impl Target for Scripted {
    fn batch_max(&self) -> usize {
        2
    }

    fn write<'a>(&'a mut self, batch: &'a Batch) -> BoxFuture<'a, Result<(), Failure>> {
        if let Some(failure) = self.0.script.lock().pop_front() {
            return Box::pin(ready(Err(failure)));
        }
        let seqs = batch.items.iter().map(|item| item.record.seq.0);
        self.0
            .written
            .lock()
            .extend(seqs.map(|seq| (seq, Instant::now())));
        Box::pin(ready(Ok(())))
    }
}

impl Journal for World {
    fn entries_after(&self, after: Seq, limit: u32) -> Read<'_, Vec<AuditEntry>> {
        let entries = self.entries.lock();
        let rest = entries.iter().filter(|audit| audit.entry.seq > after);
        let page = rest.take(limit as usize).cloned().collect();
        Box::pin(ready(Ok(page)))
    }

    fn begin<'a>(&'a self, sink: &'a str, _: Seq) -> Read<'a, SinkRow> {
        self.find(sink)
    }

    fn find<'a>(&'a self, _: &'a str) -> Read<'a, SinkRow> {
        Box::pin(ready(Ok(*self.row.lock())))
    }

    fn save<'a>(&'a self, _: &'a str, at: Seq, failing_since: Option<Timestamp>) -> Read<'a, ()> {
        let mut row = self.row.lock();
        (row.seq, row.failing_since) = (at, failing_since);
        Box::pin(ready(Ok(())))
    }
}

impl Notary for World {
    fn disabled<'a>(
        &'a self,
        _: &'a str,
        _: Timestamp,
        _: &'a str,
    ) -> BoxFuture<'a, Result<(), Error>> {
        self.row.lock().disabled_at = Some(self.clock.now());
        Box::pin(ready(Ok(())))
    }
}

impl Turns for World {
    fn is_mine(&self, _: &str) -> bool {
        !self.elsewhere.load(Ordering::SeqCst)
    }
}

fn several(count: u128) -> impl Iterator<Item = Event> {
    (0..count).map(|number| joins(number, "staff"))
}

#[tokio::test(start_paused = true)]
async fn what_failed_is_written_later_in_order_and_once() {
    let world = World::new();
    world.fails(9);
    let sink = Sink::start(&world, &[], None);
    let began = Instant::now();
    world.commit(several(5));
    world.until(|world| world.written().len() == 5).await;
    assert_eq!(world.written(), [1, 2, 3, 4, 5]);
    // Doubling from a quarter of a second: at least half of 63.75 s, and at most 127.75 s.
    let took = began.elapsed();
    assert!(
        took > Duration::from_secs(31) && took < Duration::from_secs(128),
        "{took:?}"
    );
    sink.until(SinkState::Running).await;
    sink.stop().await;
    assert_eq!(world.row.lock().seq, Seq(5));
    assert_eq!(world.row.lock().failing_since, None);

    let again = Sink::start(&world, &[], None);
    world.commit(several(2));
    world.until(|world| world.written().len() == 7).await;
    assert_eq!(world.written(), [1, 2, 3, 4, 5, 6, 7]);
    again.stop().await;
}

#[tokio::test(start_paused = true)]
async fn the_place_is_kept_although_nothing_passes_the_filter() {
    let world = World::new();
    let sink = Sink::start(&world, &["user.*"], None);
    world.commit(several(450));
    world.until(|world| world.row.lock().seq == Seq(450)).await;
    world.commit([Event::UserResumed { user_id: user(1) }]);
    world.until(|world| world.row.lock().seq == Seq(451)).await;
    assert_eq!(world.written(), [451]);
    sink.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_target_that_lost_its_memory_is_written_again_from_there() {
    let world = World::new();
    let sink = Sink::start(&world, &[], None);
    world.commit(several(4));
    world.until(|world| world.written().len() == 4).await;
    world.script.lock().push_back(Failure::Behind(Seq(1)));
    world.commit(several(1));
    world.until(|world| world.written().len() == 8).await;
    assert_eq!(world.written(), [1, 2, 3, 4, 2, 3, 4, 5]);
    sink.stop().await;
}

#[tokio::test(start_paused = true)]
async fn one_that_fails_for_too_long_waits_until_it_is_enabled() {
    let world = World::new();
    world.fails(1000);
    let sink = Sink::start(&world, &[], Some(Duration::ZERO));
    world.commit(several(3));
    sink.until(SinkState::Disabled).await;
    assert!(world.row.lock().disabled_at.is_some());
    world.script.lock().clear();
    // The word that it is disabled is an event too.
    world.commit(several(1));
    tokio::time::sleep(Duration::from_mins(5)).await;
    assert!(world.written().is_empty());
    world.row.lock().disabled_at = None;
    world.commit(several(1));
    world.until(|world| world.written().len() == 5).await;
    assert_eq!(world.written(), [1, 2, 3, 4, 5]);
    sink.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_log_that_no_longer_holds_what_comes_next_is_an_error() {
    let world = World::new();
    world.commit(several(5));
    world.entries.lock().drain(..2);
    let sink = Sink::start(&world, &[], None);
    sink.until(SinkState::Lost).await;
    world.commit(several(5));
    tokio::time::sleep(Duration::from_mins(5)).await;
    assert!(world.written().is_empty(), "an event is not skipped");
    sink.stop().await;

    world.row.lock().seq = Seq(1000);
    let ahead = Sink::start(&world, &[], None);
    ahead.until(SinkState::Lost).await;
    ahead.stop().await;
}

#[tokio::test(start_paused = true)]
async fn another_nodes_turn_is_left_to_it_and_taken_up_where_it_came_to() {
    let world = World::new();
    let sink = Sink::start(&world, &[], None);
    world.commit(several(2));
    world.until(|world| world.written().len() == 2).await;
    world.elsewhere.store(true, Ordering::SeqCst);
    sink.until(SinkState::Standby).await;
    world.commit(several(4));
    tokio::time::sleep(Duration::from_mins(5)).await;
    assert_eq!(world.written(), [1, 2]);
    world.row.lock().seq = Seq(4);
    world.elsewhere.store(false, Ordering::SeqCst);
    world.until(|world| world.written().len() == 4).await;
    assert_eq!(world.written(), [1, 2, 5, 6]);
    sink.stop().await;
}
