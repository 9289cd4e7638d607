//! Who is connected: `/v1/presence`. It may not know sockets.

use std::collections::BTreeSet;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::RestState;
use super::extract::{Json, Query, Scoped, resolved};
use super::page::{ListBody, cursor_at_id, page};
use super::problem::Problem;
use super::schema;
use crate::domain::clock::Timestamp;
use crate::domain::id::{DeviceId, GroupId, UserId};
use crate::domain::presence::{PresenceFilter, Present, together};
use crate::domain::user::UserRef;
use crate::service::Page;

/// A user who is connected.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Present)]
struct PresentBody {
    #[schema(value_type = Uuid)]
    user_id: UserId,
    username: String,
    /// Open sockets.
    connections: u32,
    /// Devices with an open socket.
    devices: usize,
    /// The nodes that they are open to.
    nodes: BTreeSet<String>,
    /// Since when there has been one.
    #[schema(schema_with = schema::timestamp)]
    since: Timestamp,
}

impl PresentBody {
    fn new(username: String, present: Present) -> Self {
        Self {
            user_id: present.user_id,
            username,
            connections: present.connections,
            devices: present.devices.len(),
            nodes: present.nodes,
            since: present.since,
        }
    }
}

/// Who.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct PresenceQuery {
    /// This user.
    #[param(value_type = Option<String>)]
    user_id: Option<UserRef>,
    /// Members of this group.
    #[param(value_type = Option<Uuid>)]
    group_id: Option<GroupId>,
    /// Who is on this device.
    #[param(value_type = Option<Uuid>)]
    device_id: Option<DeviceId>,
    /// Who is connected to nodes of this name.
    node: Option<String>,
    /// How many items at most.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
    /// Where the last page ended: its `next_cursor`.
    cursor: Option<String>,
}

pub(super) fn routes() -> OpenApiRouter<RestState> {
    OpenApiRouter::new().routes(routes!(list_present))
}

/// List who is connected
///
/// To any node; what other nodes say of theirs is up to half a second old, and of one that is lost nothing is said.
#[utoipa::path(get, path = "/v1/presence", params(PresenceQuery),
    responses((status = 200, description = "A page of connected users", body = ListBody<PresentBody>)))]
async fn list_present(
    State(rest): State<RestState>,
    _: Scoped,
    Query(query): Query<PresenceQuery>,
) -> Result<Json<ListBody<PresentBody>>, Problem> {
    let page = page(query.limit, query.cursor.as_deref())?;
    let group = match query.group_id {
        Some(id) => Some((id, rest.core.find_group(id).await?.group.name)),
        None => None,
    };
    let filter = PresenceFilter {
        user: resolved(&rest, query.user_id).await?,
        group,
        device: query.device_id,
    };
    let present = at_nodes(&rest, query.node.as_deref(), &filter, page).await?;
    let (present, next_cursor) = cut(present, page.limit);
    let users: Vec<UserId> = present.iter().map(|it| it.user_id).collect();
    let mut names = rest.core.usernames(&users).await?;
    // Who was deleted meanwhile is not present any more.
    let body = |it: Present| Some(PresentBody::new(names.remove(&it.user_id)?, it));
    Ok(Json(ListBody {
        items: present.into_iter().filter_map(body).collect(),
        next_cursor,
    }))
}

/// One more than fit on the page, if there are.
async fn at_nodes(
    rest: &RestState,
    name: Option<&str>,
    filter: &PresenceFilter,
    page: Page,
) -> Result<Vec<Present>, Problem> {
    let wanted = |node: &str| name.is_none_or(|name| node == name);
    let after = page.after.map(UserId);
    let one_more = page.limit.saturating_add(1);
    let limit = usize::try_from(one_more).unwrap_or(usize::MAX);
    let mut others = rest.node.others();
    others.retain(|_, node| wanted(node));
    let mut present = rest
        .core
        .list_present_at(&others, filter, after, one_more)
        .await?;
    if wanted(rest.node.name()) {
        present.extend(rest.node.presence(filter, after, limit));
    }
    Ok(together(present, limit))
}

/// One more than asked for tells that there is a next page; where that begins.
fn cut(mut present: Vec<Present>, limit: u32) -> (Vec<Present>, Option<String>) {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let is_last = present.len() <= limit;
    present.truncate(limit);
    let last = present.last().filter(|_| !is_last);
    let next = last.map(|last| cursor_at_id(last.user_id.0));
    (present, next)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn present(users: u128) -> Vec<Present> {
        let present = |id| Present {
            user_id: UserId(Uuid::from_u128(id)),
            connections: 1,
            devices: BTreeSet::new(),
            nodes: BTreeSet::new(),
            since: Timestamp::from_seconds(0),
        };
        (1..=users).map(present).collect()
    }

    #[test]
    fn the_next_page_begins_after_the_last_item() {
        let (page, next) = cut(present(3), 2);
        assert_eq!(page.len(), 2);
        assert_eq!(next, Some(cursor_at_id(Uuid::from_u128(2))));
        assert_eq!(cut(present(2), 2).1, None);
        assert_eq!(cut(present(0), 2).1, None);
    }
}
