//! How far an earlier change has got by now: `/v1/receipts/{seq}`. It may not know what the change was.

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::RestState;
use super::extract::{Id, Json, Query, Scoped};
use super::problem::Problem;
use super::receipt::WaitQuery;
use super::schema;
use crate::domain::error::Error;
use crate::domain::id::Seq;
use crate::domain::receipt::{GuardsReached, NodesReached, SpreadReached};
use crate::node::Settled;

/// How far a change has got.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Reached)]
struct ReachedBody {
    #[schema(value_type = u64)]
    seq: Seq,
    #[schema(schema_with = schema::nodes_reached)]
    nodes: NodesReached,
    /// Connections, as far as their nodes remember the change: the last 256 of each.
    #[schema(schema_with = schema::spread_reached)]
    connections: SpreadReached,
    #[schema(schema_with = schema::guards_reached)]
    guards: GuardsReached,
}

pub(super) fn routes() -> OpenApiRouter<RestState> {
    OpenApiRouter::new().routes(routes!(find_receipt))
}

/// Look how far a change has got by now
#[utoipa::path(get, path = "/v1/receipts/{seq}",
    params(("seq" = u64, Path, description = "The position that the change's receipt names."), WaitQuery),
    responses((status = 200, description = "How far it has got", body = ReachedBody)))]
async fn find_receipt(
    State(rest): State<RestState>,
    _: Scoped,
    Id(seq): Id<Seq>,
    Query(query): Query<WaitQuery>,
) -> Result<Json<ReachedBody>, Problem> {
    if seq == Seq(0) || seq > rest.core.head().await? {
        return Err(Error::NotFound("position of the log").into());
    }
    let wait = query.wait(rest.settings.request_timeout)?;
    let Settled {
        nodes,
        connections,
        guards,
    } = rest.node.settle(seq, wait).await;
    Ok(Json(ReachedBody {
        seq,
        nodes,
        connections,
        guards,
    }))
}
