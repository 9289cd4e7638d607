//! Who is in a group: `/v1/groups/{id}/members`.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::RestState;
use super::extract::{Admin, Id, Json, Member, Query};
use super::page::{ListBody, PageQuery};
use super::problem::Problem;
use super::receipt::{ChangeQuery, Changed, Changing, Outcome};
use super::users::UserBody;
use crate::domain::id::{GroupId, UserId};
use crate::domain::text::BULK_MAX;
use crate::domain::user::UserRef;

/// Whether a user is in a group.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Membership)]
struct MembershipBody {
    #[schema(value_type = Uuid)]
    group_id: GroupId,
    #[schema(value_type = Uuid)]
    user_id: UserId,
    member: bool,
}

/// Who comes and who goes.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = MembersChange)]
struct MembersBody {
    /// Users that come into the group; those who are in it stay.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    add: Vec<UserRef>,
    /// Users that leave it; those who are not in it are passed over.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    remove: Vec<UserRef>,
}

/// How many came and went.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MembersChanged)]
struct MembersChangedBody {
    added: u64,
    removed: u64,
}

pub(super) fn routes() -> OpenApiRouter<RestState> {
    OpenApiRouter::new()
        .routes(routes!(list_members, change_members))
        .routes(routes!(add_member, remove_member))
}

/// List the members of a group
#[utoipa::path(get, path = "/v1/groups/{id}/members", params(("id" = Uuid, Path), PageQuery),
    responses((status = 200, description = "A page of users", body = ListBody<UserBody>)))]
async fn list_members(
    State(rest): State<RestState>,
    _: Admin,
    Id(id): Id<GroupId>,
    Query(query): Query<PageQuery>,
) -> Result<Json<ListBody<UserBody>>, Problem> {
    let members = rest.core.list_members(id, query.page()?).await?;
    Ok(Json(ListBody::of(members, UserBody::from)))
}

/// Add and remove many members at once
///
/// One change, and one message to each person connected, whatever the number.
#[utoipa::path(post, path = "/v1/groups/{id}/members", params(("id" = Uuid, Path), ChangeQuery),
    request_body = MembersBody,
    responses((status = 200, description = "How many came and went", body = Outcome<Changed<MembersChangedBody>>)))]
async fn change_members(
    State(rest): State<RestState>,
    Changing { call, settling, .. }: Changing<Admin>,
    Id(id): Id<GroupId>,
    Json(MembersBody { add, remove }): Json<MembersBody>,
) -> Result<Json<Outcome<Changed<MembersChangedBody>>>, Problem> {
    check_bulk(add.len() + remove.len())?;
    let add = rest.core.resolve_users(add).await?;
    let remove = rest.core.resolve_users(remove).await?;
    let done = rest.core.change_members(&call, id, add, remove).await?;
    let counts = MembersChangedBody {
        added: done.value.added,
        removed: done.value.removed,
    };
    Ok(Json(settling.beside(&rest, done.effect, counts).await))
}

fn check_bulk(users: usize) -> Result<(), Problem> {
    if users > BULK_MAX {
        return Err(Problem::invalid(format!(
            "`add` and `remove` may have at most {BULK_MAX} users together"
        )));
    }
    Ok(())
}

/// Put a user into a group
#[utoipa::path(put, path = "/v1/groups/{id}/members/{user_id}",
    params(("id" = Uuid, Path), ("user_id" = String, Path, description = "The id, or `ext:` and the external id"), ChangeQuery),
    responses((status = 200, description = "The user is in the group", body = Outcome<Changed<MembershipBody>>)))]
async fn add_member(
    State(rest): State<RestState>,
    Changing { call, settling, .. }: Changing<Admin>,
    Member(group_id, user_id): Member,
) -> Result<Json<Outcome<Changed<MembershipBody>>>, Problem> {
    let done = rest.core.add_member(&call, group_id, user_id).await?;
    let membership = MembershipBody {
        group_id,
        user_id,
        member: true,
    };
    Ok(Json(settling.beside(&rest, done.effect, membership).await))
}

/// Take a user out of a group
#[utoipa::path(delete, path = "/v1/groups/{id}/members/{user_id}",
    params(("id" = Uuid, Path), ("user_id" = String, Path, description = "The id, or `ext:` and the external id"), ChangeQuery),
    responses((status = 200, description = "The user is not in the group", body = Outcome<Changed<MembershipBody>>)))]
async fn remove_member(
    State(rest): State<RestState>,
    Changing { call, settling, .. }: Changing<Admin>,
    Member(group_id, user_id): Member,
) -> Result<Json<Outcome<Changed<MembershipBody>>>, Problem> {
    let done = rest.core.remove_member(&call, group_id, user_id).await?;
    let membership = MembershipBody {
        group_id,
        user_id,
        member: false,
    };
    Ok(Json(settling.beside(&rest, done.effect, membership).await))
}
