//! Sessions are ended one after the other: how long until the client's socket is closed and until the caller has the
//! receipt, with nothing else going on and while everybody is being told things.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{Bench, notice, opening};
use crate::clients::{Expected, Swarm};
use crate::clock;
use crate::failure::{Outcome, unexpected};
use crate::figures::Times;
use crate::floors::commit;
use crate::http::Client;
use crate::people::{Maker, Person};
use crate::report::{Cpu, What};

/// Sessions that are ended in a run, with nothing else going on.
const ENDS: usize = 200;
/// And while everybody is being told things.
const ENDS_BUSY: usize = 200;
/// Which of a thousand, and what they are called.
const PARTS: [(&str, usize); 2] = [("p50", 500), ("p99", 990)];

struct Ended {
    closed: Times,
    receipt: Times,
}

pub(super) fn run(bench: &mut Bench) -> Outcome<()> {
    bench.connected()?;
    let mut users: Option<Vec<String>> = None;
    for _ in 0..bench.options.runs {
        for (name, busy) in [("at rest", false), ("while all are told", true)] {
            let people = those_who_go(bench, &mut users)?;
            let mut swarm = Swarm::start(1)?;
            let tokens = people.iter().map(|it| it.token.clone()).collect();
            swarm.open(&opening(&bench.server.address, tokens, true))?;
            let teller = busy.then(|| Teller::start(bench));
            let count = if busy { ENDS_BUSY } else { ENDS };
            let ended = end_all(&mut swarm, &mut bench.client(), &people[..count])?;
            if let Some(teller) = teller {
                teller.stop()?;
            }
            let commits = commit::commits(bench.folder(), ENDS)?;
            write_down(bench, name, &ended, &commits);
        }
    }
    Ok(())
}

/// People who are signed in, and not yet connected: the same users each time, since sessions end and users stay.
fn those_who_go(bench: &mut Bench, users: &mut Option<Vec<String>>) -> Outcome<Vec<Person>> {
    let mut maker = Maker {
        address: &bench.server.address,
        key: &bench.key,
        load: &mut bench.load,
    };
    if let Some(users) = users {
        return maker.sign_in(users);
    }
    let name = format!("goes-{}", clock::now());
    let people = maker.people(&name, ENDS, &[])?;
    *users = Some(people.iter().map(|it| it.user.clone()).collect());
    Ok(people)
}

fn end_all(swarm: &mut Swarm, client: &mut Client, people: &[Person]) -> Outcome<Ended> {
    let (mut closed, mut receipt) = (Vec::new(), Vec::new());
    for (place, person) in people.iter().enumerate() {
        swarm.expect_one(place, Expected::Closes)?;
        let path = format!("/v1/sessions/{}", person.session);
        let answer = client.call("DELETE", &path, None)?;
        let (time, _) = swarm.heard_one(place)?;
        closed.push(time.saturating_sub(answer.sent));
        receipt.push(answer.answered - answer.sent);
    }
    Ok(Ended {
        closed: Times::of(closed),
        receipt: Times::of(receipt),
    })
}

fn write_down(bench: &mut Bench, name: &str, ended: &Ended, commits: &Times) {
    for (part_name, part) in PARTS {
        for (what, times) in [("closed", &ended.closed), ("receipt", &ended.receipt)] {
            let what = format!("{name}, call to {what}, {part_name}");
            let what = What::lower("revoke", what, "µs").over("commit");
            let floor = Some(commits.micros(part));
            bench
                .book
                .add(what, times.micros(part), floor, Cpu::default());
        }
    }
}

/// Tells everybody something again and again.
struct Teller {
    goes_on: Arc<AtomicBool>,
    thread: std::thread::JoinHandle<Outcome<()>>,
}

impl Teller {
    fn start(bench: &Bench) -> Self {
        let mut client = bench.client();
        let path = format!("/v1/groups/{}/notices", bench.group);
        let goes_on = Arc::new(AtomicBool::new(true));
        let going_on = Arc::clone(&goes_on);
        let thread = std::thread::spawn(move || {
            while going_on.load(Ordering::Relaxed) {
                client.call("POST", &path, Some(&notice("Maintenance")))?;
            }
            Ok(())
        });
        Self { goes_on, thread }
    }

    fn stop(self) -> Outcome<()> {
        self.goes_on.store(false, Ordering::Relaxed);
        let ended = self.thread.join();
        ended.unwrap_or_else(|_| Err(unexpected("whoever told everybody panicked")))
    }
}
