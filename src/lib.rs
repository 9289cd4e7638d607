//! Sessionwire, a realtime session server.

pub mod config;
pub mod telemetry;
