//! How the outside speaks to this node: HTTP and sockets.
//!
//! Floor 4. It may import node, service and domain; it decides nothing and stores nothing.

pub mod address;
pub mod rest;
pub mod status;
