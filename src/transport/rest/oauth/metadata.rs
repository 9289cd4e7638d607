//! Where the standard endpoints are: authorization server metadata (RFC 8414).

use axum::extract::State;
use serde::Serialize;
use sessionwire_guard::Algorithm;
use sessionwire_guard::dpop::PROOF_ALGORITHMS;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::exchange;
use crate::domain::access::Scope;
use crate::transport::rest::RestState;
use crate::transport::rest::extract::{Json, NoQuery};

/// How a client may bring an API key as its secret.
const SECRETS: [&str; 2] = ["client_secret_basic", "client_secret_post"];

/// What clients of OAuth look up.
#[derive(Serialize, ToSchema)]
#[schema(as = AuthorizationServerMetadata)]
struct Metadata {
    issuer: String,
    jwks_uri: String,
    introspection_endpoint: String,
    introspection_endpoint_auth_methods_supported: [&'static str; 2],
    revocation_endpoint: String,
    revocation_endpoint_auth_methods_supported: [&'static str; 2],
    token_endpoint: String,
    token_endpoint_auth_methods_supported: [&'static str; 3],
    grant_types_supported: [&'static str; 3],
    /// Of proofs that a client holds the key that its tokens are bound to (RFC 9449).
    dpop_signing_alg_values_supported: [&'static str; PROOF_ALGORITHMS.len()],
    /// Those of API keys.
    scopes_supported: [&'static str; Scope::ALL.len()],
    /// None: people sign in with `POST /v1/sign-in`.
    response_types_supported: [&'static str; 0],
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
        introspection_endpoint_auth_methods_supported: SECRETS,
        revocation_endpoint: at("/oauth/revoke"),
        revocation_endpoint_auth_methods_supported: SECRETS,
        token_endpoint: at("/oauth/token"),
        token_endpoint_auth_methods_supported: ["none", SECRETS[0], SECRETS[1]],
        grant_types_supported: ["refresh_token", "client_credentials", exchange::GRANT],
        dpop_signing_alg_values_supported: PROOF_ALGORITHMS.map(Algorithm::as_str),
        scopes_supported: Scope::ALL.map(Scope::as_str),
        response_types_supported: [],
        issuer,
    })
}
