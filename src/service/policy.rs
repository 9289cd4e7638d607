//! Policies, and ending what a changed one no longer allows.

use super::outcome::by_policy;
use super::{Call, Core, Done, PolicyView, Result};
use crate::domain::Reason;
use crate::domain::access::Cause;
use crate::domain::error::Error;
use crate::domain::event::{Event, PolicyScopeName};
use crate::domain::id::{GroupId, UserId};
use crate::domain::policy::{Policy, PolicyScope, surplus};
use crate::domain::session::{Session, expires_at};
use crate::storage::{Seats, Tx};

/// How many policies are listed.
const LIST_MAX: u32 = 10_000;

impl Core {
    /// Every policy, the default first.
    pub async fn list_policies(&self) -> Result<Vec<PolicyView>> {
        let mut policies = self.read().await?.list_policies(LIST_MAX).await?;
        if !policies
            .iter()
            .any(|(scope, _)| *scope == PolicyScope::Default)
        {
            policies.insert(0, (PolicyScope::Default, Policy::default()));
        }
        Ok(policies
            .into_iter()
            .map(|(scope, policy)| PolicyView { scope, policy })
            .collect())
    }

    /// The policy of exactly this scope.
    pub async fn find_policy(&self, scope: PolicyScope) -> Result<Policy> {
        let mut tx = self.read().await?;
        check_scope(&mut tx, scope).await?;
        match (tx.find_policy(scope).await?, scope) {
            (Some(policy), _) => Ok(policy),
            (None, PolicyScope::Default) => Ok(Policy::default()),
            (None, PolicyScope::Group(_) | PolicyScope::User(_)) => Err(Error::NotFound("policy")),
        }
    }

    /// Sets a policy and ends what it no longer allows.
    pub async fn put_policy(
        &self,
        call: &Call,
        scope: PolicyScope,
        policy: Policy,
    ) -> Result<Done<()>> {
        let mut tx = self.begin().await?;
        tx.lock_rules().await?;
        check_scope(&mut tx, scope).await?;
        if tx.find_policy(scope).await? != Some(policy) {
            tx.put_policy(scope, &policy).await?;
            tx.record(
                &call.cause,
                Event::PolicyChanged {
                    scope: name(scope),
                    policy,
                },
            );
            let users = concerned(&mut tx, scope).await?;
            self.enforce(&mut tx, &users, &call.cause).await?;
        }
        self.conclude(call, tx, ()).await
    }

    /// Removes a policy; the default goes back to the built-in one.
    pub async fn remove_policy(&self, call: &Call, scope: PolicyScope) -> Result<Done<()>> {
        let mut tx = self.begin().await?;
        tx.lock_rules().await?;
        check_scope(&mut tx, scope).await?;
        if tx.remove_policy(scope).await? {
            tx.record(&call.cause, Event::PolicyRemoved { scope: name(scope) });
            let users = concerned(&mut tx, scope).await?;
            self.enforce(&mut tx, &users, &call.cause).await?;
        }
        self.conclude(call, tx, ()).await
    }

    /// Brings the sessions of these users under the policy that is in force for them now: the rules
    /// they live by, and the surplus ends, oldest first. The caller holds the users, or the rules alone.
    pub(super) async fn enforce(&self, tx: &mut Tx, users: &[UserId], cause: &Cause) -> Result<()> {
        let cause = by_policy(cause);
        for user in users {
            let seats = tx.lock_seats(*user, None).await?;
            let Seats {
                policy, sessions, ..
            } = seats;
            let now = self.clock.now();
            let (sessions, out_of_time): (Vec<_>, Vec<_>) =
                sessions.into_iter().partition(|s| s.is_live(now));
            for session in &out_of_time {
                self.end(tx, session, Reason::Expired, &cause, None).await?;
            }
            let mut live = Vec::with_capacity(sessions.len());
            for session in sessions {
                if let Some(session) = self.adopt(tx, session, &policy, &cause).await? {
                    live.push(session);
                }
            }
            let seats: Vec<_> = live.iter().map(Session::as_live).collect();
            let surplus = surplus(&policy, &seats);
            for session in live.iter().filter(|session| surplus.contains(&session.id)) {
                self.end(tx, session, Reason::PolicyChanged, &cause, None)
                    .await?;
            }
        }
        Ok(())
    }

    /// Gives a session the lifetimes of its policy. None where it has lived too long under them.
    async fn adopt(
        &self,
        tx: &mut Tx,
        mut session: Session,
        policy: &Policy,
        cause: &Cause,
    ) -> Result<Option<Session>> {
        let lifetimes = policy.lifetimes(session.remembered);
        if lifetimes == session.lifetimes {
            return Ok(Some(session));
        }
        let until = expires_at(lifetimes, session.created_at, session.last_active_at);
        if until <= self.clock.now() {
            self.end(tx, &session, Reason::PolicyChanged, cause, None)
                .await?;
            return Ok(None);
        }
        session.lifetimes = lifetimes;
        session.expires_at = until;
        tx.update_session_life(&session).await?;
        Ok(Some(session))
    }

    /// Users to bring under another policy because a group has one: of a group without, nobody.
    pub(super) async fn concerned_by_group(
        &self,
        tx: &mut Tx,
        group: GroupId,
    ) -> Result<Vec<UserId>> {
        if tx.find_policy(PolicyScope::Group(group)).await?.is_none() {
            return Ok(Vec::new());
        }
        concerned(tx, PolicyScope::Group(group)).await
    }
}

async fn concerned(tx: &mut Tx, scope: PolicyScope) -> Result<Vec<UserId>> {
    Ok(match scope {
        PolicyScope::Default => tx.list_users_with_sessions().await?,
        PolicyScope::Group(group) => tx.list_members_with_sessions(group).await?,
        PolicyScope::User(user) => vec![user],
    })
}

async fn check_scope(tx: &mut Tx, scope: PolicyScope) -> Result<()> {
    let exists = match scope {
        PolicyScope::Default => true,
        PolicyScope::Group(id) => tx.find_group(id).await?.is_some(),
        PolicyScope::User(id) => tx.find_user(id).await?.is_some(),
    };
    if exists {
        Ok(())
    } else {
        Err(Error::NotFound("user or group"))
    }
}

fn name(scope: PolicyScope) -> PolicyScopeName {
    match scope {
        PolicyScope::Default => PolicyScopeName::Default,
        PolicyScope::Group(id) => PolicyScopeName::Group(id),
        PolicyScope::User(id) => PolicyScopeName::User(id),
    }
}
