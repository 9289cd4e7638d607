//! Messages that are written for connections at rest: each once, in order, and never past what has to come first.

use std::future::Future;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use futures::FutureExt as _;
use parking_lot::Mutex;

use super::support::ManualClock;
use crate::domain::Reason;
use crate::domain::access::InitiatingEntity;
use crate::domain::clock::Timestamp;
use crate::domain::id::Seq;
use crate::domain::message::ServerMessage;
use crate::domain::session::SessionEnd;
use crate::node::announcement::{Announcement, Tally};
use crate::node::bell::Bell;
use crate::node::delivery::{Deliveries, Delivery, Outcome};
use crate::node::frame::Frame;
use crate::node::hand::{Hand, Written};
use crate::node::mailbox::{Letter, Mailbox};
use crate::node::pulse::Stopwatch;

/// A paper on which a hand writes the numbers of messages, each write a line.
struct Paper {
    lines: Mutex<Vec<String>>,
    takes: Written,
}

impl Paper {
    fn that(takes: Written) -> Arc<Self> {
        let lines = Mutex::default();
        Arc::new(Self { lines, takes })
    }

    fn lines(&self) -> Vec<String> {
        self.lines.lock().clone()
    }
}

impl Hand for Paper {
    fn encode(&self, frame: &Frame, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(number(frame).as_bytes());
    }

    fn write(&self, bytes: &[u8]) -> Written {
        if self.takes != Written::Nothing {
            let line = String::from_utf8(bytes.to_vec()).unwrap();
            self.lines.lock().push(line);
        }
        self.takes
    }
}

fn number(frame: &Frame) -> String {
    let text = frame.clone().into_bytes();
    let message: serde_json::Value = serde_json::from_slice(&text).unwrap();
    format!("{} ", message["after_ms"])
}

struct Post {
    deliveries: Deliveries,
}

impl Post {
    fn new() -> Self {
        let deliveries = Deliveries::default();
        Self { deliveries }
    }

    fn message(&self, seq: u64) -> Arc<Announcement> {
        let delivery = self.delivery(seq);
        let frame = Frame::of(&ServerMessage::Reconnect { after_ms: seq });
        Announcement::new(frame, &delivery)
    }

    fn delivery(&self, seq: u64) -> Arc<Delivery> {
        let stopwatch = Arc::new(Stopwatch::new(Arc::new(ManualClock::default())));
        let (delivery, opening) =
            Delivery::begin(Seq(seq), Seq(seq), Timestamp::default(), stopwatch);
        drop(opening);
        self.deliveries.remember(Arc::clone(&delivery));
        delivery
    }

    /// How many were told, once all were.
    fn told(&self, seq: u64) -> Option<u64> {
        let settled = self.deliveries.settle(Seq(seq), Duration::from_mins(1));
        settled.now_or_never().map(|reached| reached.told)
    }
}

/// The connection waits for letters until what is returned is dropped.
fn rest(mailbox: &Mailbox) -> std::pin::Pin<Box<dyn Future<Output = Letter> + '_>> {
    let mut next = Box::pin(mailbox.next());
    let mut cx = Context::from_waker(Waker::noop());
    assert!(next.poll_unpin(&mut cx).is_pending());
    next
}

fn turn(mailbox: &Mailbox) {
    let mut tally = Tally::default();
    mailbox.take_turn(&mut Vec::new(), &mut tally);
    tally.count();
}

#[tokio::test(start_paused = true)]
async fn what_waits_goes_out_in_one_write() {
    let (mailbox, paper, post) = (Mailbox::default(), Paper::that(Written::All), Post::new());
    mailbox.lend(Arc::clone(&paper) as Arc<_>);
    let resting = rest(&mailbox);
    let must_wake: Vec<_> = (1..=3)
        .map(|seq| mailbox.leave_message(post.message(seq)))
        .collect();
    assert_eq!(must_wake, [true, false, false], "one turn is enough");
    turn(&mailbox);
    assert_eq!(paper.lines(), ["1 2 3 "]);
    assert_eq!([1, 2, 3].map(|seq| post.told(seq)), [Some(1); 3]);
    drop(resting);
    assert!(mailbox.take().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_busy_writes_by_itself() {
    let (mailbox, paper, post) = (Mailbox::default(), Paper::that(Written::All), Post::new());
    mailbox.lend(Arc::clone(&paper) as Arc<_>);
    drop(rest(&mailbox));
    assert!(mailbox.leave_message(post.message(1)));
    turn(&mailbox);
    assert!(paper.lines().is_empty());
    assert!(matches!(mailbox.take(), Some(Letter::Message(_))));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_written_past_a_letter_that_the_connection_just_took() {
    let (mailbox, paper, post) = (Mailbox::default(), Paper::that(Written::All), Post::new());
    mailbox.lend(Arc::clone(&paper) as Arc<_>);
    let mut resting = rest(&mailbox);
    assert!(mailbox.leave_message(post.message(1)));
    let letter = resting.as_mut().now_or_never();
    assert!(matches!(letter, Some(Letter::Message(_))));
    mailbox.put_message(post.message(2), &mut Tally::default());
    assert!(paper.lines().is_empty(), "the first is not written yet");
    drop(resting);
    assert!(matches!(mailbox.take(), Some(Letter::Message(_))));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_written_past_an_end() {
    let (mailbox, paper, post) = (Mailbox::default(), Paper::that(Written::All), Post::new());
    mailbox.lend(Arc::clone(&paper) as Arc<_>);
    let resting = rest(&mailbox);
    assert!(mailbox.leave_message(post.message(1)));
    let end = SessionEnd {
        seq: Seq(2),
        at: Timestamp::default(),
        reason: Reason::RevokedByAdmin,
        initiating_entity: InitiatingEntity::Admin,
        replaced_by: None,
    };
    mailbox.put_end(end, &post.delivery(2));
    turn(&mailbox);
    assert!(paper.lines().is_empty());
    drop(resting);
    assert!(matches!(mailbox.take(), Some(Letter::End(_))));
}

#[tokio::test(start_paused = true)]
async fn what_went_in_part_counts_once_the_rest_has_gone() {
    let (mailbox, paper, post) = (
        Mailbox::default(),
        Paper::that(Written::InPart),
        Post::new(),
    );
    mailbox.lend(Arc::clone(&paper) as Arc<_>);
    let resting = rest(&mailbox);
    mailbox.put_message(post.message(1), &mut Tally::default());
    assert_eq!(paper.lines(), ["1 "]);
    assert_eq!(post.told(1), None);
    drop(resting);
    let Some(Letter::UnderWay(tickets)) = mailbox.take() else {
        panic!("the wire owes the rest")
    };
    for ticket in tickets {
        ticket.resolve(Outcome::Told);
    }
    assert_eq!(post.told(1), Some(1));
    assert!(mailbox.take().is_none(), "no message is written twice");
}

#[tokio::test(start_paused = true)]
async fn what_the_kernel_does_not_take_is_left_to_the_connection() {
    let (mailbox, paper, post) = (
        Mailbox::default(),
        Paper::that(Written::Nothing),
        Post::new(),
    );
    mailbox.lend(paper as Arc<_>);
    let resting = rest(&mailbox);
    mailbox.put_message(post.message(1), &mut Tally::default());
    drop(resting);
    assert!(matches!(mailbox.take(), Some(Letter::Message(_))));
}

const CONNECTIONS: usize = 50;
const MESSAGES: u64 = 300;

/// While connections rest and are busy in turns, and some messages are for all and others for one.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn each_message_is_written_once_and_in_order_whoever_writes() {
    let (bell, post) = (Arc::new(Bell::default()), Post::new());
    for _ in 0..3 {
        tokio::spawn(Arc::clone(&bell).run());
    }
    let connections: Vec<(Arc<Mailbox>, Arc<Paper>)> = (0..CONNECTIONS)
        .map(|_| (Arc::default(), Paper::that(Written::All)))
        .collect();
    for (mailbox, paper) in &connections {
        mailbox.lend(Arc::clone(paper) as Arc<_>);
        tokio::spawn(write_by_itself(Arc::clone(mailbox), Arc::clone(paper)));
    }
    for seq in 1..=MESSAGES {
        let message = post.message(seq);
        if seq % 3 == 0 {
            let mut tally = Tally::default();
            for (mailbox, _) in &connections {
                mailbox.put_message(Arc::clone(&message), &mut tally);
            }
            tally.count();
        } else {
            let mailboxes = connections.iter().map(|(mailbox, _)| Arc::clone(mailbox));
            let left = mailboxes.filter(|it| it.leave_message(Arc::clone(&message)));
            bell.ring(left.collect());
        }
        drop(message);
        // A mailbox holds sixteen.
        if seq % 8 == 0 || seq == MESSAGES {
            let wait = Duration::from_mins(1);
            let reached = post.deliveries.settle(Seq(seq), wait).await;
            assert_eq!(reached.told, CONNECTIONS as u64);
        }
    }
    let all: Vec<_> = (1..=MESSAGES).map(|seq| seq.to_string() + " ").collect();
    for (_, paper) in &connections {
        assert_eq!(paper.lines().concat(), all.concat());
    }
}

/// A connection that now and then has something else to do.
async fn write_by_itself(mailbox: Arc<Mailbox>, paper: Arc<Paper>) {
    loop {
        let letter = tokio::select! {
            biased;
            letter = mailbox.next() => letter,
            () = tokio::task::yield_now() => continue,
        };
        if let Letter::Message(message) = letter {
            let (frame, ticket) = message.share();
            paper.write(number(&frame).as_bytes());
            ticket.resolve(Outcome::Told);
        }
    }
}
