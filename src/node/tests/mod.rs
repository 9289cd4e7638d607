//! Tests of the node's parts together, on a log in memory, and what they stand on.

mod arrivals;
mod company;
mod follower;
mod given;
mod hand;
mod machine;
mod mailbox;
mod rights;
pub(crate) mod signer;
mod state_machine;
pub(crate) mod support;
mod vectors;
mod wheel;
pub(crate) mod world;

pub(crate) use support::{Counting, ManualClock};
