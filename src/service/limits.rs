//! How many sign-ins may fail: per account from unknown devices, per account and known device, and
//! per address.
//!
//! Only failures count, and right ones are never counted and given back, so a rate limiter that
//! charges before the outcome is known does not fit. It may not know users or hashes.

use std::collections::HashMap;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use super::Result;
use super::vault::sha256;
use crate::domain::clock::Clock;
use crate::domain::error::Error;
use crate::domain::id::DeviceId;

/// How many buckets are kept; beyond it those that are full again are forgotten, and if none is, new
/// names share one.
const BUCKETS_MAX: usize = 100_000;

/// How many sign-ins may fail.
#[derive(Clone, Copy, Debug)]
pub struct FailureLimits {
    /// At once, an account.
    pub burst: NonZeroU32,
    /// And one more in this time.
    pub interval: Duration,
    /// At once, an address.
    pub burst_address: NonZeroU32,
}

/// What a failure is counted by. Names are hashed: they may be long, and are nobody's business.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Bucket {
    Account([u8; 32]),
    Device([u8; 32], DeviceId),
    Address(IpAddr),
    Overflow,
}

/// The buckets that a sign-in counts in.
#[derive(Clone, Copy)]
pub(super) struct Buckets {
    account: Bucket,
    address: Option<Bucket>,
}

impl Buckets {
    /// `known_device`: one that this account signed in on before. Strangers can't fill its bucket
    /// without knowing its id.
    pub(super) fn of(
        username: &str,
        known_device: Option<DeviceId>,
        address: Option<IpAddr>,
    ) -> Self {
        let name = sha256(username.as_bytes());
        Self {
            account: known_device.map_or(Bucket::Account(name), |id| Bucket::Device(name, id)),
            address: address.map(|address| Bucket::Address(network_of(address))),
        }
    }
}

/// Of IPv6 a whole /64 belongs to one subscriber.
fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(v4) => IpAddr::V4(v4),
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::V6([a, b, c, d, 0, 0, 0, 0].into())
        }
    }
}

/// The buckets: for each the moment at which it will be empty again.
pub(super) struct Failures {
    limits: FailureLimits,
    clock: Arc<dyn Clock>,
    full_until: Mutex<HashMap<Bucket, Duration>>,
}

impl Failures {
    pub(super) fn new(limits: FailureLimits, clock: Arc<dyn Clock>) -> Self {
        Self {
            limits,
            clock,
            full_until: Mutex::default(),
        }
    }

    /// Whether a further failure would still be within the limits.
    pub(super) fn check(&self, buckets: Buckets) -> Result<()> {
        let now = self.clock.uptime();
        let full_until = self.full_until.lock();
        let wait = self
            .named(buckets)
            .filter_map(|(bucket, interval, burst)| {
                let level = full_until.get(&bucket)?.checked_sub(now)?;
                // So long must the bucket drain until one more failure fits.
                (level + interval)
                    .checked_sub(interval * burst)
                    .filter(|wait| !wait.is_zero())
            })
            .max();
        match wait {
            Some(wait) => Err(Error::RateLimited {
                retry_after_s: wait.as_secs() + 1,
            }),
            None => Ok(()),
        }
    }

    /// Counts a failure.
    pub(super) fn count(&self, buckets: Buckets) {
        let now = self.clock.uptime();
        let mut full_until = self.full_until.lock();
        if full_until.len() >= BUCKETS_MAX {
            full_until.retain(|_, until| *until > now);
        }
        for (bucket, interval, _) in self.named(buckets) {
            let room = full_until.len() < BUCKETS_MAX || full_until.contains_key(&bucket);
            let until = full_until
                .entry(if room { bucket } else { Bucket::Overflow })
                .or_insert(now);
            *until = (*until).max(now) + interval;
        }
    }

    fn named(&self, buckets: Buckets) -> impl Iterator<Item = (Bucket, Duration, u32)> {
        let limits = self.limits;
        let account = (buckets.account, limits.interval, limits.burst.get());
        // An address recovers as fast in proportion: its whole burst in the time of an account's.
        let of_address = limits.interval * limits.burst.get() / limits.burst_address.get();
        let address = buckets
            .address
            .map(|bucket| (bucket, of_address, limits.burst_address.get()));
        std::iter::once(account).chain(address)
    }
}
