//! Users: `/v1/users`.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::RestState;
use super::extract::{Admin, Created, Json, NoBody, NoQuery, Query, Scoped, User, Who, given};
use super::page::{ListBody, SearchQuery};
use super::problem::Problem;
use super::receipt::{ChangeQuery, Changed, Changing, Outcome, ReceiptBody};
use super::schema;
use crate::domain::clock::Timestamp;
use crate::domain::id::UserId;
use crate::domain::secret::Password;
use crate::domain::user::{NewUser, UserStatus};
use crate::service::{Mode, UserPatch, UserView};

/// A user.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = User)]
pub(super) struct UserBody {
    #[schema(value_type = Uuid)]
    id: UserId,
    /// The name it signs in with.
    #[schema(example = "maryo")]
    username: String,
    /// The name that people see.
    #[schema(example = "Maryo Morani")]
    display_name: String,
    /// Its id in the caller's own system.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    external_id: Option<String>,
    #[schema(schema_with = schema::user_status)]
    status: UserStatus,
    /// Names of the groups.
    groups: Vec<String>,
    /// The union over the groups.
    #[schema(example = json!(["reports:read"]))]
    permissions: Vec<String>,
    #[schema(schema_with = schema::timestamp)]
    created_at: Timestamp,
}

impl From<UserView> for UserBody {
    fn from(view: UserView) -> Self {
        Self {
            id: view.user.id,
            username: view.user.username,
            display_name: view.user.display_name,
            external_id: view.user.external_id,
            status: view.user.status,
            groups: view.groups,
            permissions: view.permissions,
            created_at: view.user.created_at,
        }
    }
}

/// What a user is made from.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewUser)]
struct NewUserBody {
    /// 1 to 128 characters, without space around them; unique.
    #[schema(example = "maryo")]
    username: String,
    /// 8 characters to 1024 bytes. Without one the user can't sign in with a password.
    password: Option<String>,
    /// The username where none is given.
    display_name: Option<String>,
    /// An id of the caller's; unique.
    external_id: Option<String>,
    /// Names of existing groups.
    #[serde(default)]
    groups: Vec<String>,
}

impl From<NewUserBody> for NewUser {
    fn from(body: NewUserBody) -> Self {
        Self {
            username: body.username,
            password: body.password.map(Password::new),
            display_name: body.display_name,
            external_id: body.external_id,
            groups: body.groups,
        }
    }
}

/// What changes of a user; what is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = UserPatch)]
#[expect(
    clippy::option_option,
    reason = "left out and null are different things in a merge"
)]
struct UserPatchBody {
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    username: Option<String>,
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    display_name: Option<String>,
    /// Null removes it.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    external_id: Option<Option<String>>,
    /// Ends every session of the user.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    password: Option<String>,
    /// Names of existing groups: all that the user is to be in.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    groups: Option<Vec<String>>,
}

impl From<UserPatchBody> for UserPatch {
    fn from(body: UserPatchBody) -> Self {
        Self {
            username: body.username,
            display_name: body.display_name,
            external_id: body.external_id,
            password: body.password.map(Password::new),
            groups: body.groups,
        }
    }
}

pub(super) fn routes() -> OpenApiRouter<RestState> {
    OpenApiRouter::new()
        .routes(routes!(list_users, create_user))
        .routes(routes!(find_user, update_user, delete_user))
        .routes(routes!(suspend_user))
        .routes(routes!(resume_user))
}

/// List users
#[utoipa::path(get, path = "/v1/users", params(SearchQuery),
    responses((status = 200, description = "A page of users", body = ListBody<UserBody>)))]
async fn list_users(
    State(rest): State<RestState>,
    _: Scoped,
    Query(query): Query<SearchQuery>,
) -> Result<Json<ListBody<UserBody>>, Problem> {
    let page = query.page()?;
    let users = rest.core.list_users(query.search.as_deref(), page).await?;
    Ok(Json(ListBody::of(users, UserBody::from)))
}

/// Create a user
#[utoipa::path(post, path = "/v1/users", request_body = NewUserBody,
    responses((status = 201, description = "The new user", body = UserBody)))]
async fn create_user(
    State(rest): State<RestState>,
    admin: Admin,
    _: NoQuery,
    Json(body): Json<NewUserBody>,
) -> Result<Created<UserBody>, Problem> {
    let call = admin.call(Mode::Commit);
    let done = rest.core.create_user(&call, body.into()).await?;
    Ok(Created(done.value.into()))
}

/// Look at a user
#[utoipa::path(get, path = "/v1/users/{id}", params(("id" = String, Path, description = "The id, or `ext:` and the external id")),
    responses((status = 200, description = "The user", body = UserBody)))]
async fn find_user(
    State(rest): State<RestState>,
    _: Scoped,
    User(id): User,
    _: NoQuery,
) -> Result<Json<UserBody>, Problem> {
    let user = rest.core.find_user(id).await?;
    Ok(Json(user.into()))
}

/// Change a user
///
/// A new password ends every session of the user. Other groups are a change of rights.
#[utoipa::path(patch, path = "/v1/users/{id}", params(("id" = String, Path, description = "The id, or `ext:` and the external id"), ChangeQuery),
    request_body = UserPatchBody,
    responses((status = 200, description = "The user as it is now", body = Outcome<Changed<UserBody>>)))]
async fn update_user(
    State(rest): State<RestState>,
    Changing { call, settling, .. }: Changing<Admin>,
    User(id): User,
    Json(body): Json<UserPatchBody>,
) -> Result<Json<Outcome<Changed<UserBody>>>, Problem> {
    let done = rest.core.update_user(&call, id, body.into()).await?;
    let user = UserBody::from(done.value);
    Ok(Json(settling.beside(&rest, done.effect, user).await))
}

/// Delete a user
///
/// Every session of the user ends with `user_deleted`.
#[utoipa::path(delete, path = "/v1/users/{id}", params(("id" = String, Path, description = "The id, or `ext:` and the external id"), ChangeQuery),
    responses((status = 200, description = "What it reached", body = Outcome<ReceiptBody>)))]
async fn delete_user(
    State(rest): State<RestState>,
    Changing { call, settling, .. }: Changing<Admin>,
    User(id): User,
) -> Result<Json<Outcome<ReceiptBody>>, Problem> {
    let done = rest.core.delete_user(&call, id).await?;
    Ok(Json(settling.receipt(&rest, done.effect).await))
}

/// Suspend a user
///
/// Every session of the user ends with `user_suspended`; the user can't sign in until resumed.
#[utoipa::path(post, path = "/v1/users/{id}/suspend", params(("id" = String, Path, description = "The id, or `ext:` and the external id"), ChangeQuery),
    responses((status = 200, description = "What it reached", body = Outcome<ReceiptBody>)))]
async fn suspend_user(
    State(rest): State<RestState>,
    Changing { call, settling, .. }: Changing<Admin>,
    User(id): User,
    _: NoBody,
) -> Result<Json<Outcome<ReceiptBody>>, Problem> {
    let done = rest.core.suspend_user(&call, id).await?;
    Ok(Json(settling.receipt(&rest, done.effect).await))
}

/// Let a suspended user sign in again
#[utoipa::path(post, path = "/v1/users/{id}/resume", params(("id" = String, Path, description = "The id, or `ext:` and the external id"), ChangeQuery),
    responses((status = 200, description = "What it reached", body = Outcome<ReceiptBody>)))]
async fn resume_user(
    State(rest): State<RestState>,
    Changing { call, settling, .. }: Changing<Admin>,
    User(id): User,
    _: NoBody,
) -> Result<Json<Outcome<ReceiptBody>>, Problem> {
    let done = rest.core.resume_user(&call, id).await?;
    Ok(Json(settling.receipt(&rest, done.effect).await))
}
