//! Memberships: who is in which group.

use std::collections::BTreeSet;

use super::{Call, Core, Done, MembersChanged, Result};
use crate::domain::access::Cause;
use crate::domain::error::Error;
use crate::domain::event::Event;
use crate::domain::id::{GroupId, UserId};
use crate::domain::policy::PolicyScope;
use crate::domain::text::BULK_MAX;
use crate::storage::Tx;

impl Core {
    /// Puts a user into a group.
    pub async fn add_member(&self, call: &Call, group: GroupId, user: UserId) -> Result<Done<()>> {
        let done = self.change_members(call, group, vec![user], Vec::new());
        Ok(done.await?.without_value())
    }

    /// Takes a user out of a group.
    pub async fn remove_member(
        &self,
        call: &Call,
        group: GroupId,
        user: UserId,
    ) -> Result<Done<()>> {
        let done = self.change_members(call, group, Vec::new(), vec![user]);
        Ok(done.await?.without_value())
    }

    /// Puts many users into a group and takes others out, all or nothing.
    pub async fn change_members(
        &self,
        call: &Call,
        group: GroupId,
        add: Vec<UserId>,
        remove: Vec<UserId>,
    ) -> Result<Done<MembersChanged>> {
        let (add, remove) = (BTreeSet::from_iter(add), BTreeSet::from_iter(remove));
        if add.len() + remove.len() > BULK_MAX {
            return Err(Error::validation(format!(
                "`add` and `remove` may have at most {BULK_MAX} items together"
            )));
        }
        if !add.is_disjoint(&remove) {
            return Err(Error::validation("a user is in `add` and in `remove`"));
        }
        let everyone: Vec<UserId> = add.union(&remove).copied().collect();
        let (add, remove) = (Vec::from_iter(add), Vec::from_iter(remove));
        let mut tx = self.begin().await?;
        if tx.lock_users(&everyone).await? != everyone.len() {
            return Err(Error::NotFound("user"));
        }
        let found = tx
            .find_group(group)
            .await?
            .ok_or(Error::NotFound("group"))?;
        let removed = self
            .take_out(&mut tx, group, &found.name, &remove, &call.cause)
            .await?;
        let added = self
            .put_in(&mut tx, group, &found.name, &add, &call.cause)
            .await?;
        self.conclude(call, tx, MembersChanged { added, removed })
            .await
    }

    /// Adds memberships: one event each, and the sessions come under the group's policy.
    pub(super) async fn put_in(
        &self,
        tx: &mut Tx,
        group_id: GroupId,
        name: &str,
        users: &[UserId],
        cause: &Cause,
    ) -> Result<u64> {
        let added = tx.insert_memberships(group_id, users).await?;
        for user_id in &added {
            let (user_id, group) = (*user_id, name.to_owned());
            tx.record(
                cause,
                Event::MembershipAdded {
                    user_id,
                    group_id,
                    group,
                },
            );
        }
        self.follow_policy(tx, group_id, &added, cause).await
    }

    /// Removes memberships: one event each, and the sessions leave the group's policy.
    pub(super) async fn take_out(
        &self,
        tx: &mut Tx,
        group_id: GroupId,
        name: &str,
        users: &[UserId],
        cause: &Cause,
    ) -> Result<u64> {
        let removed = tx.remove_memberships(group_id, users).await?;
        for user_id in &removed {
            let (user_id, group) = (*user_id, name.to_owned());
            tx.record(
                cause,
                Event::MembershipRemoved {
                    user_id,
                    group_id,
                    group,
                },
            );
        }
        self.follow_policy(tx, group_id, &removed, cause).await
    }

    async fn follow_policy(
        &self,
        tx: &mut Tx,
        group: GroupId,
        users: &[UserId],
        cause: &Cause,
    ) -> Result<u64> {
        if tx.find_policy(PolicyScope::Group(group)).await?.is_some() {
            self.enforce(tx, users, cause).await?;
        }
        Ok(u64::try_from(users.len()).unwrap_or(u64::MAX))
    }
}
