//! From the configuration to what each part is told of it. It may not know how the parts fit together.

use super::door::Bounds;
use crate::config::{Config, Presence, TokenAlgorithm};
use crate::node::NodeSettings;
use crate::service::{CoreSettings, FailureLimits, PasswordSettings};

/// What the node is told.
pub(super) fn of_node(config: &Config, issuer: &str) -> NodeSettings {
    NodeSettings {
        issuer: issuer.to_owned(),
        audience: config.audience.clone(),
        heartbeat: config.heartbeat,
        auth_timeout: config.auth_timeout,
        lease: config.lease,
        lost_lease_grace: config.lost_lease_grace,
        presence: config.presence == Presence::Shared,
        max_arrivals_per_s: config.max_arrivals_per_s,
        max_connections: config.max_connections,
        max_connections_per_user: config.max_connections_per_user,
        max_connections_per_address: config.max_connections_per_address,
        max_unauthenticated: config.max_unauthenticated,
    }
}

/// What is let in.
pub(super) fn of_door(config: &Config) -> Bounds {
    Bounds {
        total: config.max_http_connections,
        per_address: config.max_http_connections_per_address,
        trusted_proxies: config.trusted_proxies.clone(),
        head_timeout: config.head_timeout,
        // A socket's own patience ends first, and says so.
        write_timeout: config.write_timeout * 2,
    }
}

/// What the writers are told.
pub(super) fn of_core(config: &Config, issuer: String) -> CoreSettings {
    CoreSettings {
        issuer,
        audience: config.audience.clone(),
        client_id: config.client_id.clone(),
        algorithm: match config.token_algorithm {
            TokenAlgorithm::Es256 => sessionwire_guard::Algorithm::ES256,
            TokenAlgorithm::EdDsa => sessionwire_guard::Algorithm::EdDSA,
            TokenAlgorithm::Rs256 => sessionwire_guard::Algorithm::RS256,
        },
        signing_key_age_max: config.signing_key_age_max,
        access_token_ttl: config.access_token_ttl,
        refresh_grace: config.refresh_grace,
        refresh_lost_answer: config.refresh_lost_answer,
        takeover_token_ttl: config.takeover_token_ttl,
        approval_timeout: config.approval_timeout,
        ticket_ttl: config.ticket_ttl,
        passwords: PasswordSettings {
            concurrency: config.password_hash_concurrency,
            memory_kib: config.password_hash_memory_kib,
            iterations: config.password_hash_iterations,
        },
        failures: FailureLimits {
            burst: config.sign_in_failures_burst,
            interval: config.sign_in_failure_interval,
            burst_address: config.sign_in_failures_burst_address,
        },
    }
}
