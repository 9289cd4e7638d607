//! What waits for a connection merges, and stays small.

use std::sync::Arc;

use futures::FutureExt;

use super::support::{ManualClock, user};
use crate::domain::Reason;
use crate::domain::access::InitiatingEntity;
use crate::domain::clock::Timestamp;
use crate::domain::id::Seq;
use crate::domain::message::ServerMessage;
use crate::domain::receipt::ConnectionsReached;
use crate::domain::session::SessionEnd;
use crate::domain::standing::Standing;
use crate::node::announcement::Announcement;
use crate::node::delivery::{Deliveries, Delivery, Outcome};
use crate::node::frame::Frame;
use crate::node::mailbox::{Letter, MESSAGES_MAX, Mailbox, RightsUpdate};
use crate::node::pulse::Stopwatch;

fn rights(as_of: u64) -> RightsUpdate {
    RightsUpdate {
        standing: Arc::new(Standing {
            user_id: user(1),
            as_of: Seq(as_of),
            rights: Arc::default(),
        }),
        cause: None,
        current: true,
    }
}

fn delivery(seq: u64, deliveries: &Deliveries) -> Arc<Delivery> {
    let stopwatch = Arc::new(Stopwatch::new(Arc::new(ManualClock::default())));
    let (delivery, opening) = Delivery::begin(Seq(seq), Seq(seq), Timestamp::default(), stopwatch);
    drop(opening);
    deliveries.remember(Arc::clone(&delivery));
    delivery
}

fn message(delivery: &Arc<Delivery>) -> Arc<Announcement> {
    Announcement::new(Frame::of(&ServerMessage::Pong), delivery)
}

fn end(reason: Reason) -> SessionEnd {
    SessionEnd {
        seq: Seq(9),
        at: Timestamp::default(),
        reason,
        initiating_entity: InitiatingEntity::Admin,
        replaced_by: None,
    }
}

fn reached(deliveries: &Deliveries, seq: u64) -> Option<ConnectionsReached> {
    let wait = std::time::Duration::from_mins(1);
    deliveries.settle(Seq(seq), wait).now_or_never()
}

#[test]
fn the_most_urgent_comes_first_and_states_merge() {
    let mailbox = Mailbox::default();
    let delivery = delivery(1, &Deliveries::default());
    let awake = [mailbox.leave_tick(), mailbox.leave_tick()];
    assert_eq!(awake, [false, false], "nobody sleeps");
    assert!(!mailbox.leave_message(message(&delivery)));
    assert!(!mailbox.leave_rights(rights(1)) && !mailbox.leave_rights(rights(2)));
    mailbox.put_drain(7);
    mailbox.put_end(end(Reason::Superseded), &delivery);
    mailbox.put_end(end(Reason::RevokeAll), &delivery);
    let Some(Letter::End(ending)) = mailbox.take() else {
        panic!("the end comes first")
    };
    assert_eq!(ending.end.reason, Reason::Superseded);
    assert!(matches!(mailbox.take(), Some(Letter::Drain(7))));
    let Some(Letter::Rights(rights)) = mailbox.take() else {
        panic!("then the rights")
    };
    assert_eq!(rights.standing.as_of, Seq(2));
    assert!(matches!(mailbox.take(), Some(Letter::Message(_))));
    assert!(matches!(mailbox.take(), Some(Letter::Tick)));
    assert!(mailbox.take().is_none());
}

#[test]
fn a_queue_that_is_too_short_makes_the_client_too_slow() {
    let mailbox = Mailbox::default();
    let delivery = delivery(1, &Deliveries::default());
    for _ in 0..1000 {
        assert!(!mailbox.leave_message(message(&delivery)));
    }
    assert!(matches!(mailbox.take(), Some(Letter::TooSlow)));
    let frames = std::iter::from_fn(|| mailbox.take()).count();
    assert_eq!(frames, MESSAGES_MAX);
}

#[tokio::test(start_paused = true)]
async fn one_ticket_a_delivery_is_answered_by_the_state_that_covers_it() {
    let deliveries = Deliveries::default();
    let mailbox = Mailbox::default();
    let (first, second) = (delivery(1, &deliveries), delivery(2, &deliveries));
    mailbox.owe(Seq(1), &first);
    mailbox.owe(Seq(1), &first);
    mailbox.owe(Seq(2), &second);
    let answered = mailbox.take_owed(Seq(1));
    assert_eq!(answered.len(), 1);
    for ticket in answered {
        ticket.resolve(Outcome::Told);
    }
    assert_eq!(reached(&deliveries, 1).unwrap().told, 1);
    assert!(reached(&deliveries, 2).is_none(), "the second still waits");
    assert_eq!(mailbox.take_owed(Seq(5)).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_goes_or_lags_keeps_no_receipt_waiting() {
    let deliveries = Deliveries::default();
    let mailbox = Mailbox::default();
    for seq in 1..=100 {
        mailbox.owe(Seq(seq), &delivery(seq, &deliveries));
    }
    assert_eq!(
        reached(&deliveries, 68),
        Some(ConnectionsReached::default())
    );
    assert!(reached(&deliveries, 69).is_none(), "32 are remembered");
    drop(mailbox);
    assert_eq!(
        reached(&deliveries, 69),
        Some(ConnectionsReached::default())
    );
}

#[test]
fn an_ended_session_owes_nothing_more() {
    let deliveries = Deliveries::default();
    let mailbox = Mailbox::default();
    let delivery = delivery(1, &deliveries);
    mailbox.put_end(end(Reason::UserDeleted), &delivery);
    mailbox.owe(Seq(1), &delivery);
    assert!(mailbox.take_owed(Seq(9)).is_empty());
}
