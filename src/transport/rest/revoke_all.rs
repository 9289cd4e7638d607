//! The emergency brake: everybody is signed out.

use axum::extract::State;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::RestState;
use super::extract::{Admin, Json, NoBody};
use super::problem::Problem;
use super::receipt::{ChangeQuery, Changing, Outcome, ReceiptBody};

pub(super) fn routes() -> OpenApiRouter<RestState> {
    OpenApiRouter::new().routes(routes!(revoke_all))
}

/// Sign everybody out
///
/// Every session ends with `revoke_all`, the caller's own too.
#[utoipa::path(post, path = "/v1/revoke-all", params(ChangeQuery),
    responses((status = 200, description = "What it reached", body = Outcome<ReceiptBody>)))]
async fn revoke_all(
    State(rest): State<RestState>,
    Changing { call, settling, .. }: Changing<Admin>,
    _: NoBody,
) -> Result<Json<Outcome<ReceiptBody>>, Problem> {
    let done = rest.core.revoke_all(&call).await?;
    Ok(Json(settling.receipt(&rest, done.effect).await))
}
