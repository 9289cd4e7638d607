//! How many connections there may be: in total, per address, and before authentication. A seat is
//! given back when its guard is dropped.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use parking_lot::Mutex;

/// The bounds.
#[derive(Clone, Copy, Debug)]
pub struct SeatLimits {
    /// In total.
    pub total: usize,
    /// From one address.
    pub per_address: usize,
    /// Of one user.
    pub per_user: usize,
    /// That have not said who they are.
    pub unauthenticated: usize,
}

#[derive(Default)]
struct Taken {
    total: usize,
    unauthenticated: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// The seats of one node.
pub struct Seats {
    limits: SeatLimits,
    taken: Mutex<Taken>,
}

/// A seat of a connection.
pub struct Seat {
    seats: Arc<Seats>,
    address: IpAddr,
    authenticated: bool,
}

impl Seats {
    /// Empty seats.
    pub fn new(limits: SeatLimits) -> Self {
        Self {
            limits,
            taken: Mutex::default(),
        }
    }

    /// The bounds.
    pub fn limits(&self) -> SeatLimits {
        self.limits
    }

    /// A seat for a connection that has not said who it is; none if there is no room.
    pub fn take(self: &Arc<Self>, address: IpAddr) -> Option<Seat> {
        let address = address.to_canonical();
        let mut taken = self.taken.lock();
        let from_here = taken.by_address.get(&address).copied().unwrap_or(0);
        let room = taken.total < self.limits.total
            && taken.unauthenticated < self.limits.unauthenticated
            && from_here < self.limits.per_address;
        if !room {
            return None;
        }
        taken.total += 1;
        taken.unauthenticated += 1;
        *taken.by_address.entry(address).or_default() += 1;
        Some(Seat {
            seats: Arc::clone(self),
            address,
            authenticated: false,
        })
    }

    /// How many seats are taken.
    pub fn count(&self) -> usize {
        self.taken.lock().total
    }
}

impl Seat {
    /// The connection has said who it is.
    pub fn authenticated(&mut self) {
        if !self.authenticated {
            self.authenticated = true;
            self.seats.taken.lock().unauthenticated -= 1;
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.seats.taken.lock();
        taken.total -= 1;
        if !self.authenticated {
            taken.unauthenticated -= 1;
        }
        if let Some(count) = taken.by_address.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                taken.by_address.remove(&self.address);
            }
        }
    }
}
