//! The one timer wakes who is due, on either clock, and nobody twice.

use std::sync::Arc;
use std::time::Duration;

use super::support::ManualClock;
use crate::domain::clock::Clock;
use crate::node::mailbox::{Letter, Mailbox};
use crate::node::wheel::{Armed, Due, TURN, Wheel};

fn ticked(mailbox: &Mailbox) -> bool {
    matches!(mailbox.take(), Some(Letter::Tick))
}

struct Timer {
    clock: Arc<ManualClock>,
    wheel: Wheel,
}

impl Timer {
    fn new() -> Self {
        let clock = Arc::new(ManualClock::default());
        let wheel = Wheel::new(Arc::clone(&clock) as Arc<_>, Arc::default());
        Self { clock, wheel }
    }

    fn due(&self, wall: Option<u64>, uptime: u64) -> Due {
        Due {
            wall: wall.map(|after| self.clock.now().plus(Duration::from_secs(after))),
            uptime: self.clock.uptime() + Duration::from_secs(uptime),
        }
    }

    fn pass(&self, time: Duration) {
        self.clock.advance(time);
        self.wheel.turn();
    }
}

#[test]
fn wakes_when_something_is_due_and_not_before() {
    let timer = Timer::new();
    let mailbox = Arc::new(Mailbox::default());
    let mut armed = Armed::default();
    timer
        .wheel
        .arm(&mailbox, &mut armed, timer.due(Some(90), 60));
    timer.pass(Duration::from_mins(1));
    assert!(!ticked(&mailbox), "its bucket is not past yet");
    timer.pass(TURN);
    assert!(ticked(&mailbox));
    timer.pass(Duration::from_secs(30));
    assert!(ticked(&mailbox), "the wall clock");
    timer.pass(Duration::from_hours(1));
    assert!(!ticked(&mailbox));
}

#[test]
fn a_later_time_waits_for_the_look_that_is_pending() {
    let timer = Timer::new();
    let mailbox = Arc::new(Mailbox::default());
    let mut armed = Armed::default();
    for later in [60, 70, 80] {
        timer
            .wheel
            .arm(&mailbox, &mut armed, timer.due(Some(later), later));
    }
    timer.pass(Duration::from_secs(61));
    assert!(ticked(&mailbox));
    armed.passed(timer.clock.now(), timer.clock.uptime());
    timer
        .wheel
        .arm(&mailbox, &mut armed, timer.due(Some(19), 19));
    timer.pass(Duration::from_secs(15));
    assert!(!ticked(&mailbox), "the later ones were never put in");
    timer.pass(Duration::from_secs(5));
    assert!(ticked(&mailbox));
}

#[test]
fn an_earlier_time_is_put_in_at_once() {
    let timer = Timer::new();
    let mailbox = Arc::new(Mailbox::default());
    let mut armed = Armed::default();
    timer.wheel.arm(&mailbox, &mut armed, timer.due(None, 60));
    timer.wheel.arm(&mailbox, &mut armed, timer.due(None, 10));
    timer.pass(Duration::from_secs(11));
    assert!(ticked(&mailbox));
}

#[test]
fn who_has_gone_is_forgotten() {
    let timer = Timer::new();
    let mailbox = Arc::new(Mailbox::default());
    timer
        .wheel
        .arm(&mailbox, &mut Armed::default(), timer.due(Some(1), 1));
    let gone = Arc::downgrade(&mailbox);
    drop(mailbox);
    assert!(gone.upgrade().is_none());
    timer.pass(Duration::from_secs(2));
}
