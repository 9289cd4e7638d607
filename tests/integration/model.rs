//! A model of sign-in, end and follow with two nodes, gone through in every order (`stateright`): what must always hold
//! does, what is worth proving something about does happen, and without any one of its rules the model fails.
//!
//! The steps of `steps` are named in the sources, at the places that take them. A node that is frozen takes no step
//! while time passes; a bus that loses, repeats and mixes up letters is one whose letters may come at any time, again,
//! or never.

mod properties;
mod steps;
mod world;

use std::fs;
use std::path::Path;

use stateright::{Checker, HasDiscoveries, Model, Property};

use crate::architecture::rust_files;
use properties::{ALWAYS, SOMETIMES};
use steps::{NAMES, Rule, Step, Ways};
use world::{Wish, World};

/// Who wants what, at which node, and by which ways.
#[derive(Clone, Debug)]
struct TwoNodes {
    wishes: Vec<(Wish, usize)>,
    ways: Ways,
    /// What has to happen in some order.
    happens: &'static [&'static str],
}

impl TwoNodes {
    fn new(wishes: &[(Wish, usize)], time: bool, happens: &'static [&'static str]) -> Self {
        Self {
            wishes: wishes.to_vec(),
            ways: Ways {
                without: None,
                time,
            },
            happens,
        }
    }

    fn without(mut self, rule: Rule) -> Self {
        self.ways.without = Some(rule);
        self
    }

    /// Goes through everything; all holds, and all that was named happens.
    fn holds(self) {
        let checker = self.checker().threads(2).spawn_bfs().join();
        println!("{} states", checker.unique_state_count());
        checker.assert_properties();
    }

    /// Goes on until this is found not to hold.
    fn fails(mut self, property: &'static str) {
        self.happens = &[];
        let found = HasDiscoveries::AnyOf([property].into());
        let checker = self.checker().threads(2).finish_when(found);
        let checker = checker.spawn_bfs().join();
        println!("{}", checker.assert_any_discovery(property));
    }
}

impl Model for TwoNodes {
    type State = World;
    type Action = Step;

    fn init_states(&self) -> Vec<World> {
        vec![World::new(&self.wishes)]
    }

    fn actions(&self, world: &World, steps: &mut Vec<Step>) {
        world.possible(self.ways, steps);
    }

    fn next_state(&self, world: &World, step: Step) -> Option<World> {
        let mut next = world.clone();
        next.take(self.ways, step);
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let always = ALWAYS.map(|(name, holds)| Property::always(name, holds));
        let sometimes = SOMETIMES.map(|(name, is_so)| Property::sometimes(name, is_so));
        let wanted = |it: &Property<Self>| self.happens.contains(&it.name);
        always
            .into_iter()
            .chain(sometimes.into_iter().filter(wanted))
            .collect()
    }
}

/// Two sign-ins at two nodes and the end of the session that is there.
fn crowd() -> TwoNodes {
    let wishes = [(Wish::Enter(1), 0), (Wish::Enter(2), 1), (Wish::End(0), 0)];
    TwoNodes::new(
        &wishes,
        false,
        &[
            "a session gives way",
            "a node is behind a letter",
            "an open connection is closed",
        ],
    )
}

/// The end of a session, while nodes lose their leases.
fn end() -> TwoNodes {
    let happens = &[
        "a receipt counts a node as lost",
        "a receipt counts both nodes",
        "a node that was lost decides again",
        "only the lease refuses",
        "an open connection is closed",
        "a connection is refused",
    ];
    TwoNodes::new(&[(Wish::End(0), 0)], true, happens)
}

/// A sign-in while the rights change.
fn rights() -> TwoNodes {
    let happens = &[
        "a session gives way",
        "a token is stale for nothing",
        "a token is stale",
        "an open connection is told",
        "a receipt counts both nodes",
    ];
    TwoNodes::new(&[(Wish::Enter(1), 1), (Wish::Change, 0)], false, happens)
}

#[test]
fn two_sign_ins_and_an_end_in_every_order() {
    crowd().holds();
}

#[test]
fn sign_ins_that_are_refused_in_every_order() {
    let wishes = [
        (Wish::EnterIfFree(1), 0),
        (Wish::EnterIfFree(2), 1),
        (Wish::End(0), 0),
    ];
    let happens = &["a seat is refused", "a seat is free"];
    TwoNodes::new(&wishes, false, happens).holds();
}

#[test]
fn an_end_while_leases_run_out_in_every_order() {
    end().holds();
}

#[test]
fn a_sign_in_while_rights_change_in_every_order() {
    rights().holds();
}

#[test]
fn looking_before_locking_lets_too_many_in() {
    crowd()
        .without(Rule::LockThenLook)
        .fails("never more sessions than the limit");
}

#[test]
fn looking_before_locking_ends_a_session_twice() {
    crowd()
        .without(Rule::LockThenLook)
        .fails("a session ends once");
}

#[test]
fn reading_rights_before_the_head_keeps_old_rights() {
    rights()
        .without(Rule::HeadThenRights)
        .fails("after the receipt no token is accepted");
}

#[test]
fn checking_before_registering_misses_an_end() {
    end()
        .without(Rule::RegisterThenCheck)
        .fails("an open connection knows what its node knows");
}

#[test]
fn taking_letters_as_they_come_skips_events() {
    crowd()
        .without(Rule::NextInOrder)
        .fails("events in order, each once, none skipped");
}

#[test]
fn deciding_without_a_lease_outlives_the_receipt() {
    end()
        .without(Rule::Lease)
        .fails("after the receipt no token is accepted");
}

#[test]
fn reading_before_checking_in_outlives_the_receipt() {
    end()
        .without(Rule::CheckInThenRead)
        .fails("after the receipt no token is accepted");
}

#[test]
fn a_list_from_before_the_commit_outlives_the_receipt() {
    end()
        .without(Rule::ListAfterCommit)
        .fails("after the receipt no token is accepted");
}

#[test]
fn the_sources_name_each_step() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let sources: String = rust_files(&folder)
        .into_iter()
        .map(|file| fs::read_to_string(file).unwrap())
        .collect();
    for name in NAMES {
        let mark = format!("model: `{name}`");
        assert!(
            sources.contains(&mark),
            "no place in src/ names the step {name}"
        );
    }
    let named = sources.matches("model: `").count();
    assert_eq!(named, NAMES.len(), "a step is named twice, or is none");
}
