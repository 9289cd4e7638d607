//! What a process takes: its memory and its processor time, as the system counts them.

use crate::failure::{During as _, Outcome, unexpected};

/// The system counts processor time in hundredths of a second on every Linux that there is.
const TICK_MICROS: u64 = 10_000;

/// Bytes of memory that are a process's own, what it shares divided among those that share it.
pub(crate) fn pss(pid: u32) -> Outcome<u64> {
    let path = format!("/proc/{pid}/smaps_rollup");
    let text = std::fs::read_to_string(&path).during(&path)?;
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:"));
    let kilobytes = line.and_then(|it| it.split_whitespace().next()?.parse::<u64>().ok());
    kilobytes
        .map(|it| it * 1024)
        .ok_or_else(|| unexpected(format!("{path} says no Pss")))
}

/// Microseconds of processor time that a process has taken, those of its threads that are gone included.
pub(crate) fn cpu(pid: u32) -> Outcome<u64> {
    let path = format!("/proc/{pid}/stat");
    let text = std::fs::read_to_string(&path).during(&path)?;
    // After the name, which may hold anything: state, then ten numbers, then user and system time.
    let fields = text.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks = fields.split_whitespace().skip(11).take(2);
    let ticks: u64 = ticks.filter_map(|it| it.parse::<u64>().ok()).sum();
    Ok(ticks * TICK_MICROS)
}
