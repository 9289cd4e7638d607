//! Which faults come when, and what the load does next: all of it from one seed. It may not know how a fault is made.

use std::time::Duration;

/// How many nodes there are.
pub(super) const NODES: usize = 3;

/// What goes wrong for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// `kill -9`, and a new start at the end.
    Killed(usize),
    /// `SIGSTOP`, and `SIGCONT` at the end.
    Frozen(usize),
    /// Its connections to the database are cut, and none comes about.
    NoDatabase(usize),
    /// What the database answers it never arrives.
    Swallowed(usize),
    /// Every answer of the database comes late.
    Delayed(usize),
    /// Its connections to the database end in the middle of an answer.
    Halved(usize),
    /// The database is away from everybody.
    NoDatabaseAtAll,
    /// The database itself crashes, and starts again at the end.
    DatabaseCrashed,
    /// Each commit takes a tenth of a second more, as on a slow disk.
    SlowCommits,
    /// It reaches neither the database nor the bus.
    Alone(usize),
    /// NATS is killed, and started again at the end.
    NoBus,
}

/// A fault and its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Planned {
    pub(super) after: Duration,
    pub(super) fault: Fault,
    pub(super) lasts: Duration,
}

/// Numbers that are the same for the same seed (SplitMix64).
#[derive(Clone)]
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below this one.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(bound).unwrap()).unwrap()
    }

    /// From one to the other.
    pub(super) fn between(&mut self, least: Duration, most: Duration) -> Duration {
        let width = usize::try_from(most.saturating_sub(least).as_millis()).unwrap();
        least + Duration::from_millis(u64::try_from(self.below(width + 1)).unwrap())
    }

    /// Another die, for somebody who throws at times of his own.
    pub(super) fn another(&mut self) -> Self {
        Self(self.next())
    }

    fn fault(&mut self) -> Fault {
        let node = self.below(NODES);
        match self.below(12) {
            0 | 1 => Fault::Frozen(node),
            2 => Fault::Killed(node),
            3 => Fault::NoDatabase(node),
            4 => Fault::Swallowed(node),
            5 => Fault::NoDatabaseAtAll,
            6 => Fault::Alone(node),
            7 => Fault::DatabaseCrashed,
            8 => Fault::SlowCommits,
            9 => Fault::Delayed(node),
            10 => Fault::Halved(node),
            _ => Fault::NoBus,
        }
    }
}

/// Faults one after the other, within this time.
pub(super) fn plan(dice: &mut Dice, within: Duration, lease: Duration) -> Vec<Planned> {
    let mut planned = Vec::new();
    let mut time = Duration::ZERO;
    loop {
        let next = Planned {
            after: dice.between(lease / 4, lease),
            fault: dice.fault(),
            lasts: dice.between(lease / 2, lease * 3),
        };
        time += next.after + next.lasts;
        if time > within {
            return planned;
        }
        planned.push(next);
    }
}

#[test]
fn the_same_seed_is_the_same_schedule() {
    let lease = Duration::from_secs(1);
    let of = |seed| plan(&mut Dice::new(seed), Duration::from_mins(1), lease);
    assert_eq!(of(7), of(7));
    assert_ne!(of(7), of(8));
    assert!(of(7).len() > 15);
}
