//! Tests of the node's parts together, on a log in memory, and what they stand on.

pub(crate) mod support;

pub(crate) use support::ManualClock;
