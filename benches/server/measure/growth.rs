//! What becomes of a server as its tables grow: a million users in one group, and then ten million events besides,
//! written straight into its file; each beside the same server with the few people that it began with.

use std::time::Duration;

use serde_json::json;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _};

use super::{Bench, opening};
use crate::clients::Swarm;
use crate::clock;
use crate::failure::{During as _, Outcome, unexpected};
use crate::figures::{Times, real};
use crate::http::{bearer, request};
use crate::load::Calls;
use crate::people::{Maker, Person, session_of};
use crate::report::{Better, Cpu, What};

const CONNECTED: usize = 1000;
const USERS: u32 = 1_000_000;
const EVENTS: u32 = 10_000_000;

/// What happened so far was a day earlier.
const AGE: &str = "UPDATE events SET at = at - 86400000";

/// What was seen, in the order of `NAMES`.
type Seen = [f64; 8];

const NAMES: [(&str, &str, Better); 8] = [
    ("until ready", "ms", Better::Lower),
    ("memory", "MB", Better::Lower),
    ("sign-ins by a back end, 16 at once", "/s", Better::Higher),
    ("checks, 16 at once", "/s", Better::Higher),
    ("checks, p99", "µs", Better::Lower),
    ("the group's rights change: answered", "ms", Better::Lower),
    (
        "the group's rights change: first of 1,000 hears",
        "ms",
        Better::Lower,
    ),
    (
        "the group's rights change: last of 1,000 hears",
        "ms",
        Better::Lower,
    ),
];

pub(super) fn run(bench: &mut Bench) -> Outcome<()> {
    let has_file = bench
        .recipe
        .as_ref()
        .is_some_and(|it| it.database.is_none());
    if !has_file || bench.people.len() < CONNECTED {
        if bench.options.only.is_empty() {
            return Ok(());
        }
        return Err(unexpected(
            "growth takes a server with a file of its own, and a thousand people",
        ));
    }
    let few = seen_in_all_runs(bench)?;
    grow(bench, &users(USERS))?;
    write_down(bench, "1,000,000 users", &few)?;
    grow(bench, &events(EVENTS))?;
    write_down(bench, "and 10,000,000 events", &few)
}

/// Runs these statements on the server's file, while nobody else has it open.
fn grow(bench: &mut Bench, statements: &[String]) -> Outcome<()> {
    bench.stop()?;
    let began = clock::now();
    let file = bench.recipe()?.folder.join("sessionwire.db");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let written: Outcome<()> = runtime.during("starting a runtime")?.block_on(async {
        let mut database = SqliteConnectOptions::new()
            .filename(&file)
            .busy_timeout(Duration::from_mins(1))
            .connect()
            .await?;
        for statement in statements {
            sqlx::raw_sql(AssertSqlSafe(statement.as_str()))
                .execute(&mut database)
                .await?;
        }
        Ok(database.close().await?)
    });
    written?;
    eprint!(" (rows: {:.0} s)", clock::seconds_since(began));
    Ok(())
}

/// Users with ids in the order of time, as the server makes them, all in the group that is there. What happened so far
/// was yesterday: a start reads the events of the last hour or two, and these are about the others.
fn users(count: u32) -> [String; 3] {
    let numbers = format!(
        "WITH RECURSIVE n(x) AS (VALUES(1) UNION ALL SELECT x + 1 FROM n WHERE x < {count})"
    );
    let id = "unhex(printf('0190%08x70008000%012x', x, x))";
    [
        format!(
            "{numbers} INSERT INTO users (id, username, display_name, external_id, status, password_hash, created_at) \
             SELECT {id}, 'grown-' || x, 'grown-' || x, NULL, 'active', NULL, 1700000000000 + x FROM n"
        ),
        format!(
            "{numbers} INSERT INTO memberships (user_id, group_id) \
             SELECT {id}, (SELECT id FROM groups WHERE name = 'everybody') FROM n"
        ),
        AGE.to_owned(),
    ]
}

/// Events of yesterday after those that are there, each as the last that began a session.
fn events(count: u32) -> [String; 3] {
    [
        AGE.to_owned(),
        format!(
            "WITH RECURSIVE n(x) AS (VALUES(1) UNION ALL SELECT x + 1 FROM n WHERE x < {count}), \
             one AS (SELECT * FROM events WHERE kind = 'session.started' ORDER BY seq DESC LIMIT 1), \
             head AS (SELECT seq, (SELECT max(at) FROM events) AS at FROM log_head) \
             INSERT INTO events (seq, kind, at, actor_type, actor_id, user_id, initiating_entity, request_id, address, body) \
             SELECT head.seq + x, kind, head.at, actor_type, actor_id, \
             unhex(printf('0190%08x70008000%012x', 1 + x % {USERS}, 1 + x % {USERS})), \
             initiating_entity, request_id, address, body FROM n, one, head"
        ),
        "UPDATE log_head SET seq = (SELECT max(seq) FROM events)".to_owned(),
    ]
}

fn write_down(bench: &mut Bench, size: &str, few: &[Seen]) -> Outcome<()> {
    let many = seen_in_all_runs(bench)?;
    for (many, few) in many.iter().zip(few) {
        for (place, (name, unit, better)) in NAMES.into_iter().enumerate() {
            let what = What {
                better,
                ..What::lower("growth", format!("{size}: {name}"), unit)
            };
            let what = what.over("before");
            let floor = Some(few[place]);
            bench.book.add(what, many[place], floor, Cpu::default());
        }
    }
    Ok(())
}

fn seen_in_all_runs(bench: &mut Bench) -> Outcome<Vec<Seen>> {
    (0..bench.options.runs).map(|_| seen(bench)).collect()
}

fn seen(bench: &mut Bench) -> Outcome<Seen> {
    bench.start_anew()?;
    let ready = bench.server.ready_ms;
    let memory = bench.server.pss()?.map_or(f64::NAN, |it| real(it) / 1e6);
    let host = bench.server.address.clone();
    let key = bearer(&bench.key);
    let users: Vec<_> = bench.people[..CONNECTED]
        .iter()
        .map(|it| it.user.clone())
        .collect();
    // A change of their rights ends what earlier tokens are good for.
    let people = Maker {
        address: &bench.server.address,
        key: &bench.key,
        load: &mut bench.load,
    }
    .sign_in(&users)?;
    let verify = people
        .iter()
        .map(|it| request("GET", "/v1/verify", &host, &bearer(&it.token), None));
    let calls = |requests: Vec<String>, seconds| Calls {
        address: host.clone(),
        connections: 16,
        requests,
        seconds,
        keep: false,
    };
    let seconds = bench.options.seconds;
    let checks = calls(verify.collect(), Some(seconds));
    // Of devices that nobody is connected with.
    let sign_in = people.iter().rev().map(|it| {
        let (path, mut body) = session_of(&it.user);
        body["device"]["id"] = json!(uuid::Uuid::from_u128(1));
        request("POST", &path, &host, &key, Some(&body.to_string()))
    });
    let sign_ins = calls(sign_in.collect(), None);
    let sign_ins = bench.load.run(&sign_ins)?;
    let checks = bench.load.run(&checks)?;
    let (answered, first, last) = change_of_rights(bench, &people)?;
    Ok([
        ready,
        memory,
        sign_ins.rate(),
        checks.rate(),
        checks.p99_us,
        answered,
        first,
        last,
    ])
}

/// Milliseconds from the call until it is answered, and until the first and the last client hear it.
fn change_of_rights(bench: &mut Bench, people: &[Person]) -> Outcome<(f64, f64, f64)> {
    let mut client = bench.client();
    let path = format!("/v1/groups/{}", bench.group);
    let mut change = |permissions: &[&str]| {
        let body = json!({ "permissions": permissions });
        client.call("PATCH", &path, Some(&body))
    };
    change(&["reports:read"])?;
    let mut swarm = Swarm::start(1)?;
    // Tokens of before are out of date by now: they are told so as they come in, which is none of this.
    let tokens = people.iter().map(|it| it.token.clone());
    swarm.open(&opening(&bench.server.address, tokens.collect(), true))?;
    std::thread::sleep(Duration::from_secs(1));
    swarm.expect_texts_each(1)?;
    let call = change(&["reports:read", "reports:write"])?;
    let times = Times::since(&swarm.heard()?.times, call.sent);
    change(&["reports:read"])?;
    let answered = real(call.answered - call.sent) / 1e6;
    Ok((answered, times.millis(0), times.millis(1000)))
}
