//! The same clients at another server: how it and this one compare in connecting people, keeping them and telling them
//! all something. It may know of the other no more than the command line says.

use std::time::Duration;

use super::{AT_ONCE, Bench, notice, opening};
use crate::clients::{Opening, Swarm};
use crate::clock;
use crate::failure::{Outcome, unexpected};
use crate::figures::{Times, of_length, real};
use crate::http::{Client, bearer};
use crate::options::Versus;
use crate::process;
use crate::report::{Better, Cpu, What};

/// Tells of a run.
const TELLS: usize = 5;
const SETTLING: Duration = Duration::from_secs(5);

/// A server with what is done to it.
struct Target {
    opening: Opening,
    pid: Option<u32>,
    /// Where to call so that everybody is told something.
    trigger: Trigger,
}

/// A call.
struct Trigger {
    address: String,
    method: String,
    path: String,
    headers: String,
    body: String,
}

/// What was seen, in the order of `NAMES`.
type Seen = [f64; 8];

/// The place of the memory among them.
const MEMORY: usize = 2;

const NAMES: [(&str, &str, Better); 8] = [
    ("handshakes", "/s", Better::Higher),
    ("processor time of a handshake", "µs", Better::Lower),
    ("memory of a connection", "B", Better::Lower),
    (
        "processor time of a connection at rest, a second",
        "µs",
        Better::Lower,
    ),
    ("call to frame, first", "ms", Better::Lower),
    ("call to frame, p50", "ms", Better::Lower),
    ("call to frame, last", "ms", Better::Lower),
    ("processor time of a message", "µs", Better::Lower),
];

pub(super) fn run(bench: &mut Bench) -> Outcome<()> {
    let versus = bench.options.versus.clone();
    let Some(url) = &versus.vs else {
        return Err(unexpected("there is nothing to compare with: --vs"));
    };
    let other = other(url, &versus, bench.options.connections)?;
    let name = versus.vs_name.as_deref().unwrap_or("the other");
    for run in 0..bench.options.runs {
        bench.start_anew()?;
        let ours = own(bench);
        let ours = seen(bench, &ours)?;
        bench.start_anew()?;
        let mut theirs = seen(bench, &other)?;
        if run > 0 {
            // It was not started anew, and uses the memory of those who went.
            theirs[MEMORY] = f64::NAN;
        }
        for (place, (what, unit, better)) in NAMES.into_iter().enumerate() {
            let what = What {
                better,
                ..What::lower("versus", format!("{name}: {what}"), unit)
            };
            let (theirs, ours) = (theirs[place], Some(ours[place]));
            bench
                .book
                .add(what.over("sessionwire"), theirs, ours, Cpu::default());
        }
    }
    Ok(())
}

fn own(bench: &Bench) -> Target {
    let tokens = bench.people.iter().map(|it| it.token.clone());
    Target {
        opening: opening(&bench.server.address, tokens.collect(), true),
        pid: bench.server.pid(),
        trigger: Trigger {
            address: bench.server.address.clone(),
            method: "POST".to_owned(),
            path: format!("/v1/groups/{}/notices", bench.group),
            headers: bearer(&bench.key),
            body: notice("Maintenance").to_string(),
        },
    }
}

fn other(url: &str, versus: &Versus, count: usize) -> Outcome<Target> {
    let (address, path) = super::split(url)?;
    let mut words = versus
        .vs_trigger
        .as_deref()
        .unwrap_or_default()
        .splitn(3, ' ');
    let (Some(method), Some(url)) = (words.next(), words.next()) else {
        return Err(unexpected("--vs-trigger is to be METHOD URL BODY"));
    };
    let (called, called_path) = super::split(url)?;
    Ok(Target {
        opening: Opening {
            address,
            path,
            headers: lines(&versus.vs_header),
            tokens: (0..count).map(|it| it.to_string()).collect(),
            first_message: versus.vs_first_message.clone(),
            welcome: versus
                .vs_welcome
                .clone()
                .or_else(|| versus.vs_first_message.as_ref().map(|_| String::new())),
            sign_of_life: versus.vs_sign_of_life.clone(),
            at_once: AT_ONCE,
            least_bytes: versus.vs_least_bytes,
        },
        pid: versus.vs_pid,
        trigger: Trigger {
            address: called,
            method: method.to_owned(),
            path: called_path,
            headers: lines(&versus.vs_trigger_header),
            body: words.next().unwrap_or_default().to_owned(),
        },
    })
}

/// Headers as they go over the wire.
fn lines(headers: &[String]) -> String {
    let lines = headers.iter().flat_map(|it| [it.as_str(), "\r\n"]);
    lines.collect()
}

fn seen(bench: &Bench, target: &Target) -> Outcome<Seen> {
    let memory = || {
        target
            .pid
            .map_or(Ok(f64::NAN), |it| process::pss(it).map(real))
    };
    let cpu = || {
        target
            .pid
            .map_or(Ok(f64::NAN), |it| process::cpu(it).map(real))
    };
    let count = of_length(target.opening.tokens.len());
    let mut swarm = Swarm::start(bench.options.crowds)?;
    let (memory_before, cpu_before) = (memory()?, cpu()?);
    let opened = swarm.open(&target.opening)?;
    let handshake = (cpu()? - cpu_before) / count;
    std::thread::sleep(SETTLING);
    let (began, before) = (clock::now(), cpu()?);
    std::thread::sleep(Duration::from_secs_f64(bench.options.quiet));
    let rest = (cpu()? - before) / count / clock::seconds_since(began);
    let bytes = (memory()? - memory_before) / count;
    let trigger = &target.trigger;
    let mut client = Client::new(&trigger.address, "");
    let (mut first, mut middle, mut last) = (Vec::new(), Vec::new(), Vec::new());
    let before = cpu()?;
    for _ in 0..TELLS {
        swarm.expect_texts_each(1)?;
        let (path, headers) = (&trigger.path, &trigger.headers);
        let call = client.send(&trigger.method, path, headers, Some(&trigger.body))?;
        let times = Times::since(&swarm.heard()?.times, call.sent);
        first.push(times.millis(0));
        middle.push(times.millis(500));
        last.push(times.millis(1000));
    }
    let message = (cpu()? - before) / count / of_length(TELLS);
    let median = |values| crate::figures::Spread::of(values).map_or(f64::NAN, |it| it.median);
    Ok([
        count / opened.seconds(),
        handshake,
        bytes,
        rest,
        median(first),
        median(middle),
        median(last),
        message,
    ])
}
