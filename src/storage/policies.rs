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

    /// The policy in force for a user.
    pub async fn find_policy_in_force(&mut self, user: UserId) -> Result<Policy> {
        let own = self.find_policy(PolicyScope::User(user)).await?;
        let groups = self.list_group_policies_of(user).await?;
        let default = self
            .find_policy(PolicyScope::Default)
            .await?
            .unwrap_or_default();
        Ok(in_force(own, &groups, default))
    }

    async fn list_group_policies_of(&mut self, user: UserId) -> Result<Vec<GroupPolicy>> {
        const SQL: &str = "SELECT g.id, g.priority, p.body FROM memberships m \
             JOIN groups g ON g.id = m.group_id \
             JOIN policies p ON p.scope = 'group' AND p.scope_id = g.id WHERE m.user_id = $1";
        let rows: Vec<(Uuid, i32, String)> = on_either!(self, |c| sqlx::query_as(SQL)
            .bind(user.0)
            .fetch_all(c)
            .await)?;
        rows.into_iter()
            .map(|(id, priority, body)| {
                Ok(GroupPolicy {
                    group_id: GroupId(id),
                    priority,
                    policy: read(&body)?,
                })
            })
            .collect()
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
            .map(|(scope, id, body)| {
                let scope = match scope.as_str() {
                    "default" => PolicyScope::Default,
                    "group" => PolicyScope::Group(GroupId(id)),
                    "user" => PolicyScope::User(UserId(id)),
                    _ => return Err(corrupt("policies")),
                };
                Ok((scope, read(&body)?))
            })
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
