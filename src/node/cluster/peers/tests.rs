//! What a node makes of what it sees and hears of the others.

use proptest::prelude::*;
use uuid::Uuid;

use super::*;

const LEASE: Duration = Duration::from_secs(2);

fn id(number: u128) -> NodeId {
    NodeId(Uuid::from_u128(number))
}

fn record(number: u128, beat: u64, applied: u64) -> NodeRecord {
    NodeRecord {
        id: id(number),
        name: format!("node-{number}"),
        beat,
        applied: Seq(applied),
    }
}

fn delivered(last: u64, told: u64, settled: bool) -> Delivered {
    Delivered {
        first: Seq(last),
        last: Seq(last),
        connections: crate::domain::receipt::ConnectionsReached { told, closed: 0 },
        guards: crate::domain::receipt::GuardsReached::default(),
        settled,
    }
}

fn observe(peers: &Peers, nodes: Vec<NodeRecord>, on_duty: Option<u128>, now: Duration) {
    let on_duty = on_duty.map(id);
    let look = Look {
        began: now,
        ended: now,
    };
    peers.observe(Listed { nodes, on_duty }, look);
}

fn only(peers: &Peers, seq: u64) -> Reached {
    let mut reached = peers.reached(Seq(seq));
    assert_eq!(reached.len(), 1);
    reached.remove(0).1
}

#[test]
fn a_beat_that_stands_still_for_a_lease_is_a_lost_node() {
    let peers = Peers::new(id(1), LEASE);
    let start = Duration::from_secs(100);
    let look = |beat, applied, now| {
        observe(&peers, vec![record(2, beat, applied)], Some(1), now);
    };
    look(1, 5, start);
    look(1, 5, start + LEASE);
    assert_eq!(only(&peers, 5), Reached::Applied(None));
    assert_eq!(only(&peers, 6), Reached::Late);
    let later = start + LEASE + Duration::from_millis(1);
    look(1, 5, later);
    assert_eq!(only(&peers, 6), Reached::Lost);
    look(2, 6, later);
    assert_eq!(only(&peers, 6), Reached::Applied(None));
}

#[test]
fn who_slept_has_not_watched() {
    let peers = Peers::new(id(1), LEASE);
    let listed = |beat| Listed {
        nodes: vec![record(2, beat, 5)],
        on_duty: Some(id(1)),
    };
    let at = |began: u64, ended: u64| Look {
        began: Duration::from_secs(began),
        ended: Duration::from_secs(ended),
    };
    peers.observe(listed(1), at(0, 0));
    // It was put to sleep between the look and what it makes of it.
    peers.observe(listed(1), at(1, 3600));
    assert_eq!(only(&peers, 6), Reached::Late);
    peers.observe(listed(2), at(3600, 3601));
    assert_eq!(only(&peers, 6), Reached::Late);
    // What an overtaken look showed is no news.
    peers.observe(listed(1), at(3700, 3701));
    assert_eq!(only(&peers, 6), Reached::Late);
    peers.observe(listed(2), at(3701, 3701));
    assert_eq!(only(&peers, 6), Reached::Lost);
}

#[test]
fn who_is_lost_for_long_is_struck_out_at_the_beat_that_was_seen() {
    let peers = Peers::new(id(1), LEASE);
    let look = |now| observe(&peers, vec![record(2, 7, 5)], Some(1), now);
    look(Duration::ZERO);
    look(LEASE * 2);
    assert_eq!(peers.membership(Seq(5)).gone, []);
    look(LEASE * 31);
    assert_eq!(peers.membership(Seq(5)).gone, [(id(2), 7)]);
    observe(&peers, Vec::new(), Some(1), LEASE * 31);
    assert_eq!(peers.reached(Seq(1)), []);
}

#[test]
fn the_duty_is_taken_from_nobody_and_from_who_is_lost() {
    let peers = Peers::new(id(1), LEASE);
    let from = || peers.membership(Seq(5)).take_duty_from;
    assert_eq!(from(), Some(None));
    observe(&peers, vec![record(2, 1, 5)], Some(2), Duration::ZERO);
    assert_eq!(from(), None);
    assert!(!peers.is_mine());
    let later = LEASE + Duration::from_millis(1);
    observe(&peers, vec![record(2, 1, 5)], Some(2), later);
    assert_eq!(from(), Some(Some(id(2))));
    observe(&peers, vec![record(2, 2, 5)], Some(2), later);
    assert_eq!(from(), None);
    observe(&peers, Vec::new(), Some(2), later);
    assert_eq!(from(), Some(Some(id(2))), "it was struck out");
    observe(&peers, Vec::new(), Some(1), later);
    assert_eq!(from(), None);
    assert!(peers.is_mine());
}

#[test]
fn a_stranger_is_not_believed() {
    let peers = Peers::new(id(1), LEASE);
    peers.hear(&Progress {
        node: id(2),
        applied: Seq(9),
        delivered: Vec::new(),
    });
    observe(&peers, vec![record(2, 1, 5)], Some(1), Duration::ZERO);
    assert_eq!(only(&peers, 6), Reached::Late);
}

proptest! {
    /// Whatever is lost, repeated or overtaken on the way, what is known of a node never goes back,
    /// and nothing is believed that it did not say.
    #[test]
    fn what_is_known_only_grows(order in prop::collection::vec(0..8_usize, 1..40)) {
        let said: Vec<Progress> = (0..8_u64)
            .map(|step| Progress {
                node: id(2),
                applied: Seq(step / 2 + 1),
                delivered: vec![delivered(step / 2 + 1, step, step % 2 == 1)],
            })
            .collect();
        let peers = Peers::new(id(1), LEASE);
        observe(&peers, vec![record(2, 1, 0)], Some(1), Duration::ZERO);
        let mut applied = 0;
        for step in order {
            peers.hear(&said[step]);
            applied = applied.max(said[step].applied.0);
            for seq in 1..=4 {
                match only(&peers, seq) {
                    Reached::Applied(delivered) => {
                        prop_assert!(seq <= applied);
                        if let Some(known) = delivered {
                            prop_assert_eq!(known.last, Seq(seq));
                            prop_assert_eq!(known.settled, known.connections.told % 2 == 1);
                        }
                    }
                    Reached::Late => prop_assert!(seq > applied),
                    Reached::Lost => prop_assert!(false, "its beat was just seen"),
                }
            }
        }
    }
}
