//! Groups: names, permissions, priorities.

use super::{Call, Core, Done, GroupView, Page, Result, Slice, UserView};
use crate::domain::clock::Timestamp;
use crate::domain::error::Error;
use crate::domain::event::Event;
use crate::domain::group::{Group, check_group_name};
use crate::domain::id::GroupId;
use crate::domain::permission::{Difference, check_permissions};
use crate::domain::policy::PolicyScope;
use crate::storage::Tx;

/// The group that the first administrator is put into.
pub(super) const ADMINISTRATORS: &str = "administrators";

/// What a group is made from.
#[derive(Clone, Debug)]
pub struct NewGroup {
    /// Its name.
    pub name: String,
    /// What its members may do.
    pub permissions: Vec<String>,
    /// Its priority among policies.
    pub priority: i32,
}

/// What of a group is to change.
#[derive(Clone, Debug, Default)]
pub struct GroupPatch {
    /// Its name.
    pub name: Option<String>,
    /// Its priority among policies.
    pub priority: Option<i32>,
    /// What its members may do.
    pub permissions: Option<Vec<String>>,
}

impl Core {
    /// A group.
    pub async fn find_group(&self, id: GroupId) -> Result<GroupView> {
        let mut tx = self.read().await?;
        let group = tx.find_group(id).await?.ok_or(Error::NotFound("group"))?;
        view(&mut tx, group).await
    }

    /// Groups in order of age.
    pub async fn list_groups(&self, search: Option<&str>, page: Page) -> Result<Slice<GroupView>> {
        let mut tx = self.read().await?;
        let groups = tx.list_groups(search, page.after, page.probe()).await?;
        let slice = page.slice(groups, |group| group.id.0);
        let mut items = Vec::with_capacity(slice.items.len());
        for group in slice.items {
            items.push(view(&mut tx, group).await?);
        }
        Ok(Slice {
            items,
            next: slice.next,
        })
    }

    /// Members of a group in order of age.
    pub async fn list_members(&self, group: GroupId, page: Page) -> Result<Slice<UserView>> {
        let mut tx = self.read().await?;
        tx.find_group(group)
            .await?
            .ok_or(Error::NotFound("group"))?;
        let ids = tx.list_members(group, page.after, page.probe()).await?;
        let slice = page.slice(ids, |id| id.0);
        let mut users = Vec::with_capacity(slice.items.len());
        for id in &slice.items {
            users.extend(tx.find_user(*id).await?);
        }
        Ok(Slice {
            items: super::user::views(&mut tx, users).await?,
            next: slice.next,
        })
    }

    /// Makes a group.
    pub async fn create_group(&self, call: &Call, new: NewGroup) -> Result<Done<GroupView>> {
        check_group_name(&new.name)?;
        let permissions = check_permissions(&new.permissions)?;
        let now = self.clock.now();
        let id = GroupId(self.entropy.uuid(now));
        let group = Group {
            id,
            name: new.name,
            priority: new.priority,
            permissions,
        };
        let mut tx = self.begin().await?;
        self.add_group(&mut tx, call, &group, now).await?;
        let view = GroupView {
            group,
            member_count: 0,
        };
        self.conclude(call, tx, view).await
    }

    /// Adds a group. Its name may be taken.
    pub(super) async fn add_group(
        &self,
        tx: &mut Tx,
        call: &Call,
        group: &Group,
        now: Timestamp,
    ) -> Result<()> {
        tx.insert_group(group, now).await?;
        tx.record(
            &call.cause,
            Event::GroupCreated {
                group_id: group.id,
                name: group.name.clone(),
                permissions: group.permissions.iter().cloned().collect(),
                priority: group.priority,
            },
        );
        Ok(())
    }

    /// Changes a group.
    pub async fn update_group(
        &self,
        call: &Call,
        id: GroupId,
        patch: GroupPatch,
    ) -> Result<Done<GroupView>> {
        let mut tx = self.begin().await?;
        tx.lock_rules().await?;
        let mut group = tx.find_group(id).await?.ok_or(Error::NotFound("group"))?;
        let (old_name, old_priority) = (group.name.clone(), group.priority);
        if let Some(name) = patch.name {
            check_group_name(&name)?;
            group.name = name;
        }
        group.priority = patch.priority.unwrap_or(old_priority);
        if group.name != old_name || group.priority != old_priority {
            tx.update_group(&group).await?;
            let (name, priority) = (group.name.clone(), group.priority);
            tx.record(
                &call.cause,
                Event::GroupUpdated {
                    group_id: id,
                    old_name,
                    name,
                    priority,
                },
            );
        }
        if group.priority != old_priority {
            let users = self.concerned_by_group(&mut tx, id).await?;
            self.enforce(&mut tx, &users, &call.cause).await?;
        }
        if let Some(permissions) = patch.permissions {
            replace_permissions(&mut tx, &mut group, &permissions, call).await?;
        }
        let view = view(&mut tx, group).await?;
        self.conclude(call, tx, view).await
    }

    /// Replaces a group's permissions. One event, however many members.
    pub async fn set_permissions(
        &self,
        call: &Call,
        id: GroupId,
        permissions: Vec<String>,
    ) -> Result<Done<GroupView>> {
        let patch = GroupPatch {
            permissions: Some(permissions),
            ..GroupPatch::default()
        };
        self.update_group(call, id, patch).await
    }

    /// Removes a group; its members lose what only it gave.
    pub async fn delete_group(&self, call: &Call, id: GroupId) -> Result<Done<()>> {
        let mut tx = self.begin().await?;
        tx.lock_rules().await?;
        let group = tx.find_group(id).await?.ok_or(Error::NotFound("group"))?;
        let users = self.concerned_by_group(&mut tx, id).await?;
        tx.remove_policy(PolicyScope::Group(id)).await?;
        tx.remove_group(id).await?;
        tx.record(
            &call.cause,
            Event::GroupDeleted {
                group_id: id,
                name: group.name,
            },
        );
        self.enforce(&mut tx, &users, &call.cause).await?;
        self.conclude(call, tx, ()).await
    }
}

async fn replace_permissions(
    tx: &mut Tx,
    group: &mut Group,
    permissions: &[String],
    call: &Call,
) -> Result<()> {
    let permissions = check_permissions(permissions)?;
    let difference = Difference::between(&group.permissions, &permissions);
    if difference.is_empty() {
        return Ok(());
    }
    tx.replace_permissions(group.id, &permissions).await?;
    group.permissions = permissions;
    tx.record(
        &call.cause,
        Event::GroupPermissionsChanged {
            group_id: group.id,
            name: group.name.clone(),
            added: difference.came,
            removed: difference.went,
        },
    );
    Ok(())
}

async fn view(tx: &mut Tx, group: Group) -> Result<GroupView> {
    let member_count = tx.count_members(group.id).await?;
    Ok(GroupView {
        group,
        member_count,
    })
}
