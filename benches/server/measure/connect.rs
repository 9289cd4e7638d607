//! Everybody connects, and is at rest then: handshakes a second, and what a connection takes of memory and time.

use std::time::Duration;

use super::{Bench, notice};
use crate::clock;
use crate::failure::Outcome;
use crate::figures::{of_length, real};
use crate::floors::Floor;
use crate::options::Measure;
use crate::report::{Cpu, What};

/// Until what was put off at the end of something is done.
const SETTLING: Duration = Duration::from_secs(1);

pub(super) fn run(bench: &mut Bench) -> Outcome<()> {
    let sizes = bench.options.sizes();
    for _ in 0..bench.options.runs {
        for count in &sizes {
            one(bench, *count)?;
        }
    }
    Ok(())
}

/// What is known of a server or floor once so many are connected.
pub(super) struct Connected {
    /// Handshakes a second.
    pub(super) rate: f64,
    /// Microseconds of processor time of a handshake.
    pub(super) cpu_each: Option<f64>,
    /// Memory of a connection.
    pub(super) bytes_each: Option<f64>,
}

fn one(bench: &mut Bench, count: usize) -> Outcome<()> {
    bench.start_anew()?;
    let each = |total: u64| real(total) / of_length(count);
    let (memory, cpu, clients) = (bench.server.pss()?, bench.server.cpu()?, bench.swarm.cpu()?);
    let opened = bench.connect(count)?;
    let came_in = clock::now();
    let cpu_in = bench.server.cpu()?;
    let clients = bench.swarm.cpu()? - clients;
    let pss = bench.server.pss()?;
    let bare = floor(bench, &Floor::bare(0)?, count)?;
    if bench.options.wants(Measure::Connect) {
        let name = format!("{count} connections");
        let what = What::higher("connect", name, "handshakes/s").over("axum");
        let cpu = Cpu {
            server: cpu_in.zip(cpu).map(|(after, before)| each(after - before)),
            floor: bare.cpu_each,
            clients: Some(each(clients)),
        };
        let rate = of_length(count) / opened.seconds();
        bench.book.add(what, rate, Some(bare.rate), cpu);
    }
    if !bench.options.wants(Measure::Idle) {
        return Ok(());
    }
    let looped = floor(bench, &Floor::epoll()?, count)?;
    let memory_each = |pss: Option<u64>| pss.zip(memory).map(|(now, then)| real(now) - real(then));
    let bytes = |bench: &mut Bench, name: &str, pss: Option<u64>| {
        let Some(more) = memory_each(pss) else { return };
        let value = more / of_length(count);
        let of = |floor| {
            What::lower("idle", format!("memory of one of {count}, {name}"), "B").over(floor)
        };
        bench
            .book
            .add(of("axum"), value, bare.bytes_each, Cpu::default());
    };
    bytes(bench, "just connected", pss);
    watch(bench, count, came_in, cpu_in)?;
    let pss = bench.server.pss()?;
    bytes(bench, "at rest", pss);
    if let Some((more, floor)) = memory_each(pss).zip(looped.bytes_each) {
        let what = What::lower(
            "idle",
            format!("memory of one of {count}, at rest, beside a loop"),
            "B",
        );
        let value = more / of_length(count);
        bench
            .book
            .add(what.over("epoll"), value, Some(floor), Cpu::default());
    }
    bench.swarm.expect_texts_each(1)?;
    let path = format!("/v1/groups/{}/notices", bench.group);
    bench.client().call("POST", &path, Some(&notice("Load")))?;
    bench.swarm.heard()?;
    std::thread::sleep(SETTLING);
    let pss = bench.server.pss()?;
    bytes(bench, "after all were told", pss);
    Ok(())
}

/// Processor time of connections at rest: right after they came, and then.
fn watch(bench: &mut Bench, count: usize, came_in: u64, cpu: Option<u64>) -> Outcome<()> {
    let window = bench.options.quiet;
    let (mut began, mut before) = (came_in, cpu);
    for name in ["right after they came", "then"] {
        let left = window - clock::seconds_since(began);
        std::thread::sleep(Duration::from_secs_f64(left.max(0.0)));
        let (seconds, after) = (clock::seconds_since(began), bench.server.cpu()?);
        if let Some((after, before)) = after.zip(before) {
            let name = format!("processor time of one of {count} in a second, {name}");
            let what = What::lower("idle", name, "µs");
            let value = real(after - before) / of_length(count) / seconds;
            bench.book.plain(what, value);
        }
        (began, before) = (clock::now(), after);
    }
    Ok(())
}

/// The same of a floor, with clients of its own.
pub(super) fn floor(bench: &Bench, floor: &Floor, count: usize) -> Outcome<Connected> {
    let (memory, cpu) = (floor.pss()?, floor.cpu()?);
    let (_swarm, opened) = bench.connected_to(floor, count)?;
    let each = |now: u64, then: u64| Some((real(now) - real(then)) / of_length(count));
    Ok(Connected {
        rate: of_length(count) / opened.seconds(),
        cpu_each: each(floor.cpu()?, cpu),
        bytes_each: each(floor.pss()?, memory),
    })
}
