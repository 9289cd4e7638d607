//! Who is connected: `/v1/presence`. It may not know sockets.

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::RestState;
use super::extract::{Json, Query, Scoped};
use super::page::{ListBody, PageQuery, cursor_at_id};
use super::problem::Problem;
use super::schema;
use crate::domain::clock::Timestamp;
use crate::domain::id::UserId;
use crate::node::Present;

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
    devices: u32,
    /// Since when there has been one.
    #[schema(schema_with = schema::timestamp)]
    since: Timestamp,
}

impl From<Present> for PresentBody {
    fn from(present: Present) -> Self {
        Self {
            user_id: present.user_id,
            username: present.username,
            connections: present.connections,
            devices: present.devices,
            since: present.since,
        }
    }
}

pub(super) fn routes() -> OpenApiRouter<RestState> {
    OpenApiRouter::new().routes(routes!(list_present))
}

/// List who is connected
#[utoipa::path(get, path = "/v1/presence", params(PageQuery),
    responses((status = 200, description = "A page of connected users", body = ListBody<PresentBody>)))]
async fn list_present(
    State(rest): State<RestState>,
    _: Scoped,
    Query(query): Query<PageQuery>,
) -> Result<Json<ListBody<PresentBody>>, Problem> {
    let page = query.page()?;
    let one_more = page.limit.saturating_add(1);
    let present = rest.node.presence(page.after.map(UserId), one_more);
    Ok(Json(cut(present, page.limit)))
}

/// One more than asked for tells that there is a next page.
fn cut(mut present: Vec<Present>, limit: u32) -> ListBody<PresentBody> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let is_last = present.len() <= limit;
    present.truncate(limit);
    let last = present.last().filter(|_| !is_last);
    ListBody {
        next_cursor: last.map(|last| cursor_at_id(last.user_id.0)),
        items: present.into_iter().map(PresentBody::from).collect(),
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn present(users: u128) -> Vec<Present> {
        let present = |id| Present {
            user_id: UserId(Uuid::from_u128(id)),
            username: "maryo".to_owned(),
            connections: 1,
            devices: 1,
            since: Timestamp::from_seconds(0),
        };
        (1..=users).map(present).collect()
    }

    #[test]
    fn the_next_page_begins_after_the_last_item() {
        let page = cut(present(3), 2);
        assert_eq!(page.items.len(), 2);
        assert_eq!(page.next_cursor, Some(cursor_at_id(Uuid::from_u128(2))));
        assert_eq!(cut(present(2), 2).next_cursor, None);
        assert_eq!(cut(present(0), 2).next_cursor, None);
    }
}
