//! What a guard counts, in Prometheus' text format. It may not know who reads it.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{Refusal, Shared};
use crate::feed::FeedFault;
use crate::id::Seq;

/// The counters.
#[derive(Default)]
pub(super) struct Counts {
    good: AtomicU64,
    missing: AtomicU64,
    invalid: AtomicU64,
    expired: AtomicU64,
    ended: AtomicU64,
    stale: AtomicU64,
    forbidden: AtomicU64,
    undecided: AtomicU64,
    cache_hits: AtomicU64,
    cache_misses: AtomicU64,
    messages: AtomicU64,
    reconnects: AtomicU64,
    resets: AtomicU64,
    gaps: AtomicU64,
    unreadable: AtomicU64,
    too_large: AtomicU64,
    late_found: AtomicU64,
    late_reported: AtomicU64,
    late_lost: AtomicU64,
    uses_unremembered: AtomicU64,
    active: AtomicU64,
    inactive: AtomicU64,
    unanswered: AtomicU64,
    keys_fetched: AtomicU64,
    keys_failed: AtomicU64,
}

fn more(counter: &AtomicU64, by: u64) {
    counter.fetch_add(by, Ordering::Relaxed);
}

impl Counts {
    pub(super) fn checked(&self, refusal: Option<Refusal>) {
        let counter = match refusal {
            None => &self.good,
            Some(Refusal::Missing) => &self.missing,
            Some(Refusal::Invalid) => &self.invalid,
            Some(Refusal::Expired) => &self.expired,
            Some(Refusal::Ended(_)) => &self.ended,
            Some(Refusal::Stale) => &self.stale,
            Some(Refusal::Forbidden) => &self.forbidden,
            Some(Refusal::CannotDecide) => &self.undecided,
        };
        more(counter, 1);
    }

    pub(super) fn cache_hit(&self) {
        more(&self.cache_hits, 1);
    }

    pub(super) fn cache_miss(&self) {
        more(&self.cache_misses, 1);
    }

    pub(super) fn message(&self) {
        more(&self.messages, 1);
    }

    pub(super) fn reconnect(&self) {
        more(&self.reconnects, 1);
    }

    pub(super) fn reset(&self) {
        more(&self.resets, 1);
    }

    pub(super) fn fault(&self, fault: FeedFault) {
        let counter = match fault {
            FeedFault::Gap => &self.gaps,
            FeedFault::Unreadable => &self.unreadable,
            FeedFault::TooLarge => &self.too_large,
        };
        more(counter, 1);
    }

    /// A late use was found, and could be handed on or not.
    pub(super) fn late_use(&self, handed_on: bool) {
        more(&self.late_found, 1);
        more(&self.late_lost, u64::from(!handed_on));
    }

    pub(super) fn reported(&self, count: usize, told: bool) {
        let counter = if told {
            &self.late_reported
        } else {
            &self.late_lost
        };
        more(counter, u64::try_from(count).unwrap_or_default());
    }

    pub(super) fn remembered(&self, room: bool) {
        if !room {
            more(&self.uses_unremembered, 1);
        }
    }

    pub(super) fn introspected(&self, answer: Option<bool>) {
        let counter = match answer {
            Some(true) => &self.active,
            Some(false) => &self.inactive,
            None => &self.unanswered,
        };
        more(counter, 1);
    }

    pub(super) fn fetched_keys(&self, done: bool) {
        let counter = if done {
            &self.keys_fetched
        } else {
            &self.keys_failed
        };
        more(counter, 1);
    }

    /// Each counter: its family, its label where it has one, its value.
    fn all(&self) -> [(&'static str, &'static str, &AtomicU64); 25] {
        [
            ("checks", "verdict=\"good\"", &self.good),
            ("checks", "verdict=\"token_missing\"", &self.missing),
            ("checks", "verdict=\"token_invalid\"", &self.invalid),
            ("checks", "verdict=\"token_expired\"", &self.expired),
            ("checks", "verdict=\"session_ended\"", &self.ended),
            ("checks", "verdict=\"token_stale\"", &self.stale),
            ("checks", "verdict=\"forbidden\"", &self.forbidden),
            ("checks", "verdict=\"cannot_decide\"", &self.undecided),
            ("cache", "outcome=\"hit\"", &self.cache_hits),
            ("cache", "outcome=\"miss\"", &self.cache_misses),
            ("feed_messages", "", &self.messages),
            ("feed_reconnects", "", &self.reconnects),
            ("feed_resets", "", &self.resets),
            ("feed_faults", "fault=\"gap\"", &self.gaps),
            ("feed_faults", "fault=\"unreadable\"", &self.unreadable),
            ("feed_faults", "fault=\"too_large\"", &self.too_large),
            ("late_uses", "state=\"found\"", &self.late_found),
            ("late_uses", "state=\"reported\"", &self.late_reported),
            ("late_uses", "state=\"lost\"", &self.late_lost),
            ("uses_unremembered", "", &self.uses_unremembered),
            ("introspections", "outcome=\"active\"", &self.active),
            ("introspections", "outcome=\"inactive\"", &self.inactive),
            ("introspections", "outcome=\"unanswered\"", &self.unanswered),
            ("key_fetches", "outcome=\"done\"", &self.keys_fetched),
            ("key_fetches", "outcome=\"failed\"", &self.keys_failed),
        ]
    }
}

/// Everything, as text.
pub(super) fn text(shared: &Shared) -> String {
    let mut text = String::new();
    let mut family = "";
    for (name, label, counter) in shared.counts.all() {
        if name != family {
            family = name;
            line(
                &mut text,
                format_args!("# TYPE sessionwire_guard_{name}_total counter"),
            );
        }
        let value = counter.load(Ordering::Relaxed);
        let labels = if label.is_empty() {
            String::new()
        } else {
            format!("{{{label}}}")
        };
        line(
            &mut text,
            format_args!("sessionwire_guard_{name}_total{labels} {value}"),
        );
    }
    let known = shared.following.read();
    let uptime = shared.clock.uptime();
    let position = known.position().unwrap_or(Seq(0));
    let entries = known
        .index()
        .map_or(0, crate::revocation::RevocationIndex::len);
    // A guard that never heard anything has been behind since it began.
    let lag = known.lag(uptime).unwrap_or(uptime).as_secs_f64();
    let fresh = u8::from(known.index().is_some() && shared.following.is_fresh(&known, uptime));
    drop(known);
    gauge(&mut text, "position", format_args!("{position}"));
    gauge(&mut text, "feed_lag_seconds", format_args!("{lag:.3}"));
    gauge(&mut text, "index_entries", format_args!("{entries}"));
    gauge(&mut text, "fresh", format_args!("{fresh}"));
    text
}

fn gauge(text: &mut String, name: &str, value: std::fmt::Arguments<'_>) {
    line(text, format_args!("# TYPE sessionwire_guard_{name} gauge"));
    line(text, format_args!("sessionwire_guard_{name} {value}"));
}

fn line(text: &mut String, what: std::fmt::Arguments<'_>) {
    // Writing to a string does not fail.
    let _ = writeln!(text, "{what}");
}
