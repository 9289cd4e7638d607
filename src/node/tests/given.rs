//! Where the groups of connected users are known, what these give is read once for all of them.

use std::sync::atomic::Ordering;

use super::support::{grants, joins, leaves};
use super::world::World;
use crate::domain::event::Event;
use crate::domain::id::GroupId;

fn renamed(old: &str, new: &str) -> Event {
    Event::GroupUpdated {
        group_id: GroupId(uuid::Uuid::nil()),
        old_name: old.to_owned(),
        name: new.to_owned(),
        priority: 0,
    }
}

#[tokio::test(start_paused = true)]
async fn a_change_of_a_group_is_read_once_for_all_who_are_in_it() {
    let members = (1..=600).map(|number| joins(number, "staff"));
    let world = World::new(members.chain([joins(1, "others")])).await;
    let mut clients = Vec::new();
    for number in 1..=600 {
        clients.push(world.connect(world.claims(number)).await.0);
    }
    let read = world.log.users_read.load(Ordering::Relaxed);
    let seq = world.commit([grants("staff", "reports:read")]);
    for client in &mut clients {
        let message = "changed 602 +[] -[] +[reports:read] -[]";
        assert_eq!(client.hears().await, [message]);
    }
    assert_eq!(world.settle(seq).await.connections.told, 600);
    assert_eq!(world.log.users_read.load(Ordering::Relaxed), read);
}

#[tokio::test(start_paused = true)]
async fn who_leaves_the_group_while_it_is_read_does_not_hear_what_it_gives() {
    let world = World::new([joins(1, "staff"), joins(2, "staff")]).await;
    let (mut leaver, _) = world.connect(world.claims(1)).await;
    let (mut other, _) = world.connect(world.claims(2)).await;
    world.log.hold_standings();
    let reads = *world.log.standing_reads.borrow();
    world.commit([grants("staff", "reports:read")]);
    world.log.until_read(reads + 1).await;
    let last = world.commit([leaves(1, "staff")]);
    world.applied(last).await;
    world.log.hold.add_permits(1);
    assert_eq!(
        other.hears().await,
        ["changed 3 +[] -[] +[reports:read] -[]"]
    );
    world.log.until_read(reads + 2).await;
    assert!(leaver.has_heard().is_empty());
    world.log.hold.add_permits(10);
    assert_eq!(leaver.hears().await, ["changed 4 +[] -[staff] +[] -[]"]);
    assert_eq!(world.settle(last).await.connections.told, 1);
}

#[tokio::test(start_paused = true)]
async fn a_group_that_is_called_otherwise_is_read_with_its_members() {
    let world = World::new([joins(1, "staff"), grants("staff", "a")]).await;
    let (mut client, _) = world.connect(world.claims(1)).await;
    let last = world.commit([grants("staff", "b"), renamed("staff", "crew")]);
    assert_eq!(
        client.hears().await,
        ["changed 4 +[crew] -[staff] +[b] -[]"]
    );
    assert_eq!(world.settle(last).await.connections.told, 1);
}
