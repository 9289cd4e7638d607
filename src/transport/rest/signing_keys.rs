//! The keys that access tokens are signed with: `/v1/signing-keys`, and their public halves at
//! `/.well-known/jwks.json`.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::CACHE_CONTROL;
use serde::Serialize;
use serde_json::Value;
use sessionwire_guard::Algorithm;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::RestState;
use super::extract::{Admin, Created, Id, Json, NoBody, NoQuery, Query, Who};
use super::page::{ListBody, PageQuery};
use super::problem::Problem;
use super::receipt::{ChangeQuery, Changing, Outcome, ReceiptBody};
use super::schema;
use crate::domain::clock::Timestamp;
use crate::service::{Mode, SigningKeyView};

/// How long services may keep the key set: short, so that a new key is known soon.
const JWKS_CACHE: &str = "public, max-age=60";

/// A signing key, without its private half.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SigningKey)]
struct SigningKeyBody {
    /// Its name in the header of tokens.
    kid: String,
    #[schema(value_type = String, example = "ES256")]
    algorithm: Algorithm,
    #[schema(schema_with = schema::timestamp)]
    created_at: Timestamp,
    /// From when on tokens are signed with it.
    #[schema(schema_with = schema::timestamp)]
    signs_from: Timestamp,
    /// Until when it stays listed, once another has taken its place.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = schema::timestamp)]
    listed_until: Option<Timestamp>,
}

impl From<SigningKeyView> for SigningKeyBody {
    fn from(view: SigningKeyView) -> Self {
        Self {
            kid: view.kid,
            algorithm: view.algorithm,
            created_at: view.created_at,
            signs_from: view.signs_from,
            listed_until: view.listed_until,
        }
    }
}

pub(super) fn routes() -> OpenApiRouter<RestState> {
    OpenApiRouter::new()
        .routes(routes!(list_signing_keys, rotate_signing_key))
        .routes(routes!(retire_signing_key))
}

/// The part that needs no credential.
pub(super) fn public_routes() -> OpenApiRouter<RestState> {
    OpenApiRouter::new().routes(routes!(jwks))
}

/// List signing keys
#[utoipa::path(get, path = "/v1/signing-keys", params(PageQuery),
    responses((status = 200, description = "A page of keys", body = ListBody<SigningKeyBody>)))]
async fn list_signing_keys(
    State(rest): State<RestState>,
    _: Admin,
    Query(query): Query<PageQuery>,
) -> Result<Json<ListBody<SigningKeyBody>>, Problem> {
    let keys = rest.core.list_signing_keys().await?;
    ListBody::part(keys, &query, SigningKeyBody::from).map(Json)
}

/// Rotate the signing key
///
/// Tokens signed with the old one stay good until they run out.
#[utoipa::path(post, path = "/v1/signing-keys",
    responses((status = 201, description = "The new key", body = SigningKeyBody)))]
async fn rotate_signing_key(
    State(rest): State<RestState>,
    admin: Admin,
    _: NoQuery,
    _: NoBody,
) -> Result<Created<SigningKeyBody>, Problem> {
    let call = admin.call(Mode::Commit);
    let done = rest.core.rotate_signing_key(&call).await?;
    Ok(Created(done.value.into()))
}

/// Retire a signing key that is in wrong hands
///
/// From the receipt on nothing that it signed is accepted, whatever it says, and sockets that came with such
/// a token are closed with 4500. Sessions go on: their clients refresh.
#[utoipa::path(delete, path = "/v1/signing-keys/{kid}", params(("kid" = String, Path), ChangeQuery),
    responses((status = 200, description = "What it reached", body = Outcome<ReceiptBody>)))]
async fn retire_signing_key(
    State(rest): State<RestState>,
    Changing { call, settling, .. }: Changing<Admin>,
    Id(kid): Id<String>,
) -> Result<Json<Outcome<ReceiptBody>>, Problem> {
    let done = rest.core.retire_signing_key(&call, &kid).await?;
    Ok(Json(settling.receipt(&rest, done.effect).await))
}

/// The keys that tokens can be checked with (RFC 7517)
#[utoipa::path(get, path = "/.well-known/jwks.json",
    responses((status = 200, description = "The key set", body = Object)))]
async fn jwks(State(rest): State<RestState>) -> Result<Response, Problem> {
    let keys: Value = rest.core.jwks().await?;
    Ok(([(CACHE_CONTROL, JWKS_CACHE)], Json(keys)).into_response())
}
