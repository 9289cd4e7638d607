//! The other nodes: who they are, whether they live, and how far they have come. It may not know how
//! they are told, or what a receipt is for.

mod peers;
mod reporter;
mod roster;

pub(super) use peers::{Look, Peers, Reached};
pub(super) use reporter::Reporter;
pub use roster::{Alone, Roster};
