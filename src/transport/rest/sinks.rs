//! Sinks: how they fare, and the word that lets one try again: `/v1/sinks`. It may not know what they
//! write.

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::RestState;
use super::extract::{Admin, Id, Json, NoBody, NoQuery};
use super::problem::Problem;
use super::receipt::{ChangeQuery, Changing, Outcome, ReceiptBody};
use super::schema;
use crate::domain::clock::Timestamp;
use crate::domain::id::Seq;
use crate::node::sink::SinkReport;

/// A reader of the log that writes elsewhere.
#[derive(Serialize, ToSchema)]
#[schema(as = Sink)]
struct SinkBody {
    name: String,
    #[schema(example = "redis")]
    kind: &'static str,
    /// `running`, `standby`, `failing`, `disabled` or `lost`.
    #[schema(example = "running")]
    state: &'static str,
    /// Everything up to this position has been written.
    #[schema(value_type = u64)]
    seq: Seq,
    /// How many events it is behind this node.
    lag_events: u64,
    /// How old the first event is that it has yet to write.
    lag_ms: u64,
    /// Since when no write has succeeded.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = schema::timestamp)]
    failing_since: Option<Timestamp>,
    /// What went wrong last.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_error: Option<String>,
    /// When it is tried again.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = schema::timestamp)]
    next_attempt_at: Option<Timestamp>,
}

impl From<SinkReport> for SinkBody {
    fn from(report: SinkReport) -> Self {
        Self {
            name: report.name,
            kind: report.kind,
            state: report.state.as_str(),
            seq: report.seq,
            lag_events: report.lag_events,
            lag_ms: u64::try_from(report.lag.as_millis()).unwrap_or(u64::MAX),
            failing_since: report.failing_since,
            last_error: report.last_error,
            next_attempt_at: report.next_attempt_at,
        }
    }
}

/// The sinks that are configured: few, so there is one page.
#[derive(Serialize, ToSchema)]
#[schema(as = SinkList)]
struct SinksBody {
    items: Vec<SinkBody>,
    #[schema(required)]
    next_cursor: Option<String>,
}

pub(super) fn routes() -> OpenApiRouter<RestState> {
    OpenApiRouter::new()
        .routes(routes!(list_sinks))
        .routes(routes!(enable_sink))
}

/// List sinks
///
/// How far each has come, and what is wrong with it.
#[utoipa::path(get, path = "/v1/sinks",
    responses((status = 200, description = "All of them", body = SinksBody)))]
async fn list_sinks(State(rest): State<RestState>, _: Admin, _: NoQuery) -> Json<SinksBody> {
    let items = rest.sinks.reports().into_iter().map(SinkBody::from);
    Json(SinksBody {
        items: items.collect(),
        next_cursor: None,
    })
}

/// Enable a sink
///
/// One that failed for so long that it was disabled is tried again, from where it was.
#[utoipa::path(post, path = "/v1/sinks/{name}/enable", params(("name" = String, Path), ChangeQuery),
    responses((status = 200, description = "What it reached", body = Outcome<ReceiptBody>)))]
async fn enable_sink(
    State(rest): State<RestState>,
    Changing { call, settling, .. }: Changing<Admin>,
    Id(name): Id<String>,
    _: NoBody,
) -> Result<Json<Outcome<ReceiptBody>>, Problem> {
    let done = rest.core.enable_sink(&call, &name).await?;
    Ok(Json(settling.receipt(&rest, done.effect).await))
}
