//! One thing after the other is said to everybody, a few of them under way at once: what goes through in the end.

use super::{Bench, notice};
use crate::clients::Swarm;
use crate::failure::Outcome;
use crate::figures::{of_length, real};
use crate::floors::Floor;
use crate::http::{bearer, request};
use crate::load::{Calls, Load};
use crate::report::{Cpu, What};

const TELLS: usize = 24;
/// How many of them are under way.
const AT_ONCE: usize = 4;

pub(super) fn run(bench: &mut Bench) -> Outcome<()> {
    bench.connected()?;
    let floor = Floor::epoll()?;
    let (mut there, _) = bench.connected_floor(&floor)?;
    let path = format!("/v1/groups/{}/notices", bench.group);
    let messages = of_length(bench.options.connections) * of_length(TELLS);
    for _ in 0..bench.options.runs {
        let (host, key) = (bench.server.address.clone(), bearer(&bench.key));
        let requests = (0..TELLS).map(|number| {
            let body = notice(&format!("Maintenance {number}")).to_string();
            request("POST", &path, &host, &key, Some(&body))
        });
        let requests = requests.collect();
        let (server, clients) = (bench.server.cpu()?, bench.swarm.cpu()?);
        let (rate, bytes) = tell_all(&mut bench.swarm, &mut bench.load, &host, requests)?;
        let server = bench.server.cpu()?.zip(server);
        let clients = bench.swarm.cpu()? - clients;
        let body = "x".repeat(bytes);
        let one = request("POST", "/tell/all", &floor.address, "", Some(&body));
        let cpu = floor.cpu()?;
        let requests = vec![one; TELLS];
        let (lowest, _) = tell_all(&mut there, &mut bench.load, &floor.address, requests)?;
        let cpu = Cpu {
            server: server.map(|(now, then)| real(now - then) / messages),
            floor: Some(real(floor.cpu()? - cpu) / messages),
            clients: Some(real(clients) / messages),
        };
        let name = format!("{TELLS} tells to all, {AT_ONCE} under way");
        let what = What::higher("sustained", name, "messages/s").over("epoll");
        bench.book.add(what, rate, Some(lowest), cpu);
    }
    Ok(())
}

/// Messages that came in a second, and the bytes of the last one.
fn tell_all(
    swarm: &mut Swarm,
    load: &mut Load,
    address: &str,
    requests: Vec<String>,
) -> Outcome<(f64, usize)> {
    let expected = swarm.connections() * requests.len();
    swarm.expect_texts_each(requests.len())?;
    let done = load.run(&Calls {
        address: address.to_owned(),
        connections: AT_ONCE,
        requests,
        seconds: None,
        keep: false,
    })?;
    let heard = swarm.heard()?;
    let last = heard.times.iter().copied().max().unwrap_or(done.ended);
    Ok((
        of_length(expected) / (real(last - done.began) / 1e9),
        heard.bytes,
    ))
}
