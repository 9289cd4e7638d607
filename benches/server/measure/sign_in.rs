//! Sessions begin and go on: by a back end, by a refresh token, by a password. Each costs a commit at least, and a
//! password a hash, which is measured beside it with the server's own parameters.

use argon2::{Algorithm, Argon2, Params, Version};
use serde_json::json;

use super::Bench;
use crate::clock;
use crate::failure::{Outcome, unexpected};
use crate::figures::{of_length, real};
use crate::floors::commit;
use crate::http::{bearer, request};
use crate::load::{Calls, Done};
use crate::people::{person, session_of};
use crate::report::{Cpu, What};

const CONNECTIONS: usize = 16;
/// Calls of a run.
pub(super) const CALLS: usize = 1000;
/// Calls of a run that hash a password.
const HASHED: usize = 100;
const PASSWORD: &str = "correct horse battery staple";
/// The server's defaults: KiB, passes, lanes, and how many hashes at once.
const ARGON2: (u32, u32, u32) = (19_456, 2, 1);
const AT_ONCE: usize = 2;

/// What was called, and what it cost.
pub(super) struct Called {
    done: Done,
    cpu: Cpu,
}

pub(super) fn by_back_end(bench: &mut Bench) -> Outcome<()> {
    for _ in 0..bench.options.runs {
        let count = CALLS.min(bench.people.len());
        let key = bearer(&bench.key);
        let users: Vec<String> = last(bench, count).map(|it| it.user.clone()).collect();
        let requests = users.iter().map(|user| {
            let (path, body) = session_of(user);
            let body = body.to_string();
            request("POST", &path, &bench.server.address, &key, Some(&body))
        });
        let called = call(bench, requests.collect())?;
        renew(bench, &users, &called.done)?;
        write_down(bench, "sign-in", "by a back end", &called)?;
    }
    Ok(())
}

pub(super) fn refresh(bench: &mut Bench) -> Outcome<()> {
    for _ in 0..bench.options.runs {
        let count = CALLS.min(bench.people.len());
        let users: Vec<String> = last(bench, count).map(|it| it.user.clone()).collect();
        let requests = last(bench, count).map(|it| {
            let body = json!({ "refresh_token": it.refresh }).to_string();
            let host = &bench.server.address;
            request("POST", "/v1/token/refresh", host, "", Some(&body))
        });
        let called = call(bench, requests.collect())?;
        renew(bench, &users, &called.done)?;
        write_down(bench, "refresh", "by its token", &called)?;
    }
    Ok(())
}

pub(super) fn by_password(bench: &mut Bench) -> Outcome<()> {
    let (host, key) = (bench.server.address.clone(), bearer(&bench.key));
    let began = clock::now();
    let names: Vec<String> = (0..HASHED)
        .map(|it| format!("hashed-{it}-{began}"))
        .collect();
    let made = names.iter().map(|name| {
        let body = json!({ "username": name, "password": PASSWORD }).to_string();
        request("POST", "/v1/users", &host, &key, Some(&body))
    });
    call(bench, made.collect())?;
    for _ in 0..bench.options.runs {
        let host = bench.server.address.clone();
        let requests = names.iter().enumerate().map(|(number, name)| {
            let id = uuid::Uuid::from_u128(u128::try_from(number).unwrap_or_default() + 1);
            let device = json!({ "id": id, "name": "phone", "platform": "ios" });
            let body = json!({ "username": name, "password": PASSWORD, "device": device });
            request("POST", "/v1/sign-in", &host, "", Some(&body.to_string()))
        });
        let called = call(bench, requests.collect())?;
        let (one, rate) = hashes()?;
        let what = What::higher("sign-in-password", "16 at once", "/s").over("argon2");
        bench
            .book
            .add(what, called.done.rate(), Some(rate), called.cpu);
        let over = (rate / called.done.rate() - 1.0) * 100.0;
        let what = What::lower("sign-in-password", "on top of the hash", "%");
        bench.book.plain(what, over);
        let what = What::lower("sign-in-password", "floor: one hash", "ms");
        bench.book.plain(what, one);
    }
    Ok(())
}

/// Milliseconds of a hash by itself, and how many a second as many at once give as the server computes.
fn hashes() -> Outcome<(f64, f64)> {
    let (memory, passes, lanes) = ARGON2;
    let params = Params::new(memory, passes, lanes, None);
    let params = params.map_err(|error| unexpected(error.to_string()))?;
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let hash = |count: usize| {
        let argon2 = argon2.clone();
        std::thread::spawn(move || {
            let mut out = [0; 32];
            let all = 0..count;
            all.into_iter().all(|_| {
                argon2
                    .hash_password_into(PASSWORD.as_bytes(), &[7; 16], &mut out)
                    .is_ok()
            })
        })
    };
    let time = |threads: usize, count: usize| {
        let began = clock::now();
        let all: Vec<_> = (0..threads).map(|_| hash(count)).collect();
        let fine = all.into_iter().all(|it| it.join().unwrap_or(false));
        let seconds = clock::seconds_since(began);
        if fine {
            Ok(seconds)
        } else {
            Err(unexpected("a hash failed"))
        }
    };
    let one = time(1, HASHED / 4)? / of_length(HASHED / 4);
    let rate = of_length(HASHED / AT_ONCE * AT_ONCE) / time(AT_ONCE, HASHED / AT_ONCE)?;
    Ok((one * 1e3, rate))
}

/// The last of the people: those whom others need least.
fn last(bench: &Bench, count: usize) -> impl Iterator<Item = &crate::people::Person> {
    bench.people[bench.people.len() - count..].iter()
}

/// Their tokens are these from now on.
fn renew(bench: &mut Bench, users: &[String], done: &Done) -> Outcome<()> {
    let from = bench.people.len() - users.len();
    for (place, (user, answer)) in users.iter().zip(&done.bodies).enumerate() {
        bench.people[from + place] = person(user, answer)?;
    }
    Ok(())
}

/// Makes these calls of the server, and keeps what it answers.
pub(super) fn call(bench: &mut Bench, requests: Vec<String>) -> Outcome<Called> {
    let (server, clients) = (bench.server.cpu()?, bench.load.cpu()?);
    let done = bench.load.run(&Calls {
        address: bench.server.address.clone(),
        connections: CONNECTIONS,
        requests,
        seconds: None,
        keep: true,
    })?;
    let each = |now: u64, then: u64| real(now - then) / of_length(done.answers);
    let cpu = Cpu {
        server: bench
            .server
            .cpu()?
            .zip(server)
            .map(|(now, then)| each(now, then)),
        floor: None,
        clients: Some(each(bench.load.cpu()?, clients)),
    };
    Ok(Called { done, cpu })
}

/// One run of calls, beside commits.
pub(super) fn write_down(
    bench: &mut Bench,
    measure: &'static str,
    name: &str,
    called: &Called,
) -> Outcome<()> {
    let commits = commit::commits(bench.folder(), 500)?;
    let floor = 1e6 / commits.mean_micros();
    let what = What::higher(measure, format!("{name}, 16 at once"), "/s").over("commits");
    bench
        .book
        .add(what, called.done.rate(), Some(floor), called.cpu);
    for (part, value) in [("p50", called.done.p50_us), ("p99", called.done.p99_us)] {
        let what = What::lower(measure, format!("{name}, 16 at once, {part}"), "µs");
        bench.book.plain(what, value);
    }
    Ok(())
}
