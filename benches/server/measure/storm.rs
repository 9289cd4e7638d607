//! All connections are cut and come back at once: how long until the last is in.

use super::Bench;
use crate::failure::Outcome;
use crate::figures::{Times, of_length, real};
use crate::floors::Floor;
use crate::report::{Cpu, What};

/// On their way at once: below what a listener lets wait, beyond which clients lose whole seconds wherever they go.
const AT_ONCE: usize = 1000;

pub(super) fn run(bench: &mut Bench) -> Outcome<()> {
    bench.connected()?;
    let count = of_length(bench.options.connections);
    for _ in 0..bench.options.runs {
        let (server, clients) = (bench.server.cpu()?, bench.swarm.cpu()?);
        bench.swarm.cut()?;
        let back = bench.swarm.again(AT_ONCE)?;
        let server = bench.server.cpu()?.zip(server);
        let clients = bench.swarm.cpu()? - clients;
        let floor = Floor::bare(0)?;
        let (mut there, _) = bench.connected_floor(&floor)?;
        let cpu = floor.cpu()?;
        there.cut()?;
        let there_back = there.again(AT_ONCE)?;
        let cpu = Cpu {
            server: server.map(|(now, then)| real(now - then) / count),
            floor: Some(real(floor.cpu()? - cpu) / count),
            clients: Some(real(clients) / count),
        };
        let what = What::lower("storm", "last is back", "ms").over("axum");
        let (value, lowest) = (back.seconds() * 1e3, there_back.seconds() * 1e3);
        bench.book.add(what, value, Some(lowest), cpu);
        let median = |times: &[u64], began| Times::since(times, began).millis(500);
        let what = What::lower("storm", "half of them are back", "ms").over("axum");
        let value = median(&back.times, back.began);
        let lowest = median(&there_back.times, there_back.began);
        bench.book.add(what, value, Some(lowest), Cpu::default());
    }
    Ok(())
}
