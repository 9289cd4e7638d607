//! The one reader applies every event once, in order, whatever the bus does to it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use proptest::prelude::*;

use super::support::{nothing, session, user};
use super::world::{Client, World};
use crate::bus::{Batch, Bus};
use crate::domain::Reason;
use crate::domain::device::{DeviceLabel, Platform};
use crate::domain::error::Error;
use crate::domain::event::{Audience, Event, LogEntry, SessionEnded};
use crate::domain::id::{DeviceId, Seq};
use crate::domain::message::{NoticeContent, NoticeLevel};
use crate::node::Output;

fn notice() -> Event {
    Event::NoticeSent {
        to: Audience::User(user(1)),
        notice: NoticeContent {
            level: NoticeLevel::Info,
            title: "title".into(),
            body: "body".into(),
            data: None,
        },
    }
}

fn ended(number: u128, reason: Reason) -> Event {
    Event::SessionEnded(SessionEnded {
        session_id: session(number),
        user_id: user(number),
        device_id: DeviceId(uuid::Uuid::nil()),
        reason,
        replaced_by: Some(DeviceLabel {
            device_name: "Maryo's iPad".into(),
            platform: Platform::Ios,
        }),
    })
}

/// The positions of the notices that the client was given.
fn positions(client: &mut Client) -> Vec<u64> {
    use futures::FutureExt;
    let mut positions = Vec::new();
    while let Some(outputs) = client.0.next().now_or_never() {
        for output in outputs {
            if let Output::SendShared(frame) = output {
                let value: serde_json::Value = serde_json::from_slice(&frame.into_bytes()).unwrap();
                positions.push(value["id"].as_u64().unwrap());
            }
        }
    }
    positions
}

/// What the bus does with a commit.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Carried,
    Lost,
    Repeated,
    /// Carried after the next one that is carried.
    Overtaken,
    /// Without its first event: no batch at all.
    Torn,
}

fn fates() -> impl Strategy<Value = Vec<(usize, Fate)>> {
    let fate = prop_oneof![
        Just(Fate::Carried),
        Just(Fate::Lost),
        Just(Fate::Repeated),
        Just(Fate::Overtaken),
        Just(Fate::Torn),
    ];
    // Fifteen notices at most: a mailbox holds sixteen.
    prop::collection::vec((1..=3_usize, fate), 1..=5)
}

fn carry(world: &World, batch: Arc<Batch>, fate: Fate, late: &mut VecDeque<Arc<Batch>>) {
    match fate {
        Fate::Lost => return,
        Fate::Overtaken => {
            late.push_back(batch);
            return;
        }
        Fate::Carried => world.bus.publish(batch),
        Fate::Repeated => {
            world.bus.publish(Arc::clone(&batch));
            world.bus.publish(batch);
        }
        Fate::Torn => {
            let entries: Vec<LogEntry> = batch.entries.iter().skip(1).cloned().collect();
            world.bus.publish(Arc::new(Batch { entries }));
        }
    }
    for batch in late.drain(..) {
        world.bus.publish(batch);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn each_event_once_and_in_order(commits in fates(), yields in any::<bool>()) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            let world = World::new([nothing()]).await;
            let (mut client, _) = world.connect(world.claims(1)).await;
            let mut late = VecDeque::new();
            let mut expected = Vec::new();
            for (size, fate) in commits {
                let batch = world.log.commit((0..size).map(|_| notice()));
                expected.extend(batch.entries.iter().map(|entry| entry.seq.0));
                carry(&world, batch, fate, &mut late);
                if yields {
                    tokio::task::yield_now().await;
                }
            }
            world.applied(Seq(*expected.last().unwrap())).await;
            assert_eq!(positions(&mut client), expected);
        });
    }
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_comes_next_needs_no_read() {
    let world = World::new([nothing()]).await;
    let reads = world.log.log_reads.load(Ordering::Relaxed);
    let seq = world.commit([nothing(), nothing()]);
    world.applied(seq).await;
    assert_eq!(world.log.log_reads.load(Ordering::Relaxed), reads);
}

#[tokio::test(start_paused = true)]
async fn silence_is_no_proof_that_nothing_happened() {
    let world = World::new([]).await;
    let batch = world.log.commit([nothing()]);
    world.applied(batch.last_seq()).await;
    assert_eq!(world.node.head(), Seq(1));
}

#[tokio::test(start_paused = true)]
async fn a_receipt_waits_for_the_index_however_short_its_wait() {
    let world = World::new([]).await;
    let lost = world.log.commit([nothing()]);
    let settled = world.node.settle(lost.last_seq(), Duration::ZERO).await;
    assert!(settled.everywhere());
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_lags_reads_the_log() {
    let world = World::new([]).await;
    let mut seq = Seq(0);
    for _ in 0..3000 {
        seq = world.commit([nothing()]);
    }
    world.applied(seq).await;
}

#[tokio::test(start_paused = true)]
async fn a_node_that_cannot_read_decides_nothing_until_it_can() {
    let world = World::new([nothing()]).await;
    assert!(world.node.is_ready());
    world.log.broken.store(true, Ordering::Relaxed);
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(world.node.is_ready(), "the lease is counted by the clock");
    world.clock.advance(Duration::from_secs(2));
    assert!(!world.node.is_ready());
    assert!(matches!(world.node.check("any"), Err(Error::CannotDecide)));
    let refused = world.open(world.claims(1)).await.err().unwrap();
    assert_eq!(refused.close.code.number(), 4005);
    let missed = world.log.commit([nothing()]);
    world.log.broken.store(false, Ordering::Relaxed);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(world.node.is_ready());
    assert_eq!(world.node.head(), missed.last_seq());
}

#[tokio::test(start_paused = true)]
async fn a_lease_is_counted_from_before_the_read() {
    let world = World::new([nothing()]).await;
    world.clock.advance(Duration::from_millis(1999));
    assert!(world.node.is_ready());
    world.clock.advance(Duration::from_millis(1));
    assert!(!world.node.is_ready());
}

#[tokio::test(start_paused = true)]
async fn the_index_is_rebuilt_from_as_much_of_the_log_as_living_tokens_need() {
    let world = World::new([]).await;
    world.log.commit([ended(1, Reason::SignedOut)]);
    world.clock.advance(Duration::from_hours(2));
    world.log.commit((0..2500).map(|_| nothing()));
    world.log.commit([ended(2, Reason::Superseded)]);
    world.clock.advance(Duration::from_mins(50));
    let last = world.log.commit([nothing()]).last_seq();
    let node = world.another_node();
    node.until_ready().await;
    assert_eq!(node.head(), last);
    let again = World { node, ..world };
    let refused = again.open(again.claims(2)).await.err().unwrap();
    assert_eq!(
        (refused.close.code.number(), refused.close.reason),
        (4502, "superseded")
    );
    assert!(refused.last_words.is_some());
    assert!(
        again.open(again.claims(1)).await.is_ok(),
        "no token of that session can live any more"
    );
}
