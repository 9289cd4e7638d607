//! Where the standard endpoints are: authorization server metadata (RFC 8414).

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::transport::rest::RestState;
use crate::transport::rest::extract::{Json, NoQuery};

/// What clients of OAuth look up.
#[derive(Serialize, ToSchema)]
#[schema(as = AuthorizationServerMetadata)]
struct Metadata {
    issuer: String,
    jwks_uri: String,
    introspection_endpoint: String,
    revocation_endpoint: String,
    /// None: people sign in with `POST /v1/sign-in`.
    response_types_supported: [String; 0],
    grant_types_supported: [String; 0],
}

pub(super) fn routes() -> OpenApiRouter<RestState> {
    OpenApiRouter::new().routes(routes!(metadata))
}

/// Find the standard endpoints (RFC 8414)
#[utoipa::path(get, path = "/.well-known/oauth-authorization-server",
    responses((status = 200, description = "Where they are", body = Metadata)))]
async fn metadata(State(rest): State<RestState>, _: NoQuery) -> Json<Metadata> {
    let issuer = rest.core.issuer().to_owned();
    let at = |path: &str| format!("{}{path}", issuer.trim_end_matches('/'));
    Json(Metadata {
        jwks_uri: at("/.well-known/jwks.json"),
        introspection_endpoint: at("/oauth/introspect"),
        revocation_endpoint: at("/oauth/revoke"),
        response_types_supported: [],
        grant_types_supported: [],
        issuer,
    })
}
