//! What services that follow the feed say about it: how far they have applied it, and which tokens they
//! accepted too late. It may not know how the feed travels.

use axum::extract::State;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::RestState;
use super::extract::{FeedService, Json, NoQuery, Who as _};
use super::problem::Problem;
use super::schema;
use crate::domain::clock::Timestamp;
use crate::domain::error::Error;
use crate::domain::event::{LateUse, LateVerdict};
use crate::domain::id::{Seq, SessionId, UserId};
use crate::service::Mode;

/// How far a service has come.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Acknowledgement {
    /// From the message `hello`.
    reader: Uuid,
    /// Everything up to this position has been applied.
    #[schema(value_type = u64)]
    seq: Seq,
}

/// Tokens that a service accepted after what ended them, or made them stale, had happened.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct LateUses {
    /// From the message `hello`.
    reader: Uuid,
    /// At most 100.
    uses: Vec<LateUseBody>,
}

/// One token, used for one thing.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = LateUse)]
struct LateUseBody {
    #[schema(value_type = Uuid)]
    session_id: SessionId,
    #[schema(value_type = Uuid)]
    user_id: UserId,
    /// The token's own id.
    jti: Uuid,
    /// The position of the change that came before the use.
    #[schema(value_type = u64)]
    seq: Seq,
    /// What the service would have said, had it known.
    #[schema(schema_with = schema::late_verdict)]
    code: LateVerdict,
    /// What the token was used for; up to 200 characters.
    #[schema(example = "GET /reports")]
    what: String,
    /// How often.
    #[schema(minimum = 1)]
    count: u32,
    #[schema(value_type = String, format = DateTime)]
    first_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    last_at: Timestamp,
}

/// What came of it.
#[derive(Serialize, ToSchema)]
struct Recorded {
    /// How many were recorded; uses by sessions that the user never had are left out.
    recorded: u32,
}

impl From<LateUseBody> for LateUse {
    fn from(body: LateUseBody) -> Self {
        Self {
            session_id: body.session_id,
            user_id: body.user_id,
            jti: body.jti,
            change_seq: body.seq,
            verdict: body.code,
            what: body.what,
            count: body.count,
            first_at: body.first_at,
            last_at: body.last_at,
        }
    }
}

pub(super) fn routes() -> OpenApiRouter<RestState> {
    OpenApiRouter::new()
        .routes(routes!(acknowledge))
        .routes(routes!(report_late_uses))
}

/// Say how far the feed has been applied
///
/// Receipts then count this service among those that follow and have applied a change.
#[utoipa::path(post, path = "/v1/feed/acks", request_body = Acknowledgement,
    responses((status = 204, description = "Noted")))]
async fn acknowledge(
    State(rest): State<RestState>,
    _: FeedService,
    _: NoQuery,
    Json(ack): Json<Acknowledgement>,
) -> Result<StatusCode, Problem> {
    if ack.seq > rest.node.head() {
        return Err(Problem::invalid("`seq` lies ahead of the log"));
    }
    if rest.node.acknowledge(ack.reader, ack.seq) {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Error::NotFound("reader").into())
    }
}

/// Say which tokens were accepted too late
///
/// Between a revocation and a service's learning of it lie milliseconds, or as long as its feed was cut.
/// What was accepted in between is recorded as the events `token.late_use`.
#[utoipa::path(post, path = "/v1/feed/late-uses", request_body = LateUses,
    responses((status = 200, description = "How many were recorded", body = Recorded)))]
async fn report_late_uses(
    State(rest): State<RestState>,
    service: FeedService,
    _: NoQuery,
    Json(report): Json<LateUses>,
) -> Result<Json<Recorded>, Problem> {
    if !rest.node.follows_feed(report.reader) {
        return Err(Error::NotFound("reader").into());
    }
    let wrong = |late: &LateUseBody| late.count == 0 || late.last_at < late.first_at;
    if report.uses.iter().any(wrong) {
        return Err(Problem::invalid(
            "each use needs a `count` of at least 1 and a `last_at` that is not before `first_at`",
        ));
    }
    let uses = report.uses.into_iter().map(LateUse::from).collect();
    let call = service.call(Mode::Commit);
    let recorded = rest.core.report_late_uses(&call, uses).await?;
    Ok(Json(Recorded { recorded }))
}
