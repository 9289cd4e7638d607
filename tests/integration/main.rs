//! The one binary of integration tests; a module a subject.
//!
//! Each module is `#[cfg(test)]`, so that its helpers count as tests for the lints too.

#[cfg(test)]
mod architecture;
#[cfg(test)]
mod back_channel;
#[cfg(test)]
mod bound_tokens;
#[cfg(test)]
mod chaos;
#[cfg(test)]
mod cluster;
#[cfg(test)]
mod cluster_faults;
#[cfg(test)]
mod cookies;
#[cfg(test)]
mod crash;
#[cfg(test)]
mod deadlocks;
#[cfg(test)]
mod deploy;
#[cfg(test)]
mod dpop;
#[cfg(test)]
mod dpop_proofs;
#[cfg(test)]
mod drain;
#[cfg(test)]
mod external_ids;
#[cfg(test)]
mod feed;
#[cfg(test)]
mod fifteen_thousand;
#[cfg(test)]
mod guard;
#[cfg(test)]
mod guard_attached;
#[cfg(test)]
mod guard_service;
#[cfg(test)]
mod guards;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod interleavings;
#[cfg(test)]
mod issuer_attach;
#[cfg(test)]
mod issuer_doors;
#[cfg(test)]
mod issuer_ends;
#[cfg(test)]
mod issuer_keys;
#[cfg(test)]
mod issuer_presets;
#[cfg(test)]
mod issuers;
#[cfg(test)]
mod key_retirement;
#[cfg(test)]
mod lifetimes;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod master_key;
#[cfg(test)]
mod model;
#[cfg(test)]
mod oauth;
#[cfg(test)]
mod oauth_token;
#[cfg(test)]
mod openapi;
#[cfg(test)]
mod postgres;
#[cfg(test)]
mod presence_nodes;
#[cfg(test)]
mod races;
#[cfg(test)]
mod refresh;
#[cfg(test)]
mod restore;
#[cfg(test)]
mod retention;
#[cfg(test)]
mod rights;
#[cfg(test)]
mod rules;
#[cfg(test)]
mod schemas;
#[cfg(test)]
mod sessions;
#[cfg(test)]
mod sink_kafka;
#[cfg(test)]
mod sink_logout;
#[cfg(test)]
mod sink_nats;
#[cfg(test)]
mod sink_redis;
#[cfg(test)]
mod sink_webhook;
#[cfg(test)]
mod socket;
#[cfg(test)]
mod socketio;
#[cfg(test)]
mod socketio_bounds;
#[cfg(test)]
mod sse;
#[cfg(test)]
mod stream;
#[cfg(test)]
mod support;
#[cfg(test)]
mod takeover;
#[cfg(test)]
mod tokens;
#[cfg(test)]
mod two_nodes;
#[cfg(test)]
mod verify;
#[cfg(test)]
mod watch;
