//! Sessionwire: a realtime session server. It can take a JWT back.
//!
//! The one idea: every change is one transaction that writes the new state and appends its events to
//! one ordered, gap-free log; everything else reads that log with a cursor of its own. The floors,
//! top to bottom; imports point down only, which `tests/integration/architecture.rs` holds:
//!
//! - [`app`], [`command`], [`watch`], [`config`], [`telemetry`]: wiring and commands
//! - [`transport`]: sockets and REST
//! - [`service`] (writes) and [`node`] (reads), which never meet
//! - [`storage`] and [`bus`], which never meet
//! - [`domain`]: the rules, without I/O
//! - `sessionwire_guard`: is a token good?
//!
//! `docs/ARCHITECTURE.md` walks through three changes from top to bottom.

pub mod config;
pub mod domain;
pub mod node;
pub mod service;
pub mod telemetry;
pub mod transport;
