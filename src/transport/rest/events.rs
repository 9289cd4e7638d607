//! The log as the audit trail: `/v1/events`. It may not know what events mean.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::RestState;
use super::extract::{Admin, Json, Query, resolved};
use super::page::{ListBody, cursor_at_number, limit, number_of};
use super::problem::Problem;
use super::schema;
use crate::domain::access::InitiatingEntity;
use crate::domain::audit::{AuditEntry, EventRecord, Party};
use crate::domain::clock::Timestamp;
use crate::domain::error::Error;
use crate::domain::id::{Seq, UserId};
use crate::domain::user::UserRef;
use crate::service::EventQuery;

/// What happened.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Event)]
pub(super) struct EventBody {
    /// Its position in the log.
    #[schema(value_type = u64)]
    seq: Seq,
    #[serde(rename = "type")]
    #[schema(example = "membership.removed")]
    kind: &'static str,
    #[schema(schema_with = schema::timestamp)]
    at: Timestamp,
    /// Who did it.
    actor: PartyBody,
    /// What it is about.
    subject: PartyBody,
    #[schema(schema_with = schema::initiating_entity)]
    initiating_entity: InitiatingEntity,
    /// The request that caused it.
    #[schema(required)]
    request_id: Option<String>,
    /// The address that the request came from.
    #[schema(required)]
    address: Option<String>,
    /// What its type has to tell.
    #[schema(value_type = Object)]
    data: Value,
}

/// Who or what.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Party)]
struct PartyBody {
    #[serde(rename = "type")]
    #[schema(example = "user")]
    kind: String,
    #[schema(required)]
    id: Option<String>,
}

impl EventBody {
    pub(super) fn of(audit: AuditEntry) -> Result<Self, Error> {
        let record = EventRecord::try_from(audit).map_err(Error::internal)?;
        Ok(Self {
            seq: record.seq,
            kind: record.kind,
            at: record.at,
            actor: record.actor.into(),
            subject: record.subject.into(),
            initiating_entity: record.initiating_entity,
            request_id: record.request_id,
            address: record.address,
            data: record.data,
        })
    }
}

impl From<Party> for PartyBody {
    fn from(party: Party) -> Self {
        Self {
            kind: party.kind,
            id: party.id,
        }
    }
}

/// Which events.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct EventsQuery {
    /// After this position.
    after: Option<u64>,
    /// Of this type.
    #[serde(rename = "type")]
    kind: Option<String>,
    /// That concern this user.
    #[param(value_type = Option<String>)]
    user_id: Option<UserRef>,
    /// How many items at most.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
    /// Where the last page ended: its `next_cursor`; instead of `after`.
    cursor: Option<String>,
}

impl EventsQuery {
    fn read(self, user_id: Option<UserId>) -> Result<EventQuery, Problem> {
        let after = match (self.after, self.cursor.as_deref()) {
            (Some(_), Some(_)) => {
                return Err(Problem::invalid("send `after` or `cursor`, not both"));
            }
            (Some(after), None) => after,
            (None, Some(cursor)) => number_of(cursor)?,
            (None, None) => 0,
        };
        // A position is kept as a signed number.
        if i64::try_from(after).is_err() {
            return Err(Problem::invalid("`after` is no position"));
        }
        Ok(EventQuery {
            after: Seq(after),
            kind: self.kind,
            user_id,
            limit: limit(self.limit)?,
        })
    }
}

pub(super) fn routes() -> OpenApiRouter<RestState> {
    OpenApiRouter::new().routes(routes!(list_events))
}

/// List what happened
///
/// The whole log, ascending: who did what, from where, in which request.
#[utoipa::path(get, path = "/v1/events", params(EventsQuery),
    responses((status = 200, description = "A page of the log", body = ListBody<EventBody>)))]
async fn list_events(
    State(rest): State<RestState>,
    _: Admin,
    Query(query): Query<EventsQuery>,
) -> Result<Json<ListBody<EventBody>>, Problem> {
    let user_id = resolved(&rest, query.user_id.clone()).await?;
    let (events, next) = rest.core.list_events(query.read(user_id)?).await?;
    let items: Result<_, Error> = events.into_iter().map(EventBody::of).collect();
    Ok(Json(ListBody {
        items: items?,
        next_cursor: next.map(|Seq(position)| cursor_at_number(position)),
    }))
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::domain::event::{Event, LogEntry};
    use crate::domain::id::GroupId;

    fn query(after: Option<u64>, cursor: Option<String>) -> Option<u64> {
        let query = EventsQuery {
            after,
            kind: None,
            user_id: None,
            limit: None,
            cursor,
        };
        query.read(None).ok().map(|query| query.after.0)
    }

    #[test]
    fn a_page_begins_after_a_position_or_a_cursor() {
        assert_eq!(query(None, None), Some(0));
        assert_eq!(query(Some(7), None), Some(7));
        assert_eq!(query(None, Some(cursor_at_number(9))), Some(9));
        assert_eq!(query(Some(7), Some(cursor_at_number(9))), None);
        assert_eq!(query(Some(u64::MAX), None), None);
    }

    #[test]
    fn an_event_tells_who_did_what() {
        let event = Event::MembershipAdded {
            user_id: UserId(Uuid::from_u128(1)),
            group_id: GroupId(Uuid::from_u128(2)),
            group: "analysts".to_owned(),
        };
        insta::assert_json_snapshot!(EventBody::of(audit(event)).unwrap());
    }

    #[test]
    fn it_is_told_as_everywhere() {
        let audit = audit(Event::RevokedAll {});
        let record = EventRecord::try_from(audit.clone()).unwrap();
        let body = serde_json::to_value(EventBody::of(audit).unwrap()).unwrap();
        assert_eq!(body, serde_json::to_value(record).unwrap());
        assert_eq!(body["data"], serde_json::json!({}));
    }

    fn audit(event: Event) -> AuditEntry {
        AuditEntry {
            entry: LogEntry {
                seq: Seq(3),
                at: Timestamp::from_seconds(0),
                initiating_entity: InitiatingEntity::Admin,
                event,
            },
            actor_type: "api_key".to_owned(),
            actor_id: Some(Uuid::from_u128(4)),
            request_id: Some("r".to_owned()),
            address: None,
        }
    }
}
