//! Groups and what their members may do: `/v1/groups`.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::RestState;
use super::extract::{Admin, Created, Id, Json, NoQuery, Query, Who, given};
use super::page::{ListBody, SearchQuery};
use super::problem::Problem;
use super::receipt::{ChangeQuery, Changed, Changing, Outcome};
use crate::domain::id::GroupId;
use crate::service::{GroupPatch, GroupView, Mode, NewGroup};

/// A group.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Group)]
struct GroupBody {
    #[schema(value_type = Uuid)]
    id: GroupId,
    #[schema(example = "analysts")]
    name: String,
    /// What its members may do.
    #[schema(example = json!(["reports:read"]))]
    permissions: Vec<String>,
    /// Of several groups with a policy the one with the highest priority wins.
    priority: i32,
    member_count: u64,
}

impl From<GroupView> for GroupBody {
    fn from(view: GroupView) -> Self {
        Self {
            id: view.group.id,
            name: view.group.name,
            permissions: view.group.permissions.into_iter().collect(),
            priority: view.group.priority,
            member_count: view.member_count,
        }
    }
}

/// What a group is made from.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewGroup)]
struct NewGroupBody {
    /// 1 to 128 characters, without space around them; unique.
    #[schema(example = "analysts")]
    name: String,
    /// At most 200, each of 1 to 128 visible ASCII characters.
    #[serde(default)]
    #[schema(example = json!(["reports:read"]))]
    permissions: Vec<String>,
    #[serde(default)]
    priority: i32,
}

/// What changes of a group; what is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = GroupPatch)]
struct GroupPatchBody {
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    name: Option<String>,
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    priority: Option<i32>,
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    permissions: Option<Vec<String>>,
}

/// All that the members of a group may do.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Permissions)]
struct PermissionsBody {
    /// At most 200, each of 1 to 128 visible ASCII characters.
    #[schema(example = json!(["reports:read", "reports:write"]))]
    permissions: Vec<String>,
}

/// What was deleted.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DeletedGroup)]
struct DeletedBody {
    #[schema(value_type = Uuid)]
    id: GroupId,
}

pub(super) fn routes() -> OpenApiRouter<RestState> {
    OpenApiRouter::new()
        .routes(routes!(list_groups, create_group))
        .routes(routes!(find_group, update_group, delete_group))
        .routes(routes!(set_permissions))
}

/// List groups
#[utoipa::path(get, path = "/v1/groups", params(SearchQuery),
    responses((status = 200, description = "A page of groups", body = ListBody<GroupBody>)))]
async fn list_groups(
    State(rest): State<RestState>,
    _: Admin,
    Query(query): Query<SearchQuery>,
) -> Result<Json<ListBody<GroupBody>>, Problem> {
    let page = query.page()?;
    let groups = rest.core.list_groups(query.search.as_deref(), page).await?;
    Ok(Json(ListBody::of(groups, GroupBody::from)))
}

/// Create a group
#[utoipa::path(post, path = "/v1/groups", request_body = NewGroupBody,
    responses((status = 201, description = "The new group", body = GroupBody)))]
async fn create_group(
    State(rest): State<RestState>,
    admin: Admin,
    _: NoQuery,
    Json(body): Json<NewGroupBody>,
) -> Result<Created<GroupBody>, Problem> {
    let new = NewGroup {
        name: body.name,
        permissions: body.permissions,
        priority: body.priority,
    };
    let done = rest
        .core
        .create_group(&admin.call(Mode::Commit), new)
        .await?;
    Ok(Created(done.value.into()))
}

/// Look at a group
#[utoipa::path(get, path = "/v1/groups/{id}", params(("id" = Uuid, Path)),
    responses((status = 200, description = "The group", body = GroupBody)))]
async fn find_group(
    State(rest): State<RestState>,
    _: Admin,
    Id(id): Id<GroupId>,
    _: NoQuery,
) -> Result<Json<GroupBody>, Problem> {
    let group = rest.core.find_group(id).await?;
    Ok(Json(group.into()))
}

/// Change a group
#[utoipa::path(patch, path = "/v1/groups/{id}", params(("id" = Uuid, Path), ChangeQuery),
    request_body = GroupPatchBody,
    responses((status = 200, description = "The group as it is now", body = Outcome<Changed<GroupBody>>)))]
async fn update_group(
    State(rest): State<RestState>,
    Changing { call, settling, .. }: Changing<Admin>,
    Id(id): Id<GroupId>,
    Json(body): Json<GroupPatchBody>,
) -> Result<Json<Outcome<Changed<GroupBody>>>, Problem> {
    let patch = GroupPatch {
        name: body.name,
        priority: body.priority,
        permissions: body.permissions,
    };
    let done = rest.core.update_group(&call, id, patch).await?;
    let group = GroupBody::from(done.value);
    Ok(Json(settling.beside(&rest, done.effect, group).await))
}

/// Delete a group
///
/// Its members lose what only this group gave them; their sessions go on.
#[utoipa::path(delete, path = "/v1/groups/{id}", params(("id" = Uuid, Path), ChangeQuery),
    responses((status = 200, description = "What it reached", body = Outcome<Changed<DeletedBody>>)))]
async fn delete_group(
    State(rest): State<RestState>,
    Changing { call, settling, .. }: Changing<Admin>,
    Id(id): Id<GroupId>,
) -> Result<Json<Outcome<Changed<DeletedBody>>>, Problem> {
    let done = rest.core.delete_group(&call, id).await?;
    let deleted = DeletedBody { id };
    Ok(Json(settling.beside(&rest, done.effect, deleted).await))
}

/// Set what the members of a group may do
#[utoipa::path(put, path = "/v1/groups/{id}/permissions", params(("id" = Uuid, Path), ChangeQuery),
    request_body = PermissionsBody,
    responses((status = 200, description = "The group as it is now", body = Outcome<Changed<GroupBody>>)))]
async fn set_permissions(
    State(rest): State<RestState>,
    Changing { call, settling, .. }: Changing<Admin>,
    Id(id): Id<GroupId>,
    Json(body): Json<PermissionsBody>,
) -> Result<Json<Outcome<Changed<GroupBody>>>, Problem> {
    let done = rest
        .core
        .set_permissions(&call, id, body.permissions)
        .await?;
    let group = GroupBody::from(done.value);
    Ok(Json(settling.beside(&rest, done.effect, group).await))
}
