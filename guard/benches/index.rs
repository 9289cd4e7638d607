//! What an entry of the revocation index takes, and how long a change of it: `cargo bench -p sessionwire-guard --bench
//! index`. It may not know what entries mean.
//!
//! The bytes that are allocated for each of so many, and the most on the way there: a table that is nearly full
//! takes half as much an entry as one that has just grown.
#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a benchmark tells what it measured, by the system's clock"
)]

use std::time::{Duration, Instant};

use peak_alloc::PeakAlloc;
use sessionwire_guard::{Change, Note, Reason, RevocationIndex, Seq, SessionId};

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// Numbers of entries.
const SIZES: [u64; 4] = [1_000, 10_000, 100_000, 1_000_000];
/// Looks on the way to each.
const LOOKS: u64 = 100;

fn main() {
    for entries in SIZES {
        let (bytes, most) = bytes_of_one(entries);
        println!(
            "an entry of {entries:<9}{bytes:>8.1} B{most:>8.1} B at most on the way from half of them"
        );
    }
    for entries in SIZES {
        let (mean, slowest) = applied(entries);
        println!("a change, of {entries:<9}{mean:>8.0?}{slowest:>10.0?} the slowest");
    }
}

/// Bytes of an entry of so many, and the most from half as many on.
fn bytes_of_one(entries: u64) -> (f64, f64) {
    let before = ALLOCATOR.current_usage();
    let mut index = RevocationIndex::default();
    let mut most: f64 = 0.0;
    for seq in 1..=entries {
        index.take(note(seq));
        if seq >= entries / 2 && seq.is_multiple_of(entries / LOOKS) {
            most = most.max(each(before, seq));
        }
    }
    (each(before, entries), most)
}

/// What was allocated since, for each of so many.
#[expect(clippy::cast_precision_loss, reason = "a mean is a float")]
fn each(before: usize, entries: u64) -> f64 {
    (ALLOCATOR.current_usage() - before) as f64 / entries as f64
}

/// How long a change takes on the way to so many entries: as long as an index grows nobody can ask it.
fn applied(entries: u64) -> (Duration, Duration) {
    let mut index = RevocationIndex::default();
    let (mut all, mut slowest) = (Duration::ZERO, Duration::ZERO);
    for seq in 1..=entries {
        let Note {
            seq,
            change,
            keep_until,
        } = note(seq);
        let began = Instant::now();
        index.apply(seq, [change], keep_until);
        let took = began.elapsed();
        all += took;
        slowest = slowest.max(took);
    }
    let count = u32::try_from(entries).unwrap_or(u32::MAX);
    (all / count, slowest)
}

/// The end of somebody's session at this position.
fn note(seq: u64) -> Note {
    Note {
        seq: Seq(seq),
        keep_until: i64::MAX,
        change: Change::SessionEnded {
            session_id: SessionId(uuid::Uuid::from_u128(u128::from(seq) << 64)),
            reason: Reason::SignedOut,
        },
    }
}
