//! One person of many is told something. The floor is what a loop takes to write it, and, where a server keeps what
//! it says, a commit besides.

use super::{Bench, notice};
use crate::clients::{Expected, Swarm};
use crate::failure::Outcome;
use crate::figures::{Times, of_length, real};
use crate::floors::{Floor, commit};
use crate::http::{Client, bearer};
use crate::report::{Cpu, What};

/// Calls of a run.
const CALLS: usize = 500;
/// Which of a thousand, and what they are called.
const PARTS: [(&str, usize); 2] = [("p50", 500), ("p99", 990)];

/// How long one after the other took.
struct Told {
    /// From the call to the frame.
    heard: Times,
    /// From the call to its answer.
    answered: Times,
    /// From the answer to the frame, if that came later.
    after: Times,
    bytes: usize,
}

pub(super) fn run(bench: &mut Bench) -> Outcome<()> {
    bench.connected()?;
    let floor = Floor::epoll()?;
    let (mut there, _) = bench.connected_floor(&floor)?;
    for _ in 0..bench.options.runs {
        let users: Vec<String> = bench.people.iter().map(|it| it.user.clone()).collect();
        let headers = bearer(&bench.key);
        let body = notice("Maintenance").to_string();
        let (server, clients) = (bench.server.cpu()?, bench.swarm.cpu()?);
        let mut client = bench.client();
        let told = tell(&mut bench.swarm, &mut client, |client, place| {
            let path = format!("/v1/users/{}/notices", users[place]);
            client.send("POST", &path, &headers, Some(&body))
        })?;
        let each = |now: u64, then: u64| real(now - then) / of_length(CALLS);
        let server = bench
            .server
            .cpu()?
            .zip(server)
            .map(|(now, then)| each(now, then));
        let clients = Some(each(bench.swarm.cpu()?, clients));
        let body = "x".repeat(told.bytes);
        let cpu = floor.cpu()?;
        let mut client = Client::new(&floor.address, "");
        let beside = tell(&mut there, &mut client, |client, place| {
            client.send("POST", &format!("/tell/{place}"), "", Some(&body))
        })?;
        let cpu = Cpu {
            server,
            floor: Some(each(floor.cpu()?, cpu)),
            clients,
        };
        let commits = commit::commits(bench.folder(), CALLS)?;
        write_down(bench, &told, &beside, &commits, cpu);
    }
    Ok(())
}

fn write_down(bench: &mut Bench, told: &Told, beside: &Told, commits: &Times, cpu: Cpu) {
    let mut cpu = Some(cpu);
    let of = |name: &str, part: &str| What::lower("tell-one", format!("{name}, {part}"), "µs");
    for (name, part) in PARTS {
        let micros = |times: &Times| times.micros(part);
        let lowest = micros(&beside.heard) + micros(commits);
        let what = of("call to frame", name).over("epoll + commit");
        let cpu = cpu.take().unwrap_or_default();
        bench.book.add(what, micros(&told.heard), Some(lowest), cpu);
        let lowest = micros(&beside.answered) + micros(commits);
        let what = of("call to answer", name).over("epoll + commit");
        let value = micros(&told.answered);
        bench.book.add(what, value, Some(lowest), Cpu::default());
        bench
            .book
            .plain(of("answer to frame", name), micros(&told.after));
        bench.book.plain(
            of("floor: epoll, call to frame", name),
            micros(&beside.heard),
        );
        bench
            .book
            .plain(of("floor: commit of SQLite", name), micros(commits));
    }
}

/// Tells one after the other, spread over all connections.
fn tell(
    swarm: &mut Swarm,
    client: &mut Client,
    mut call: impl FnMut(&mut Client, usize) -> Outcome<crate::http::Answer>,
) -> Outcome<Told> {
    let (mut heard, mut answered, mut after) = (Vec::new(), Vec::new(), Vec::new());
    let mut bytes = 0;
    for number in 0..CALLS {
        let place = number * 7919 % swarm.connections();
        swarm.expect_one(place, Expected::Texts)?;
        let answer = call(client, place)?;
        let (time, size) = swarm.heard_one(place)?;
        bytes = size;
        heard.push(time.saturating_sub(answer.sent));
        answered.push(answer.answered - answer.sent);
        after.push(time.saturating_sub(answer.answered));
    }
    Ok(Told {
        heard: Times::of(heard),
        answered: Times::of(answered),
        after: Times::of(after),
        bytes,
    })
}
