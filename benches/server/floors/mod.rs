//! What nothing can go below: servers that do the part of the work that none can do without, and no more. They run
//! in processes of their own, and the same clients speak to them.

pub(crate) mod bare;
pub(crate) mod commit;
pub(crate) mod epoll;
mod sockets;

use crate::failure::Outcome;
use crate::helper::Helper;

/// The argument that makes this program a bare axum server.
pub(crate) const BARE: &str = "floor-axum";
/// The argument that makes this program a loop over its sockets.
pub(crate) const LOOP: &str = "floor-epoll";

/// Such a server.
pub(crate) struct Floor {
    helper: Helper,
    /// `host:port`.
    pub(crate) address: String,
}

impl Floor {
    /// Sockets of axum that hold what they accept, and answers of so many bytes to all other requests.
    pub(crate) fn bare(answer_bytes: usize) -> Outcome<Self> {
        Self::of(Helper::start(&[BARE, &answer_bytes.to_string()])?)
    }

    /// One thread, one loop.
    pub(crate) fn epoll() -> Outcome<Self> {
        Self::of(Helper::start(&[LOOP])?)
    }

    fn of(mut helper: Helper) -> Outcome<Self> {
        let address = helper.hear()?;
        Ok(Self { helper, address })
    }

    /// Its memory, in bytes.
    pub(crate) fn pss(&self) -> Outcome<u64> {
        self.helper.pss()
    }

    /// Its processor time, in microseconds.
    pub(crate) fn cpu(&self) -> Outcome<u64> {
        self.helper.cpu()
    }
}
