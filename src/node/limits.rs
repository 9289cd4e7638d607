//! How many connections there may be: in all, of an address, and of those that have not said yet who
//! they are. Guards count down when they are dropped, so no path can forget to. It may not know users:
//! their limit is the hub's.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::mailbox::Mailbox;
use crate::domain::close::Close;
use crate::domain::metric;

/// The numbers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Maxima {
    /// In all.
    pub(super) total: usize,
    /// Of one address.
    pub(super) per_address: usize,
    /// That have not said who they are.
    pub(super) unidentified: usize,
}

#[derive(Default)]
struct Counts {
    total: usize,
    addresses: HashMap<IpAddr, usize>,
    unidentified: HashMap<u64, Weak<Mailbox>>,
    next_key: u64,
}

/// Who is in.
pub(super) struct Limits {
    maxima: Maxima,
    counts: Mutex<Counts>,
    draining: AtomicBool,
    left: Notify,
}

impl Limits {
    /// Nobody is in.
    pub(super) fn new(maxima: Maxima) -> Self {
        Self {
            maxima,
            counts: Mutex::default(),
            draining: AtomicBool::new(false),
            left: Notify::new(),
        }
    }

    /// Lets a connection in, as one that has yet to say who it is.
    pub(super) fn admit(
        self: &Arc<Self>,
        address: Option<IpAddr>,
        mailbox: &Arc<Mailbox>,
    ) -> Result<(Pass, Unidentified), Close> {
        let address = address.map(counted_as);
        let mut counts = self.counts.lock();
        if self.is_draining() {
            return Err(Close::DRAINING);
        }
        let of_address = address.and_then(|it| counts.addresses.get(&it)).copied();
        if counts.total >= self.maxima.total
            || of_address.is_some_and(|count| count >= self.maxima.per_address)
            || counts.unidentified.len() >= self.maxima.unidentified
        {
            return Err(Close::CONNECTION_LIMIT);
        }
        counts.total += 1;
        if let Some(address) = address {
            *counts.addresses.entry(address).or_default() += 1;
        }
        let key = counts.next_key;
        counts.next_key += 1;
        counts.unidentified.insert(key, Arc::downgrade(mailbox));
        metrics::gauge!(metric::CONNECTIONS).increment(1.0);
        let limits = Arc::clone(self);
        Ok((
            Pass { limits, address },
            Unidentified {
                limits: Arc::clone(self),
                key,
            },
        ))
    }

    /// From now on nobody is let in. Returns those who have yet to say who they are.
    pub(super) fn begin_drain(&self) -> Vec<Arc<Mailbox>> {
        let counts = self.counts.lock();
        self.draining.store(true, Ordering::Release);
        counts
            .unidentified
            .values()
            .filter_map(Weak::upgrade)
            .collect()
    }

    /// Whether the server is going away.
    pub(super) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }

    /// Returns when nobody is in.
    pub(super) async fn empty(&self) {
        loop {
            let left = self.left.notified();
            tokio::pin!(left);
            left.as_mut().enable();
            if self.counts.lock().total == 0 {
                return;
            }
            left.await;
        }
    }
}

/// What counts as one address: an IPv6 customer holds at least a whole /64.
fn counted_as(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(six) => IpAddr::V6((u128::from(six) & !u128::from(u64::MAX)).into()),
        four @ IpAddr::V4(_) => four,
    }
}

/// A connection that is in; it leaves when this is dropped.
pub struct Pass {
    limits: Arc<Limits>,
    address: Option<IpAddr>,
}

impl Drop for Pass {
    fn drop(&mut self) {
        let mut counts = self.limits.counts.lock();
        counts.total -= 1;
        if let Some(address) = self.address
            && let Some(count) = counts.addresses.get_mut(&address)
        {
            *count -= 1;
            if *count == 0 {
                counts.addresses.remove(&address);
            }
        }
        if counts.total == 0 {
            self.limits.left.notify_waiters();
        }
        drop(counts);
        metrics::gauge!(metric::CONNECTIONS).decrement(1.0);
    }
}

/// A connection that has yet to say who it is; it has when this is dropped.
pub(super) struct Unidentified {
    limits: Arc<Limits>,
    key: u64,
}

impl Drop for Unidentified {
    fn drop(&mut self) {
        self.limits.counts.lock().unidentified.remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(total: usize, per_address: usize, unidentified: usize) -> Arc<Limits> {
        Arc::new(Limits::new(Maxima {
            total,
            per_address,
            unidentified,
        }))
    }

    fn enter(limits: &Arc<Limits>, address: &str) -> Result<(Pass, Unidentified), Close> {
        limits.admit(address.parse().ok(), &Arc::new(Mailbox::default()))
    }

    #[test]
    fn each_limit_holds_and_seats_come_back() {
        let limits = limits(3, 2, 2);
        let (one, unidentified) = enter(&limits, "192.0.2.1").unwrap();
        let two = enter(&limits, "::ffff:192.0.2.1").unwrap();
        assert_eq!(
            enter(&limits, "192.0.2.2").err(),
            Some(Close::CONNECTION_LIMIT)
        );
        drop(unidentified);
        assert_eq!(
            enter(&limits, "192.0.2.1").err(),
            Some(Close::CONNECTION_LIMIT)
        );
        let (_three, unidentified) = enter(&limits, "192.0.2.2").unwrap();
        drop(unidentified);
        assert_eq!(
            enter(&limits, "192.0.2.3").err(),
            Some(Close::CONNECTION_LIMIT)
        );
        drop(one);
        drop(two);
        assert!(enter(&limits, "192.0.2.1").is_ok());
    }

    #[test]
    fn a_network_of_64_bits_is_one_address() {
        let limits = limits(9, 1, 9);
        let _one = enter(&limits, "2001:db8::1").unwrap();
        assert!(enter(&limits, "2001:db8::2").is_err());
        assert!(enter(&limits, "2001:db8:0:1::1").is_ok());
    }

    #[tokio::test]
    async fn a_drain_lets_nobody_in_and_ends_with_the_last() {
        let limits = limits(9, 9, 9);
        let (pass, unidentified) = enter(&limits, "192.0.2.1").unwrap();
        assert!(limits.begin_drain().is_empty(), "its mailbox was dropped");
        assert_eq!(enter(&limits, "192.0.2.1").err(), Some(Close::DRAINING));
        drop(unidentified);
        let waiting = tokio::spawn({
            let limits = Arc::clone(&limits);
            async move { limits.empty().await }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        drop(pass);
        waiting.await.unwrap();
        assert!(limits.counts.lock().addresses.is_empty());
    }
}
