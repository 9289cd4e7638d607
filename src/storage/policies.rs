//! Table `policies`.

use uuid::Uuid;

use super::Result;
use super::row::corrupt;
use super::tx::{Done, Tx, on_either};
use crate::domain::id::{GroupId, UserId};
use crate::domain::policy::{GroupPolicy, Policy, PolicyScope, in_force};

fn columns(scope: PolicyScope) -> (&'static str, Uuid) {
    match scope {
        PolicyScope::Default => ("default", Uuid::nil()),
        PolicyScope::Group(id) => ("group", id.0),
        PolicyScope::User(id) => ("user", id.0),
    }
}

/// The policies that a user may come under: the default, those of the groups, and an own one. `user`: an expression for the
/// id.
pub(super) fn of_user(user: &str) -> String {
    format!(
        "SELECT scope, scope_id, body, 0 FROM policies WHERE scope = 'default' UNION ALL \
         SELECT scope, scope_id, body, 0 FROM policies WHERE scope = 'user' AND scope_id = {user} UNION ALL \
         SELECT p.scope, p.scope_id, p.body, g.priority FROM memberships m \
         JOIN groups g ON g.id = m.group_id \
         JOIN policies p ON p.scope = 'group' AND p.scope_id = g.id WHERE m.user_id = {user}"
    )
}

/// The scope, its id, the policy, and the priority of its group.
pub(super) type PolicyRow = (String, Uuid, String, i32);

/// Which of those is in force.
pub(super) fn choose(rows: Vec<PolicyRow>) -> Result<Policy> {
    let (mut own, mut groups, mut default) = (None, Vec::new(), None);
    for (name, id, body, priority) in rows {
        let policy = read(&body)?;
        match scope(&name, id)? {
            PolicyScope::Default => default = Some(policy),
            PolicyScope::User(_) => own = Some(policy),
            PolicyScope::Group(group_id) => groups.push(GroupPolicy {
                group_id,
                priority,
                policy,
            }),
        }
    }
    Ok(in_force(own, &groups, default.unwrap_or_default()))
}

fn scope(name: &str, id: Uuid) -> Result<PolicyScope> {
    match name {
        "default" => Ok(PolicyScope::Default),
        "group" => Ok(PolicyScope::Group(GroupId(id))),
        "user" => Ok(PolicyScope::User(UserId(id))),
        _ => Err(corrupt("policies")),
    }
}

fn read(body: &str) -> Result<Policy> {
    serde_json::from_str(body).map_err(|_| corrupt("policies"))
}

impl Tx {
    /// The policy of exactly this scope.
    pub async fn find_policy(&mut self, scope: PolicyScope) -> Result<Option<Policy>> {
        const SQL: &str = "SELECT body FROM policies WHERE scope = $1 AND scope_id = $2";
        let (name, id) = columns(scope);
        let body: Option<String> = on_either!(self, |c| {
            sqlx::query_scalar(SQL)
                .bind(name)
                .bind(id)
                .fetch_optional(c)
                .await
        })?;
        body.as_deref().map(read).transpose()
    }

    /// Every policy, the default first.
    pub async fn list_policies(&mut self, limit: u32) -> Result<Vec<(PolicyScope, Policy)>> {
        const SQL: &str =
            "SELECT scope, scope_id, body FROM policies ORDER BY scope, scope_id LIMIT $1";
        let rows: Vec<(String, Uuid, String)> = on_either!(self, |c| {
            sqlx::query_as(SQL)
                .bind(i64::from(limit))
                .fetch_all(c)
                .await
        })?;
        rows.into_iter()
            .map(|(name, id, body)| Ok((scope(&name, id)?, read(&body)?)))
            .collect()
    }

    /// Sets a policy.
    pub async fn put_policy(&mut self, scope: PolicyScope, policy: &Policy) -> Result<()> {
        const SQL: &str = "INSERT INTO policies (scope, scope_id, body) VALUES ($1, $2, $3) \
             ON CONFLICT (scope, scope_id) DO UPDATE SET body = excluded.body";
        let (name, id) = columns(scope);
        let body = serde_json::to_string(policy).map_err(|_| corrupt("policies"))?;
        on_either!(self, |c| sqlx::query(SQL)
            .bind(name)
            .bind(id)
            .bind(body)
            .execute(c)
            .await
            .map(Done::from))?;
        Ok(())
    }

    /// Removes a policy.
    pub async fn remove_policy(&mut self, scope: PolicyScope) -> Result<bool> {
        const SQL: &str = "DELETE FROM policies WHERE scope = $1 AND scope_id = $2";
        let (name, id) = columns(scope);
        let done = on_either!(self, |c| sqlx::query(SQL)
            .bind(name)
            .bind(id)
            .execute(c)
            .await
            .map(Done::from))?;
        Ok(done.rows_affected() == 1)
    }
}
