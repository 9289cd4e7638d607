//! What a guard costs: `cargo bench --bench guard`. Each time is given beside a floor of the same run: the
//! hash that any cache of tokens needs, and the signature check that none can do without. What an entry of the index takes is
//! counted by `guard/benches/index.rs`, since counting would slow everything here.
//!
//! It prints a table and, as its last line, the same as JSON.
#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a benchmark tells what it measured, by the system's clock"
)]

mod applied;
mod issuer;

use std::error::Error;
use std::hint::black_box;
use std::time::Instant;

use aws_lc_rs::digest;
use serde_json::{Value, json};
use sessionwire_guard::{FeedMessage, FeedState, Guard, GuardSettings, KeySet, Route};

use issuer::Issuer;

type Outcome<T> = Result<T, Box<dyn Error>>;

const ENTRIES: [usize; 2] = [1, 100_000];
/// Changes of one stretch, as the server sends them.
const STRETCH: usize = 1000;

fn main() -> Outcome<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let issuer = Issuer::new()?;
    let floors = floors(&issuer)?;
    println!("{:<44}{:>12}", "floor: SHA-256 of the token", ns(floors.0));
    println!("{:<44}{:>12}", "floor: its ES256 signature", ns(floors.1));
    let mut checks = Vec::new();
    for entries in ENTRIES {
        for (cached, cache_size) in [(true, 10_000), (false, 0)] {
            let nanoseconds = runtime.block_on(check(&issuer, entries, cache_size))?;
            let floor = if cached {
                floors.0
            } else {
                floors.0 + floors.1
            };
            let ratio = nanoseconds / floor;
            let how = if cached { "cached" } else { "by its signature" };
            let what = format!("check {how}, {entries} entries");
            println!("{what:<44}{:>12}{ratio:>8.2} x floor", ns(nanoseconds));
            checks.push(
                json!({ "entries": entries, "cached": cached, "ns": nanoseconds, "ratio": ratio }),
            );
        }
    }
    let a_second = feed_a_second()?;
    println!(
        "{:<44}{a_second:>10.0} /s",
        "changes of the feed read and applied"
    );
    let applied = runtime.block_on(applied::commit_to_applied())?;
    for (name, micros) in [("p50", applied.p50), ("p99", applied.p99)] {
        println!(
            "{:<44}{micros:>9} us",
            format!("from commit to applied, {name}")
        );
    }
    let told = json!({
        "floor_sha256_ns": floors.0, "floor_es256_ns": floors.1, "checks": checks,
        "feed_changes_per_second": a_second,
        "commit_to_applied_us": { "p50": applied.p50, "p99": applied.p99, "count": applied.count },
    });
    println!("{told}");
    Ok(())
}

fn ns(value: f64) -> String {
    format!("{value:.0} ns")
}

/// Nanoseconds of one call: the best of several rounds, since whatever disturbs only adds.
fn best_of(calls: u32, mut call: impl FnMut()) -> f64 {
    let mut best = f64::INFINITY;
    for _ in 0..7 {
        let began = Instant::now();
        for _ in 0..calls {
            call();
        }
        best = best.min(began.elapsed().as_secs_f64() * 1e9 / f64::from(calls));
    }
    best
}

fn floors(issuer: &Issuer) -> Outcome<(f64, f64)> {
    let hash = best_of(100_000, || {
        black_box(digest::digest(&digest::SHA256, issuer.token.as_bytes()));
    });
    let keys = KeySet::from_jwks(issuer::NAME, issuer::NAME, &issuer.jwks)?;
    let signature = best_of(2_000, || {
        drop(black_box(keys.verify_signed(&issuer.token)));
    });
    Ok((hash, signature))
}

async fn check(issuer: &Issuer, entries: usize, cache_size: usize) -> Outcome<f64> {
    let url = issuer.serve(entries).await?;
    let mut settings = GuardSettings::new(url, "swk_bench", issuer::NAME, issuer::NAME);
    settings.cache_size = cache_size;
    let guard = Guard::start(settings)?;
    guard.ready().await;
    let route = Route::default();
    guard.check_now(&issuer.token, &route, "GET /")?;
    let calls = if cache_size > 0 { 100_000 } else { 2_000 };
    let measured = tokio::task::spawn_blocking({
        let token = issuer.token.clone();
        move || {
            best_of(calls, || {
                drop(black_box(guard.check_now(&token, &route, "GET /")));
            })
        }
    });
    Ok(measured.await?)
}

/// How many changes a second a reader takes in: parsed from text and applied.
fn feed_a_second() -> Outcome<f64> {
    const STRETCHES: usize = 200;
    let texts: Vec<String> = (0..STRETCHES).map(stretch).collect();
    let mut state = FeedState::default();
    let whole = json!({ "seq": 0, "changes": [], "more": false });
    state.take(FeedMessage::named("snapshot", whole)?, usize::MAX)?;
    let began = Instant::now();
    for text in &texts {
        state.take(FeedMessage::read(text)?, usize::MAX)?;
    }
    let changes = u32::try_from(STRETCHES * STRETCH)?;
    Ok(f64::from(changes) / began.elapsed().as_secs_f64())
}

fn stretch(number: usize) -> String {
    let (after, seq) = (number * STRETCH, (number + 1) * STRETCH);
    let changes: Vec<Value> = (after + 1..=seq).map(issuer::ended).collect();
    let data = json!({ "after": after, "seq": seq, "head": seq, "changes": changes });
    json!({ "event": "changes", "data": data }).to_string()
}
