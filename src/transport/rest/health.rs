//! Whether the process is alive, and whether this node decides. For load balancers and supervisors.

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::RestState;
use super::extract::Json;
use super::problem::{Problem, ProblemBody};
use crate::domain::error::Error;

/// How the node is.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Health)]
struct HealthBody {
    #[schema(example = "ready")]
    status: &'static str,
}

pub(super) fn routes() -> OpenApiRouter<RestState> {
    OpenApiRouter::new()
        .routes(routes!(healthz))
        .routes(routes!(readyz))
}

/// Is the process alive?
#[utoipa::path(get, path = "/healthz",
    responses((status = 200, description = "It is", body = HealthBody)))]
async fn healthz() -> Json<HealthBody> {
    Json(HealthBody { status: "alive" })
}

/// Does this node decide?
///
/// A node that can't follow the log refuses to guess, and says why it can't.
#[utoipa::path(get, path = "/readyz", responses(
    (status = 200, description = "It does", body = HealthBody),
    (status = 503, description = "It does not at the moment", body = ProblemBody, content_type = "application/problem+json")))]
async fn readyz(State(rest): State<RestState>) -> Result<Json<HealthBody>, Problem> {
    match rest.node.trouble() {
        None => Ok(Json(HealthBody { status: "ready" })),
        Some(why) => Err(Error::NotReady(why).into()),
    }
}
