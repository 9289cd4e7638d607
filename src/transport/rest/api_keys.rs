//! API keys of services: `/v1/api-keys`.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::RestState;
use super::extract::{Admin, Created, Id, Json, NoQuery, Query, Who};
use super::page::{ListBody, PageQuery};
use super::problem::Problem;
use super::receipt::{ChangeQuery, Changing, Outcome, ReceiptBody};
use super::schema;
use crate::domain::access::Scope;
use crate::domain::clock::Timestamp;
use crate::domain::error::Error;
use crate::domain::id::ApiKeyId;
use crate::domain::text::{TITLE_CHARS_MAX, check_line};
use crate::service::{ApiKeyView, Mode};

/// An API key, without its secret.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ApiKey)]
struct ApiKeyBody {
    #[schema(value_type = Uuid)]
    id: ApiKeyId,
    #[schema(example = "billing")]
    name: String,
    #[schema(schema_with = schema::scopes)]
    scopes: Vec<Scope>,
    #[schema(schema_with = schema::timestamp)]
    created_at: Timestamp,
    /// Since when it is good no more.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = schema::timestamp)]
    revoked_at: Option<Timestamp>,
}

impl From<ApiKeyView> for ApiKeyBody {
    fn from(view: ApiKeyView) -> Self {
        Self {
            id: view.id,
            name: view.name,
            scopes: view.scopes,
            created_at: view.created_at,
            revoked_at: view.revoked_at,
        }
    }
}

/// What a key is made from.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewApiKey)]
struct NewApiKeyBody {
    /// 1 to 200 characters.
    #[schema(example = "billing")]
    name: String,
    #[schema(schema_with = schema::scopes)]
    scopes: Vec<Scope>,
}

impl NewApiKeyBody {
    fn read(mut self) -> Result<(String, Vec<Scope>), Error> {
        check_line("name", &self.name, TITLE_CHARS_MAX)?;
        self.scopes.sort_unstable();
        self.scopes.dedup();
        if self.scopes.is_empty() {
            return Err(Error::validation("`scopes` needs at least one item"));
        }
        Ok((self.name, self.scopes))
    }
}

/// A new key.
#[derive(Serialize, ToSchema)]
#[schema(as = CreatedApiKey)]
struct CreatedBody {
    #[serde(flatten)]
    about: ApiKeyBody,
    /// The secret; shown this once.
    #[schema(example = "swk_…")]
    key: String,
}

pub(super) fn routes() -> OpenApiRouter<RestState> {
    OpenApiRouter::new()
        .routes(routes!(list_api_keys, create_api_key))
        .routes(routes!(revoke_api_key))
}

/// List API keys
#[utoipa::path(get, path = "/v1/api-keys", params(PageQuery),
    responses((status = 200, description = "A page of keys", body = ListBody<ApiKeyBody>)))]
async fn list_api_keys(
    State(rest): State<RestState>,
    _: Admin,
    Query(query): Query<PageQuery>,
) -> Result<Json<ListBody<ApiKeyBody>>, Problem> {
    let keys = rest.core.list_api_keys(query.page()?).await?;
    Ok(Json(ListBody::of(keys, ApiKeyBody::from)))
}

/// Create an API key
#[utoipa::path(post, path = "/v1/api-keys", request_body = NewApiKeyBody,
    responses((status = 201, description = "The new key, with its secret", body = CreatedBody)))]
async fn create_api_key(
    State(rest): State<RestState>,
    admin: Admin,
    _: NoQuery,
    Json(body): Json<NewApiKeyBody>,
) -> Result<Created<CreatedBody>, Problem> {
    let (name, scopes) = body.read()?;
    let call = admin.call(Mode::Commit);
    let (about, key) = rest.core.create_api_key(&call, name, scopes).await?;
    Ok(Created(CreatedBody {
        about: about.into(),
        key: key.expose().to_owned(),
    }))
}

/// Revoke an API key
#[utoipa::path(delete, path = "/v1/api-keys/{id}", params(("id" = Uuid, Path), ChangeQuery),
    responses((status = 200, description = "What it reached", body = Outcome<ReceiptBody>)))]
async fn revoke_api_key(
    State(rest): State<RestState>,
    Changing { call, settling, .. }: Changing<Admin>,
    Id(id): Id<ApiKeyId>,
) -> Result<Json<Outcome<ReceiptBody>>, Problem> {
    let done = rest.core.revoke_api_key(&call, id).await?;
    Ok(Json(settling.receipt(&rest, done.effect).await))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_needs_a_name_and_scopes_each_once() {
        let read = |name: &str, scopes: &[Scope]| {
            let body = NewApiKeyBody {
                name: name.to_owned(),
                scopes: scopes.to_vec(),
            };
            body.read().ok().map(|(_, scopes)| scopes)
        };
        assert_eq!(
            read("a", &[Scope::Feed, Scope::Admin, Scope::Feed]),
            Some(vec![Scope::Admin, Scope::Feed])
        );
        assert_eq!(read("a", &[]), None);
        assert_eq!(read(" ", &[Scope::Feed]), None);
    }
}
