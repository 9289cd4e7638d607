//! Tokens are checked by the server: those that it has seen before and those that it has not, over a few connections
//! that are never idle. The floor answers as many bytes without a thought.

use super::Bench;
use crate::failure::Outcome;
use crate::figures::{of_length, real};
use crate::floors::Floor;
use crate::http::{bearer, request};
use crate::load::{Calls, Done};
use crate::report::{Cpu, What};

/// Connections that calls are made over.
const CONNECTIONS: usize = 16;
/// Tokens of a service that few people use.
const FEW: usize = 150;

pub(super) fn run(bench: &mut Bench) -> Outcome<()> {
    for _ in 0..bench.options.runs {
        bench.start_anew()?;
        let all = bench.people.len();
        beside(bench, "verify", "first seen", &verify(bench, all), None)?;
        for (name, count) in [("few", FEW.min(all)), ("all", all)] {
            let name = format!("seen before, {name} ({count})");
            let seconds = Some(bench.options.seconds);
            beside(bench, "verify", &name, &verify(bench, count), seconds)?;
            beside(
                bench,
                "introspect",
                &name,
                &introspect(bench, count),
                seconds,
            )?;
        }
    }
    Ok(())
}

fn verify(bench: &Bench, count: usize) -> Vec<String> {
    let host = &bench.server.address;
    let people = bench.people[..count].iter();
    people
        .map(|it| request("GET", "/v1/verify", host, &bearer(&it.token), None))
        .collect()
}

fn introspect(bench: &Bench, count: usize) -> Vec<String> {
    let (host, key) = (&bench.server.address, bearer(&bench.key));
    let people = bench.people[..count].iter();
    people
        .map(|it| {
            let body = format!("token={}", it.token);
            request("POST", "/oauth/introspect", host, &key, Some(&body))
        })
        .collect()
}

/// Makes these calls of the server, and of a floor that answers as much.
fn beside(
    bench: &mut Bench,
    call: &str,
    name: &str,
    requests: &[String],
    seconds: Option<f64>,
) -> Outcome<()> {
    let calls = |address: &str| Calls {
        address: address.to_owned(),
        connections: CONNECTIONS,
        requests: requests.to_vec(),
        seconds,
        keep: false,
    };
    let (server, clients) = (bench.server.cpu()?, bench.load.cpu()?);
    let done = bench.load.run(&calls(&bench.server.address))?;
    let clients = bench.load.cpu()? - clients;
    let server = bench
        .server
        .cpu()?
        .zip(server)
        .map(|(now, then)| now - then);
    let hello = Floor::bare(done.bytes)?;
    let (cpu, callers) = (hello.cpu()?, bench.load.cpu()?);
    let floor = bench.load.run(&calls(&hello.address))?;
    let callers = bench.load.cpu()? - callers;
    let each = |total: u64, done: &Done| real(total) / of_length(done.answers);
    let cpu = Cpu {
        server: server.map(|it| each(it, &done)),
        floor: Some(each(hello.cpu()? - cpu, &floor)),
        clients: Some(each(clients, &done)),
    };
    let of = |what: &str| format!("{call}, {name}: {what}");
    let what = What::higher("check", of("calls"), "/s").over("hello");
    bench.book.add(what, done.rate(), Some(floor.rate()), cpu);
    // Who calls has one thread: near 100 % it would be that which is measured, and the floor would look too low.
    let busy = |cpu: u64, done: &Done| real(cpu) / done.seconds() / 1e4;
    let what = What::lower("check", of("the caller is busy"), "%").over("hello");
    let (here, there) = (busy(clients, &done), busy(callers, &floor));
    bench.book.add(what, here, Some(there), Cpu::default());
    let what = What::lower("check", of("p99"), "µs").over("hello");
    bench
        .book
        .add(what, done.p99_us, Some(floor.p99_us), Cpu::default());
    Ok(())
}
