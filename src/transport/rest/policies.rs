//! Policies: how many sessions at once, what happens at the limit, how long they live. `/v1/policies`.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::RestState;
use super::extract::{Admin, Id, Json, NoQuery, Query, User};
use super::page::{ListBody, PageQuery};
use super::problem::Problem;
use super::receipt::{ChangeQuery, Changed, Changing, Outcome};
use super::schema;
use crate::domain::id::GroupId;
use crate::domain::policy::{AtLimit, CountBy, Policy, PolicyScope};
use crate::service::PolicyView;

const SESSIONS_MAX: u32 = 10_000;
/// Ten years.
const SECONDS_MAX: u32 = 315_360_000;

/// The rules for the sessions of a user. What is left out is as in the built-in policy; null: no limit.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(as = Policy)]
struct PolicyBody {
    /// How many at once.
    #[schema(minimum = 1, maximum = 10_000)]
    max_sessions: Option<u32>,
    #[schema(schema_with = schema::count_by)]
    count_by: CountBy,
    #[schema(schema_with = schema::at_limit)]
    at_limit: AtLimit,
    /// How long a session may be unused, in seconds.
    #[schema(minimum = 1, maximum = 315_360_000)]
    idle_timeout_s: Option<u32>,
    /// How old a session may become, in seconds.
    #[schema(minimum = 1, maximum = 315_360_000)]
    max_age_s: Option<u32>,
    /// The idle time-out of a remembered session, in seconds.
    #[schema(minimum = 1, maximum = 315_360_000)]
    remembered_idle_timeout_s: Option<u32>,
    /// The age of a remembered session, in seconds.
    #[schema(minimum = 1, maximum = 315_360_000)]
    remembered_max_age_s: Option<u32>,
    /// How long ago the person may have signed in, in seconds. After that tokens are refused with
    /// `insufficient_user_authentication`, until they sign in again.
    #[schema(minimum = 1, maximum = 315_360_000)]
    sign_in_max_age_s: Option<u32>,
}

impl Default for PolicyBody {
    fn default() -> Self {
        Policy::default().into()
    }
}

impl From<Policy> for PolicyBody {
    fn from(policy: Policy) -> Self {
        Self {
            max_sessions: policy.max_sessions,
            count_by: policy.count_by,
            at_limit: policy.at_limit,
            idle_timeout_s: policy.idle_timeout_s,
            max_age_s: policy.max_age_s,
            remembered_idle_timeout_s: policy.remembered_idle_timeout_s,
            remembered_max_age_s: policy.remembered_max_age_s,
            sign_in_max_age_s: policy.sign_in_max_age_s,
        }
    }
}

impl PolicyBody {
    fn read(&self) -> Result<Policy, Problem> {
        Ok(Policy {
            max_sessions: within("max_sessions", self.max_sessions, SESSIONS_MAX)?,
            count_by: self.count_by,
            at_limit: self.at_limit,
            idle_timeout_s: within("idle_timeout_s", self.idle_timeout_s, SECONDS_MAX)?,
            max_age_s: within("max_age_s", self.max_age_s, SECONDS_MAX)?,
            remembered_idle_timeout_s: within(
                "remembered_idle_timeout_s",
                self.remembered_idle_timeout_s,
                SECONDS_MAX,
            )?,
            remembered_max_age_s: within(
                "remembered_max_age_s",
                self.remembered_max_age_s,
                SECONDS_MAX,
            )?,
            sign_in_max_age_s: within("sign_in_max_age_s", self.sign_in_max_age_s, SECONDS_MAX)?,
        })
    }
}

fn within(member: &str, given: Option<u32>, max: u32) -> Result<Option<u32>, Problem> {
    match given {
        Some(number) if !(1..=max).contains(&number) => Err(Problem::invalid(format!(
            "`{member}` must be from 1 to {max}, or null for no limit"
        ))),
        _ => Ok(given),
    }
}

/// A policy and for whom it is.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ScopedPolicy)]
struct ScopedPolicyBody {
    scope: ScopeBody,
    policy: PolicyBody,
}

/// For whom a policy is.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PolicyScope)]
struct ScopeBody {
    #[serde(rename = "type")]
    #[schema(schema_with = schema::policy_scope)]
    kind: &'static str,
    /// The group or user; null for everybody.
    #[schema(required)]
    id: Option<Uuid>,
}

impl From<PolicyView> for ScopedPolicyBody {
    fn from(view: PolicyView) -> Self {
        let (kind, id) = match view.scope {
            PolicyScope::Default => ("default", None),
            PolicyScope::Group(id) => ("group", Some(id.0)),
            PolicyScope::User(id) => ("user", Some(id.0)),
        };
        Self {
            scope: ScopeBody { kind, id },
            policy: view.policy.into(),
        }
    }
}

pub(super) fn routes() -> OpenApiRouter<RestState> {
    OpenApiRouter::new()
        .routes(routes!(list_policies))
        .routes(routes!(
            find_default_policy,
            put_default_policy,
            remove_default_policy
        ))
        .routes(routes!(
            find_group_policy,
            put_group_policy,
            remove_group_policy
        ))
        .routes(routes!(
            find_user_policy,
            put_user_policy,
            remove_user_policy
        ))
}

async fn find(rest: &RestState, scope: PolicyScope) -> Result<Json<PolicyBody>, Problem> {
    let policy = rest.core.find_policy(scope).await?;
    Ok(Json(policy.into()))
}

async fn put(
    rest: &RestState,
    asked: Changing<Admin>,
    scope: PolicyScope,
    body: PolicyBody,
) -> Result<Json<Outcome<Changed<PolicyBody>>>, Problem> {
    let policy = body.read()?;
    let done = rest.core.put_policy(&asked.call, scope, policy).await?;
    Ok(Json(asked.settling.beside(rest, done.effect, body).await))
}

async fn remove(
    rest: &RestState,
    asked: Changing<Admin>,
    scope: PolicyScope,
) -> Result<Json<Outcome<Changed<RemovedBody>>>, Problem> {
    let done = rest.core.remove_policy(&asked.call, scope).await?;
    let removed = RemovedBody {};
    Ok(Json(
        asked.settling.beside(rest, done.effect, removed).await,
    ))
}

/// Nothing is left of it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RemovedPolicy)]
struct RemovedBody {}

/// List policies
#[utoipa::path(get, path = "/v1/policies", params(PageQuery),
    responses((status = 200, description = "A page of policies, the default first", body = ListBody<ScopedPolicyBody>)))]
async fn list_policies(
    State(rest): State<RestState>,
    _: Admin,
    Query(query): Query<PageQuery>,
) -> Result<Json<ListBody<ScopedPolicyBody>>, Problem> {
    let policies = rest.core.list_policies().await?;
    ListBody::part(policies, &query, ScopedPolicyBody::from).map(Json)
}

/// Look at the policy for everybody
#[utoipa::path(get, path = "/v1/policies/default",
    responses((status = 200, description = "The policy", body = PolicyBody)))]
async fn find_default_policy(
    State(rest): State<RestState>,
    _: Admin,
    _: NoQuery,
) -> Result<Json<PolicyBody>, Problem> {
    find(&rest, PolicyScope::Default).await
}

/// Set the policy for everybody
///
/// Sessions beyond a lowered limit end, the oldest first, before the answer.
#[utoipa::path(put, path = "/v1/policies/default", params(ChangeQuery), request_body = PolicyBody,
    responses((status = 200, description = "The policy as it is now", body = Outcome<Changed<PolicyBody>>)))]
async fn put_default_policy(
    State(rest): State<RestState>,
    asked: Changing<Admin>,
    Json(body): Json<PolicyBody>,
) -> Result<Json<Outcome<Changed<PolicyBody>>>, Problem> {
    put(&rest, asked, PolicyScope::Default, body).await
}

/// Go back to the built-in policy for everybody
#[utoipa::path(delete, path = "/v1/policies/default", params(ChangeQuery),
    responses((status = 200, description = "What it reached", body = Outcome<Changed<RemovedBody>>)))]
async fn remove_default_policy(
    State(rest): State<RestState>,
    asked: Changing<Admin>,
) -> Result<Json<Outcome<Changed<RemovedBody>>>, Problem> {
    remove(&rest, asked, PolicyScope::Default).await
}

/// Look at the policy of a group
#[utoipa::path(get, path = "/v1/policies/groups/{id}", params(("id" = Uuid, Path)),
    responses((status = 200, description = "The policy", body = PolicyBody)))]
async fn find_group_policy(
    State(rest): State<RestState>,
    _: Admin,
    Id(id): Id<GroupId>,
    _: NoQuery,
) -> Result<Json<PolicyBody>, Problem> {
    find(&rest, PolicyScope::Group(id)).await
}

/// Set the policy of a group
///
/// Of several groups of a user the one with the highest priority counts.
#[utoipa::path(put, path = "/v1/policies/groups/{id}", params(("id" = Uuid, Path), ChangeQuery),
    request_body = PolicyBody,
    responses((status = 200, description = "The policy as it is now", body = Outcome<Changed<PolicyBody>>)))]
async fn put_group_policy(
    State(rest): State<RestState>,
    asked: Changing<Admin>,
    Id(id): Id<GroupId>,
    Json(body): Json<PolicyBody>,
) -> Result<Json<Outcome<Changed<PolicyBody>>>, Problem> {
    put(&rest, asked, PolicyScope::Group(id), body).await
}

/// Remove the policy of a group
#[utoipa::path(delete, path = "/v1/policies/groups/{id}", params(("id" = Uuid, Path), ChangeQuery),
    responses((status = 200, description = "What it reached", body = Outcome<Changed<RemovedBody>>)))]
async fn remove_group_policy(
    State(rest): State<RestState>,
    asked: Changing<Admin>,
    Id(id): Id<GroupId>,
) -> Result<Json<Outcome<Changed<RemovedBody>>>, Problem> {
    remove(&rest, asked, PolicyScope::Group(id)).await
}

/// Look at the policy of a user
#[utoipa::path(get, path = "/v1/policies/users/{id}", params(("id" = String, Path, description = "The id, or `ext:` and the external id")),
    responses((status = 200, description = "The policy", body = PolicyBody)))]
async fn find_user_policy(
    State(rest): State<RestState>,
    _: Admin,
    User(id): User,
    _: NoQuery,
) -> Result<Json<PolicyBody>, Problem> {
    find(&rest, PolicyScope::User(id)).await
}

/// Set the policy of a user
///
/// It wins over all others.
#[utoipa::path(put, path = "/v1/policies/users/{id}", params(("id" = String, Path, description = "The id, or `ext:` and the external id"), ChangeQuery),
    request_body = PolicyBody,
    responses((status = 200, description = "The policy as it is now", body = Outcome<Changed<PolicyBody>>)))]
async fn put_user_policy(
    State(rest): State<RestState>,
    asked: Changing<Admin>,
    User(id): User,
    Json(body): Json<PolicyBody>,
) -> Result<Json<Outcome<Changed<PolicyBody>>>, Problem> {
    put(&rest, asked, PolicyScope::User(id), body).await
}

/// Remove the policy of a user
#[utoipa::path(delete, path = "/v1/policies/users/{id}", params(("id" = String, Path, description = "The id, or `ext:` and the external id"), ChangeQuery),
    responses((status = 200, description = "What it reached", body = Outcome<Changed<RemovedBody>>)))]
async fn remove_user_policy(
    State(rest): State<RestState>,
    asked: Changing<Admin>,
    User(id): User,
) -> Result<Json<Outcome<Changed<RemovedBody>>>, Problem> {
    remove(&rest, asked, PolicyScope::User(id)).await
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn policy(body: serde_json::Value) -> Option<Policy> {
        let body: PolicyBody = serde_json::from_value(body).ok()?;
        body.read().ok()
    }

    #[test]
    fn what_is_left_out_is_built_in_and_null_is_no_limit() {
        assert_eq!(policy(json!({})), Some(Policy::default()));
        let given = policy(json!({ "max_sessions": 2, "max_age_s": null })).unwrap();
        assert_eq!((given.max_sessions, given.max_age_s), (Some(2), None));
        assert_eq!(given.idle_timeout_s, Policy::default().idle_timeout_s);
    }

    #[test]
    fn numbers_have_bounds_and_words_are_known() {
        for wrong in [
            json!({ "max_sessions": 0 }),
            json!({ "max_sessions": 10_001 }),
            json!({ "max_sessions": -1 }),
            json!({ "max_sessions": 1.5 }),
            json!({ "idle_timeout_s": 0 }),
            json!({ "remembered_max_age_s": 315_360_001 }),
            json!({ "sign_in_max_age_s": 0 }),
            json!({ "count_by": "device" }),
            json!({ "at_limit": null }),
            json!({ "scope": "default" }),
        ] {
            assert_eq!(policy(wrong.clone()), None, "{wrong}");
        }
    }
}
