//! Connections of Socket.IO, over WebSockets: handshakes a second, and what one takes of memory and time at rest. They are
//! asked whether they are there more often than others, and at rest means after that.

use std::time::Duration;

use super::{Bench, connect, notice, opening};
use crate::clients::{Opening, Swarm};
use crate::clock;
use crate::failure::Outcome;
use crate::figures::{of_length, real};
use crate::floors::Floor;
use crate::report::{Cpu, What};

const MEASURE: &str = "socketio";
/// By then everybody was asked once.
const BEAT: Duration = Duration::from_secs(30);
/// Until what was put off at the end of something is done.
const SETTLING: Duration = Duration::from_secs(1);

pub(super) fn run(bench: &mut Bench) -> Outcome<()> {
    for _ in 0..bench.options.runs {
        for count in bench.options.sizes() {
            one(bench, count)?;
        }
    }
    Ok(())
}

fn one(bench: &mut Bench, count: usize) -> Outcome<()> {
    bench.start_anew()?;
    let mut swarm = Swarm::start(bench.options.crowds)?;
    let each = |now: u64, then: u64| (real(now) - real(then)) / of_length(count);
    let (memory, cpu, clients) = (bench.server.pss()?, bench.server.cpu()?, swarm.cpu()?);
    let opened = swarm.open(&engine(bench, count))?;
    let came_in = clock::now();
    let cpu_in = bench.server.cpu()?;
    let clients = each(swarm.cpu()?, clients);
    let floor = connect::floor(bench, &Floor::bare(0)?, count)?;
    let what = What::higher(MEASURE, format!("{count} connections"), "handshakes/s");
    let cpu = Cpu {
        server: cpu_in.zip(cpu).map(|(now, then)| each(now, then)),
        floor: floor.cpu_each,
        clients: Some(clients),
    };
    let rate = of_length(count) / opened.seconds();
    bench
        .book
        .add(what.over("axum"), rate, Some(floor.rate), cpu);
    let memory_now = |bench: &mut Bench, name: &str| {
        if let Some((now, then)) = bench.server.pss()?.zip(memory) {
            let what = What::lower(MEASURE, format!("memory of one of {count}, {name}"), "B");
            let value = each(now, then);
            let what = what.over("axum");
            bench
                .book
                .add(what, value, floor.bytes_each, Cpu::default());
        }
        Ok(())
    };
    memory_now(bench, "just connected")?;
    std::thread::sleep(BEAT.saturating_sub(Duration::from_nanos(clock::now() - came_in)));
    let seconds = clock::seconds_since(came_in);
    if let Some((now, then)) = bench.server.cpu()?.zip(cpu_in) {
        let name = format!("processor time of one of {count} in a second");
        let value = each(now, then) / seconds;
        bench.book.plain(What::lower(MEASURE, name, "µs"), value);
    }
    memory_now(bench, "at rest")?;
    swarm.expect_texts_each(1)?;
    let path = format!("/v1/groups/{}/notices", bench.group);
    bench.client().call("POST", &path, Some(&notice("Load")))?;
    swarm.heard()?;
    std::thread::sleep(SETTLING);
    memory_now(bench, "after all were told")
}

/// How they come: a token in the packet that asks in.
fn engine(bench: &Bench, count: usize) -> Opening {
    let tokens = bench.people[..count].iter().map(|it| it.token.clone());
    Opening {
        path: "/socket.io/?EIO=4&transport=websocket".to_owned(),
        headers: String::new(),
        first_message: Some(r#"40{"token":"{token}"}"#.to_owned()),
        welcome: Some(r#"42["welcome""#.to_owned()),
        sign_of_life: Some(("2".to_owned(), "3".to_owned())),
        ..opening(&bench.server.address, tokens.collect(), true)
    }
}
