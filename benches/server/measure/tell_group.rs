//! Everybody is told something at once. The floor is one thread that writes the same bytes to as many sockets.

use super::{Bench, notice};
use crate::clients::Swarm;
use crate::failure::Outcome;
use crate::figures::{Spread, Times, of_length, real};
use crate::floors::Floor;
use crate::http::Client;
use crate::report::{Cpu, What};

/// Of one run; a single one would be too short for the system's count of processor time.
const TELLS: usize = 5;
/// Which of a thousand, and what they are called.
const PARTS: [(&str, usize); 4] = [("first", 0), ("p50", 500), ("p99", 990), ("last", 1000)];

pub(super) fn run(bench: &mut Bench) -> Outcome<()> {
    bench.connected()?;
    let floor = Floor::epoll()?;
    let (mut there, _) = bench.connected_floor(&floor)?;
    let all = of_length(bench.options.connections) * of_length(TELLS);
    let path = format!("/v1/groups/{}/notices", bench.group);
    for _ in 0..bench.options.runs {
        let mut told = Vec::new();
        let mut client = bench.client();
        let (server, clients) = (bench.server.cpu()?, bench.swarm.cpu()?);
        let mut bytes = 0;
        for _ in 0..TELLS {
            let body = notice("Maintenance").to_string();
            let (times, size) = tell(&mut bench.swarm, &mut client, &path, &bench.key, &body)?;
            told.push(times);
            bytes = size;
        }
        let server = bench
            .server
            .cpu()?
            .zip(server)
            .map(|(now, then)| real(now - then) / all);
        let clients = real(bench.swarm.cpu()? - clients) / all;
        let (mut beside, mut client) = (Vec::new(), Client::new(&floor.address, ""));
        let cpu = floor.cpu()?;
        let body = "x".repeat(bytes);
        for _ in 0..TELLS {
            beside.push(tell(&mut there, &mut client, "/tell/all", "", &body)?.0);
        }
        let mut cpu = Cpu {
            server,
            floor: Some(real(floor.cpu()? - cpu) / all),
            clients: Some(clients),
        };
        for (name, part) in PARTS.into_iter().rev() {
            let middle = |tells: &[Times]| Spread::of(tells.iter().map(|it| it.millis(part)));
            let (Some(value), Some(floor)) = (middle(&told), middle(&beside)) else {
                continue;
            };
            let what = What::lower("tell-group", format!("call to frame, {name}"), "ms");
            let (value, floor) = (value.median, Some(floor.median));
            bench.book.add(what.over("epoll"), value, floor, cpu);
            cpu = Cpu::default();
        }
    }
    Ok(())
}

/// When each heard it, from the call, and how long it was.
fn tell(
    swarm: &mut Swarm,
    client: &mut Client,
    path: &str,
    key: &str,
    body: &str,
) -> Outcome<(Times, usize)> {
    swarm.expect_texts_each(1)?;
    let call = client.send("POST", path, &crate::http::bearer(key), Some(body))?;
    let heard = swarm.heard()?;
    Ok((Times::since(&heard.times, call.sent), heard.bytes))
}
