//! The entries of the revocation index: small, found by one look, and never moved all at once. It may not know
//! what an entry means.
//!
//! A hash table doubles when it is full: between 44 and 87 percent of it are in use, and to grow it moves all that it
//! has. So there are several tables here, whose shares of all entries differ by up to a factor of two. At any
//! number of entries some are nearly full while others have just grown: together they take the same room an entry, and
//! what an entry has to wait for is the growth of one of them.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;

use uuid::Uuid;

use crate::id::Seq;

/// As `keep_until`: no time bounds what somebody signs who has the key. Midnight after the last day of the
/// year 9999.
pub const FOR_EVER: i64 = 253_402_300_800_000;

/// The tables, as a power of two.
const TABLES_LOG2: u32 = 6;
const TABLES: usize = 1 << TABLES_LOG2;
/// A table that uses less than such a share of its room gives some back.
const SPARSE: usize = 4;

/// A position, what happened there, and for how long it matters.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry<T> {
    pub(crate) seq: Seq,
    pub(crate) what: T,
    keep_until: Seconds,
}

impl<T> Entry<T> {
    /// `keep_until`: milliseconds since the Unix epoch; after it no token that the entry concerns can live.
    pub(crate) fn new(seq: Seq, what: T, keep_until: i64) -> Self {
        let keep_until = Seconds::not_before(keep_until);
        Self {
            seq,
            what,
            keep_until,
        }
    }

    /// In milliseconds since the Unix epoch.
    pub(crate) fn keep_until(&self) -> i64 {
        self.keep_until.as_millis()
    }

    /// Whether it may still matter. `now`: milliseconds since the Unix epoch.
    pub(crate) fn matters_at(&self, now: i64) -> bool {
        self.keep_until() > now
    }
}

/// Whole seconds since the Unix epoch, up to the year 2106; the last of them stands for everything after it.
#[derive(Clone, Copy, Debug)]
struct Seconds(u32);

impl Seconds {
    fn not_before(millis: i64) -> Self {
        let seconds = millis.saturating_add(999).div_euclid(1000).max(0);
        Self(u32::try_from(seconds).unwrap_or(u32::MAX))
    }

    fn as_millis(self) -> i64 {
        match self.0 {
            u32::MAX => FOR_EVER,
            seconds => i64::from(seconds) * 1000,
        }
    }
}

/// Entries by id.
#[derive(Debug)]
pub(crate) struct Entries<T> {
    tables: [HashMap<Uuid, Entry<T>>; TABLES],
    count: usize,
}

impl<T> Default for Entries<T> {
    fn default() -> Self {
        Self {
            tables: std::array::from_fn(|_| HashMap::new()),
            count: 0,
        }
    }
}

impl<T> Entries<T> {
    pub(crate) fn len(&self) -> usize {
        self.count
    }

    pub(crate) fn get(&self, id: Uuid) -> Option<&Entry<T>> {
        if self.count == 0 {
            return None;
        }
        self.tables[table_of(id)].get(&id)
    }

    /// The latest of an id stands.
    pub(crate) fn put(&mut self, id: Uuid, entry: Entry<T>) {
        let before = self.tables[table_of(id)].insert(id, entry);
        self.count += usize::from(before.is_none());
    }

    /// The first of an id stands.
    pub(crate) fn put_first(&mut self, id: Uuid, entry: Entry<T>) {
        if let Slot::Vacant(slot) = self.tables[table_of(id)].entry(id) {
            slot.insert(entry);
            self.count += 1;
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Uuid, &Entry<T>)> {
        let all = self.tables.iter().flatten();
        all.map(|(id, entry)| (*id, entry))
    }

    /// Forgets what matters no more. `now`: milliseconds since the Unix epoch.
    pub(crate) fn sweep(&mut self, now: i64) {
        for table in &mut self.tables {
            table.retain(|_, entry| entry.matters_at(now));
            if table.len() < table.capacity() / SPARSE {
                table.shrink_to(table.len() * 2);
            }
        }
        self.count = self.tables.iter().map(HashMap::len).sum();
    }
}

/// The table of an id. The shares grow from each to the next by the same factor, up to two: the number of a table is
/// the first bits of a binary logarithm.
fn table_of(id: Uuid) -> usize {
    let (high, low) = id.as_u64_pair();
    let mixed = (high ^ low.rotate_left(32)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    // A number from 1 to below 2, in units of 2^-31. Squaring it doubles the logarithm, whose next bit is then in front.
    let mut number = (1 << 31) | (mixed >> 33);
    let mut table = 0;
    for _ in 0..TABLES_LOG2 {
        number = (number * number) >> 31;
        let bit = number >> 32;
        number >>= bit;
        table = (table << 1) | bit;
    }
    usize::try_from(table).unwrap_or_default() % TABLES
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u64) -> Uuid {
        Uuid::from_u64_pair(number.wrapping_mul(0xD134_2543_DE82_EF95), number)
    }

    #[test]
    fn an_entry_with_its_id_is_small() {
        assert_eq!(size_of::<(Uuid, Entry<crate::reason::Reason>)>(), 32);
        assert_eq!(size_of::<(Uuid, Entry<()>)>(), 32);
    }

    #[test]
    fn nothing_is_forgotten_early() {
        let kept = |millis| Entry::new(Seq(1), (), millis).keep_until();
        for (given, held) in [
            (-5, 0),
            (0, 0),
            (1, 1000),
            (1000, 1000),
            (1_770_000_000_001, 1_770_000_001_000),
            (FOR_EVER, FOR_EVER),
            (i64::MAX, FOR_EVER),
        ] {
            assert_eq!(kept(given), held, "{given}");
        }
        let entry = Entry::new(Seq(1), (), 1500);
        assert!(entry.matters_at(1999) && !entry.matters_at(2000));
    }

    #[test]
    fn the_shares_of_the_tables_grow_up_to_twofold() {
        let mut entries = Entries::default();
        for number in 0..320_000 {
            entries.put(id(number), Entry::new(Seq(number), (), 0));
        }
        let shares = entries.tables.each_ref().map(HashMap::len);
        assert_eq!(shares.iter().sum::<usize>(), entries.len());
        let (first, last) = (shares[0], shares[TABLES - 1]);
        assert!(
            (3_200..3_800).contains(&first) && (6_400..7_500).contains(&last),
            "{shares:?}"
        );
    }

    #[test]
    fn room_is_the_same_at_every_size() {
        let mut entries = Entries::default();
        let mut worst: f64 = 0.0;
        for number in 0..300_000_u32 {
            entries.put(id(number.into()), Entry::new(Seq(0), (), 0));
            let room: usize = entries.tables.iter().map(HashMap::capacity).sum();
            if number >= 10_000 {
                let room = u32::try_from(room).unwrap();
                worst = worst.max(f64::from(room) / f64::from(number + 1));
            }
        }
        assert!(
            worst < 1.6,
            "{worst} places an entry; one table has up to 2"
        );
    }

    #[test]
    fn what_is_swept_gives_its_room_back() {
        let mut entries = Entries::default();
        for number in 0..10_000 {
            let keep_until = if number < 100 { 2000 } else { 1000 };
            entries.put_first(id(number), Entry::new(Seq(number), (), keep_until));
        }
        entries.sweep(1000);
        assert_eq!(entries.len(), 100);
        assert_eq!(entries.get(id(7)).map(|it| it.seq), Some(Seq(7)));
        assert!(entries.get(id(100)).is_none());
        let room: usize = entries.tables.iter().map(HashMap::capacity).sum();
        assert!(room < 1000, "{room}");
    }
}
