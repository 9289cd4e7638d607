//! The last changes of the revocation index, so that a thousand services that follow the feed ask the
//! database nothing. It may not know who follows.

use std::collections::VecDeque;

use sessionwire_guard::Note;

use super::gate::keep_until;
use crate::domain::clock::Timestamp;
use crate::domain::event::LogEntry;
use crate::domain::id::Seq;

/// Changes that are kept. Who is further behind reads the log.
const KEPT_MAX: usize = 10_000;
/// Changes of one piece.
const PIECE: usize = 1000;

/// A piece of the feed: every change of the index after one position, up to another.
#[derive(Clone, Debug)]
pub struct Covered {
    /// After this position.
    pub after: Seq,
    /// Up to this one.
    pub upto: Seq,
    /// What changed; most events change nothing for tokens.
    pub changes: Vec<Happened>,
}

/// A change of the index, and when it happened.
#[derive(Clone, Debug)]
pub struct Happened {
    /// The change.
    pub note: Note,
    /// When; for finding out what was done after it.
    pub at: Timestamp,
}

impl Happened {
    /// What an event changes, if anything.
    pub(super) fn of(entry: &LogEntry, now: Timestamp) -> Option<Self> {
        let change = entry.event.changes()?;
        Some(Self {
            note: Note {
                seq: entry.seq,
                keep_until: keep_until(entry, now),
                change,
            },
            at: entry.at,
        })
    }
}

/// Every change after `from`, up to `upto`.
#[derive(Debug, Default)]
pub(super) struct Recent {
    from: Seq,
    upto: Seq,
    changes: VecDeque<Happened>,
}

impl Recent {
    /// Nothing after this position yet.
    pub(super) fn at(position: Seq) -> Self {
        Self {
            from: position,
            upto: position,
            changes: VecDeque::new(),
        }
    }

    /// Takes in entries that come next.
    pub(super) fn extend(&mut self, entries: &[LogEntry], now: Timestamp) {
        for entry in entries {
            self.upto = self.upto.max(entry.seq);
            self.changes.extend(Happened::of(entry, now));
        }
        while self.changes.len() > KEPT_MAX {
            if let Some(oldest) = self.changes.pop_front() {
                self.from = oldest.note.seq;
            }
        }
    }

    /// What changed after a position; `None` where that is no longer kept.
    pub(super) fn after(&self, after: Seq) -> Option<Covered> {
        if after < self.from {
            return None;
        }
        let first = self.changes.partition_point(|it| it.note.seq <= after);
        let changes: Vec<Happened> = self.changes.range(first..).take(PIECE).cloned().collect();
        let is_all = first + changes.len() == self.changes.len();
        let last = changes.last().map(|it| it.note.seq);
        let upto = last.filter(|_| !is_all).unwrap_or(self.upto);
        Some(Covered {
            after,
            upto: upto.max(after),
            changes,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::access::InitiatingEntity;
    use crate::domain::event::Event;
    use crate::domain::id::UserId;

    fn entry(seq: u64, changes_something: bool) -> LogEntry {
        let user_id = UserId(uuid::Uuid::from_u128(u128::from(seq)));
        LogEntry {
            seq: Seq(seq),
            at: Timestamp::from_millis(0),
            initiating_entity: InitiatingEntity::System,
            event: if changes_something {
                Event::UserSuspended { user_id }
            } else {
                Event::UserResumed { user_id }
            },
        }
    }

    proptest! {
        #[test]
        fn piece_after_piece_gives_every_change_once(
            events in proptest::collection::vec(any::<bool>(), 0..3000),
            start in 0_u64..3000,
        ) {
            let entries: Vec<_> = (1..).zip(&events).map(|(seq, it)| entry(seq, *it)).collect();
            let mut recent = Recent::at(Seq(0));
            for batch in entries.chunks(7) {
                recent.extend(batch, Timestamp::from_millis(0));
            }
            let head = Seq(entries.len() as u64);
            let start = Seq(start).min(head);
            let mut position = start;
            let mut seen = Vec::new();
            while position < head {
                let piece = recent.after(position).unwrap();
                prop_assert_eq!(piece.after, position);
                prop_assert!(piece.upto > position);
                prop_assert!(piece.changes.len() <= PIECE);
                seen.extend(piece.changes.iter().map(|it| it.note.seq));
                position = piece.upto;
            }
            let expected: Vec<_> = entries
                .iter()
                .filter(|entry| entry.seq > start && entry.event.changes().is_some())
                .map(|entry| entry.seq)
                .collect();
            prop_assert_eq!(seen, expected);
        }
    }

    #[test]
    fn what_is_no_longer_kept_is_not_guessed() {
        let mut recent = Recent::at(Seq(4));
        assert!(recent.after(Seq(3)).is_none());
        let kept = KEPT_MAX as u64;
        let entries: Vec<_> = (5..5 + kept + 2).map(|seq| entry(seq, true)).collect();
        recent.extend(&entries, Timestamp::from_millis(0));
        assert!(recent.after(Seq(5)).is_none());
        let rest = recent.after(Seq(6)).unwrap();
        assert_eq!(rest.changes.first().map(|it| it.note.seq), Some(Seq(7)));
        let ahead = recent.after(Seq(1_000_000)).unwrap();
        assert_eq!((ahead.upto, ahead.changes.len()), (Seq(1_000_000), 0));
    }
}
