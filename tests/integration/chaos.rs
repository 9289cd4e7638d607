//! Three nodes under load while everything breaks, by a schedule from a seed; then the history is read for promises
//! that were broken. `CHAOS_SEED` sets the seed, `CHAOS_SECONDS` makes it longer.

mod checker;
mod client;
mod history;
mod load;
mod schedule;
mod world;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinSet;

use checker::{Promises, violations};
use client::{Knows, hold};
use history::History;
use load::{Load, SESSIONS_MAX, USERS};
use schedule::{Dice, Fault, Planned, plan};
use world::{LEASE, Setting, World};

/// How long things break, unless told otherwise.
const SECONDS: u64 = 20;
/// How long clients may take to know how things are, once nothing is broken any more: longer than any of them
/// waits before it tries again.
const COME_TO_REST: Duration = Duration::from_secs(20);

fn from_environment(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap())
}

/// What happened under this schedule.
async fn history_of(seed: u64, faults: &[Planned]) -> History {
    let mut dice = Dice::new(seed).another();
    let world = Arc::new(World::start(&[]).await);
    let (finish, over) = watch::channel(false);
    let load = Load::prepare(Arc::clone(&world), over).await;
    let clients: Vec<Knows> = (0..USERS).map(|_| Knows::default()).collect();
    let mut holding = JoinSet::new();
    for (user, knows) in clients.iter().enumerate() {
        holding.spawn(hold(load.clone(), user, dice.another(), knows.clone()));
    }
    let breaking = async {
        for fault in faults {
            eprintln!("{:?} {fault:?}", load.recorder.now());
            world.suffer(*fault).await;
        }
        finish.send_replace(true);
    };
    tokio::join!(breaking, load.run(&mut dice));
    eprintln!("{:?} nothing is broken", load.recorder.now());
    world.until_ready().await;
    eprintln!("{:?} all decide", load.recorder.now());
    come_to_rest(&load, &clients).await;
    holding.shutdown().await;
    let ended = world.all("/v1/sessions?state=ended&limit=200").await;
    let ended = ended.iter().map(|it| it["id"].as_str().unwrap().to_owned());
    load.recorder.note(|history| history.ended.extend(ended));
    load.recorder
        .read_log(&world.all("/v1/events?limit=200").await);
    load.recorder.history()
}

/// Waits until every client knows how things are, or has had the time to, and writes down what it knows.
async fn come_to_rest(load: &Load, clients: &[Knows]) {
    let known = async {
        loop {
            let rests = look(load, clients).await;
            if rests
                .iter()
                .all(|rest| rest.as_ref().is_some_and(|it| it.told == it.may))
            {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    drop(tokio::time::timeout(COME_TO_REST, known).await);
    let rests = look(load, clients).await;
    assert!(
        rests.iter().all(Option::is_some),
        "everybody has a socket again"
    );
    load.recorder
        .note(|history| history.rests.extend(rests.into_iter().flatten()));
}

async fn look(load: &Load, clients: &[Knows]) -> Vec<Option<history::Rest>> {
    let mut rests = Vec::new();
    for (user, knows) in clients.iter().enumerate() {
        let path = format!("/v1/users/{}", load.users[user]);
        let user = load.world.insist("GET", &path, json!({})).await;
        let may = user["permissions"].as_array().unwrap().iter();
        let may: BTreeSet<String> = may.filter_map(Value::as_str).map(str::to_owned).collect();
        rests.push(knows.rest(may));
    }
    rests
}

fn promises() -> Promises {
    Promises {
        lease: LEASE,
        sessions_max: SESSIONS_MAX,
    }
}

async fn nothing_breaks_a_promise(seed: u64) {
    let seconds = Duration::from_secs(from_environment("CHAOS_SECONDS").unwrap_or(SECONDS));
    let faults = plan(&mut Dice::new(seed), seconds, LEASE);
    eprintln!("CHAOS_SEED={seed}");
    let history = history_of(seed, &faults).await;
    let found = violations(&history, promises());
    assert!(found.is_empty(), "CHAOS_SEED={seed}\n{}", found.join("\n"));
    // It was not all standstill.
    let accepted = history.checks.iter().filter(|check| check.accepted).count();
    let refused = history.checks.len() - accepted;
    let received = history.ends.iter().filter(|end| end.everywhere).count();
    eprintln!(
        "{accepted} accepted, {refused} refused, {} ended, {received} with a receipt of all, {} refreshed, {} events",
        history.ends.len(),
        history.refreshed.len(),
        history.positions.len()
    );
    assert!(accepted > 20 && refused > 20 && received > 3 && history.refreshed.len() > 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whatever_breaks_no_promise_does() {
    nothing_breaks_a_promise(from_environment("CHAOS_SEED").unwrap_or(2026)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nor_by_another_schedule() {
    nothing_breaks_a_promise(from_environment("CHAOS_SEED").unwrap_or(7)).await;
}

/// What is wrong after a session was ended that a node could not hear of, which is asked about it all the same.
async fn wrong_at_a_node_that_is_alone(of_the_node: &[Setting]) -> Vec<String> {
    let node = schedule::NODES - 1;
    let world = Arc::new(World::start(of_the_node).await);
    let (_finish, over) = watch::channel(false);
    let load = Load::prepare(Arc::clone(&world), over).await;
    world.until_ready().await;
    let session = load.session(0, 0, 0).await.unwrap();
    let accepted = || {
        load.recorder
            .history()
            .checks
            .iter()
            .any(|check| check.accepted)
    };
    while !accepted() {
        load.check(node, session.clone()).await;
    }
    world.begin(Fault::Alone(node)).await;
    load.end_session(0, &session).await;
    load.check(node, session).await;
    world.heal(Fault::Alone(node)).await;
    let history = load.recorder.history();
    assert!(history.ends[0].everywhere, "the others waited for nobody");
    let found = violations(&history, promises());
    found
        .into_iter()
        .filter(|it| it.contains("accepted a token"))
        .collect()
}

/// A node whose lease the others know nothing of is one whose safeguard is off.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_node_without_the_lease_that_the_others_believe_in_is_found_out() {
    let found = wrong_at_a_node_that_is_alone(&[("LEASE_MS", "30000")]).await;
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(
        wrong_at_a_node_that_is_alone(&[]).await,
        Vec::<String>::new()
    );
}
