//! The rules, without I/O: what things are called, what is allowed, who hears what.
//!
//! Floor 1. Everything here is a value or a pure function and reads like the specification. It may
//! not know databases, sockets, HTTP or which clock is in use.

pub mod access;
pub mod audit;
pub mod binding;
pub mod client_message;
pub mod clock;
pub mod close;
pub mod device;
pub mod effect;
pub mod entry;
pub mod error;
pub mod event;
pub mod group;
pub mod id;
pub mod issuer;
pub mod kind;
pub mod message;
pub mod metric;
pub mod network;
pub mod permission;
pub mod policy;
pub mod possession;
pub mod presence;
pub mod progress;
pub mod receipt;
pub mod secret;
pub mod service_token;
pub mod session;
pub mod standing;
pub mod text;
pub mod user;

pub use sessionwire_guard::Reason;
