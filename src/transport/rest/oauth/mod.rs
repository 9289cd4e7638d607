//! The standard endpoints, for clients that speak OAuth: introspection (RFC 7662), revocation (RFC 7009) and
//! where they are (RFC 8414). It may not know more of sessions than the rest of REST does.

mod introspect;
mod metadata;
mod revoke;

use utoipa_axum::router::OpenApiRouter;

use super::RestState;

/// For anyone.
pub(super) fn public_routes() -> OpenApiRouter<RestState> {
    metadata::routes()
}

/// For services.
pub(super) fn routes() -> OpenApiRouter<RestState> {
    introspect::routes().merge(revoke::routes())
}
