//! What an entry of the index takes, by the memory of this process. It may not know what entries mean.

use sessionwire_guard::{Change, Note, Reason, RevocationIndex, Seq, SessionId};

const ENTRIES: u64 = 1_000_000;

/// Bytes of one of a million entries; 0 where the system does not say.
pub(crate) fn bytes_per_entry() -> u64 {
    let before = resident();
    let notes = (1..=ENTRIES).map(|seq| Note {
        seq: Seq(seq),
        keep_until: i64::MAX,
        change: Change::SessionEnded {
            session_id: SessionId(uuid::Uuid::from_u128(u128::from(seq) << 64)),
            reason: Reason::SignedOut,
        },
    });
    let index = RevocationIndex::restored(Seq(ENTRIES), notes);
    let taken = resident().saturating_sub(before);
    drop(index);
    taken / ENTRIES
}

/// Resident bytes of this process.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok());
    kib.unwrap_or_default() * 1024
}
