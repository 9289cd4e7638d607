//! Who is connected, how many may be, and how they are sent away.

use std::time::Duration;

use super::support::{nothing, session, user};
use super::world::World;
use crate::domain::id::{DeviceId, UserId};
use crate::domain::message::ServerMessage;
use crate::domain::presence::{PresenceFilter, Present};

fn present(world: &World, after: Option<UserId>, limit: usize) -> Vec<Present> {
    let everybody = PresenceFilter::default();
    world.node.presence(&everybody, after, limit)
}

#[tokio::test(start_paused = true)]
async fn who_is_connected_is_counted_and_forgotten() {
    let world = World::new([nothing()]).await;
    let (one, _) = world.connect(world.claims(3)).await;
    let mut other_device = world.claims(3);
    other_device.device_id = DeviceId(uuid::Uuid::from_u128(99));
    other_device.sid = session(99);
    let (two, _) = world.connect(other_device).await;
    let (three, _) = world.connect(world.claims(4)).await;
    let found = present(&world, None, 10);
    assert_eq!(found.len(), 2);
    assert_eq!(
        (
            found[0].user_id,
            found[0].connections,
            found[0].devices.len()
        ),
        (user(3), 2, 2)
    );
    assert_eq!(present(&world, Some(user(3)), 10).len(), 1);
    assert_eq!(present(&world, None, 1).len(), 1);
    assert_eq!(world.node.connections_of_session(session(3), user(3)), 1);
    assert_eq!(world.node.connections_reached(&[user(3)], &[]), 2);
    let both = world
        .node
        .connections_reached(&[user(3)], &[session(3), session(4)]);
    assert_eq!(both, 3);
    drop(one);
    assert_eq!(world.node.connections_of_session(session(3), user(3)), 0);
    assert_eq!(world.node.connections_of_session(session(99), user(3)), 1);
    drop((two, three));
    assert!(present(&world, None, 10).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_user_has_only_so_many_connections() {
    let world = World::with([], |settings| settings.max_connections_per_user = 1).await;
    let (one, _) = world.connect(world.claims(1)).await;
    let refused = world.open(world.claims(1)).await.err().unwrap();
    assert_eq!(refused.close.code.number(), 4003);
    drop(one);
    world.connect(world.claims(1)).await;
}

#[tokio::test(start_paused = true)]
async fn a_drain_sends_everybody_away_and_lets_nobody_in() {
    let world = World::new([]).await;
    let (mut client, _) = world.connect(world.claims(1)).await;
    let mut visitor = world.node.admit(None).unwrap();
    let node = world.node.clone();
    let drain = tokio::spawn(async move { node.drain(Duration::from_secs(10)).await });
    let heard = client.hears().await;
    assert!(heard[0].starts_with("reconnect "), "{heard:?}");
    assert_eq!(heard[1], "4000 draining");
    let heard = super::world::hear(visitor.next().await);
    assert_eq!(heard[1], "4000 draining");
    let refused = world.node.admit(None).err().unwrap();
    assert_eq!(refused.code.number(), 4000);
    let refused = world
        .node
        .open(visitor, world.claims(2))
        .await
        .err()
        .unwrap();
    assert_eq!(refused.close.code.number(), 4000);
    assert!(matches!(
        refused.last_words.as_deref(),
        Some(ServerMessage::Reconnect { .. })
    ));
    assert!(!drain.is_finished());
    drop(client);
    drain.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_drain_ends_with_its_window() {
    let world = World::new([]).await;
    let (_client, _) = world.connect(world.claims(1)).await;
    world.node.drain(Duration::from_secs(10)).await;
}
