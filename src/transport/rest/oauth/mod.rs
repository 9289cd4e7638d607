//! The standard endpoints, for clients that speak OAuth: introspection (RFC 7662), revocation (RFC 7009),
//! tokens (RFC 6749, RFC 8693) and where all that is (RFC 8414). It may not know more of sessions than the rest of REST does.

mod client_credentials;
mod exchange;
mod global_revoke;
mod introspect;
mod metadata;
mod refusal;
mod revoke;
mod token;

use utoipa_axum::router::OpenApiRouter;

use super::RestState;

/// For anyone.
pub(super) fn public_routes() -> OpenApiRouter<RestState> {
    metadata::routes().merge(token::routes())
}

/// For services.
pub(super) fn routes() -> OpenApiRouter<RestState> {
    introspect::routes()
        .merge(revoke::routes())
        .merge(global_revoke::routes())
}
