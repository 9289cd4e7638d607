//! One person of many is told something. The floor is what a loop takes from the call to the frame, and, where a server
//! keeps what it says and the time begins before that, a commit besides.

use super::{Bench, notice};
use crate::clients::{Expected, Swarm};
use crate::commits::Commits;
use crate::failure::{Outcome, unexpected};
use crate::figures::{Times, of_length, real};
use crate::floors::{Floor, commit};
use crate::http::{Answer, Client, bearer};
use crate::report::{Cpu, What};

/// Calls of a run.
const CALLS: usize = 2000;
/// Which of a thousand, and what they are called.
const PARTS: [(&str, usize); 2] = [("p50", 500), ("p99", 990)];

/// One call, and what came of it.
struct Told {
    answer: Answer,
    /// When the frame came.
    heard: u64,
    /// How long it was.
    bytes: usize,
}

/// What a run found.
struct Run {
    told: Vec<Told>,
    /// From the commit to the frame, where the commits are known.
    committed: Option<Times>,
    floor: Vec<Told>,
    commits: Times,
}

pub(super) fn run(bench: &mut Bench) -> Outcome<()> {
    bench.started_otherwise(|recipe| recipe.says_commits = true, tell_all_runs)
}

fn tell_all_runs(bench: &mut Bench) -> Outcome<()> {
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
        let committed = bench.server.commits.as_ref();
        let committed = committed.map(|it| since_commit(it, &told)).transpose()?;
        let body = "x".repeat(told.first().map_or(0, |it| it.bytes));
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
        let run = Run {
            told,
            committed,
            floor: beside,
            commits: commit::commits(bench.folder(), CALLS)?,
        };
        write_down(bench, &run, cpu);
    }
    Ok(())
}

fn write_down(bench: &mut Bench, run: &Run, cpu: Cpu) {
    let mut cpu = Some(cpu);
    let of = |name: &str, part: &str| What::lower("tell-one", format!("{name}, {part}"), "µs");
    for (name, part) in PARTS {
        let micros = |told: &[Told], time: fn(&Told) -> u64| {
            Times::of(told.iter().map(time).collect()).micros(part)
        };
        let commit = run.commits.micros(part);
        let loop_heard = micros(&run.floor, Told::call_to_frame);
        let book = &mut bench.book;

        let value = micros(&run.told, Told::call_to_frame);
        let what = of("call to frame", name).over("epoll + commit");
        let cpu = cpu.take().unwrap_or_default();
        book.add(what, value, Some(loop_heard + commit), cpu);

        if let Some(committed) = &run.committed {
            let what = of("commit to frame", name).over("epoll, call to frame");
            let value = committed.micros(part);
            book.add(what, value, Some(loop_heard), Cpu::default());
        }

        let value = micros(&run.told, Told::call_to_answer);
        let lowest = micros(&run.floor, Told::call_to_answer) + commit;
        let what = of("call to answer", name).over("epoll + commit");
        book.add(what, value, Some(lowest), Cpu::default());

        let value = micros(&run.told, Told::answer_to_frame);
        book.plain(of("answer to frame", name), value);
        book.plain(of("floor: epoll, call to frame", name), loop_heard);
        book.plain(of("floor: commit of SQLite", name), commit);
    }
}

impl Told {
    fn call_to_frame(&self) -> u64 {
        self.heard.saturating_sub(self.answer.sent)
    }

    fn call_to_answer(&self) -> u64 {
        self.answer.answered - self.answer.sent
    }

    /// Nothing where the frame came first.
    fn answer_to_frame(&self) -> u64 {
        self.heard.saturating_sub(self.answer.answered)
    }
}

/// From the commit of each to its frame.
fn since_commit(commits: &Commits, told: &[Told]) -> Outcome<Times> {
    let since = told.iter().map(|it| {
        let seq = it.answer.json()?["seq"].as_u64();
        let seq = seq.ok_or_else(|| unexpected("a receipt without a position"))?;
        Ok(it.heard.saturating_sub(commits.of(seq)?))
    });
    Ok(Times::of(since.collect::<Outcome<_>>()?))
}

/// Tells one after the other, spread over all connections.
fn tell(
    swarm: &mut Swarm,
    client: &mut Client,
    mut call: impl FnMut(&mut Client, usize) -> Outcome<Answer>,
) -> Outcome<Vec<Told>> {
    let told = (0..CALLS).map(|number| {
        let place = number * 7919 % swarm.connections();
        swarm.expect_one(place, Expected::Texts)?;
        let answer = call(client, place)?;
        let (heard, bytes) = swarm.heard_one(place)?;
        Ok(Told {
            answer,
            heard,
            bytes,
        })
    });
    told.collect()
}
