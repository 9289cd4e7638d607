//! Tables `groups` and `group_permissions`.

use std::collections::BTreeSet;

use sqlx::QueryBuilder;
use uuid::Uuid;

use super::Result;
use super::row::pattern;
use super::tx::{Done, Tx, on_either};
use crate::domain::clock::Timestamp;
use crate::domain::group::Group;
use crate::domain::id::GroupId;

#[derive(sqlx::FromRow)]
struct GroupRow {
    id: Uuid,
    name: String,
    priority: i32,
}

impl Tx {
    /// Adds a group with its permissions. Its name may be taken.
    pub async fn insert_group(&mut self, group: &Group, created_at: Timestamp) -> Result<()> {
        const SQL: &str =
            "INSERT INTO groups (id, name, priority, created_at) VALUES ($1, $2, $3, $4)";
        on_either!(self, |c| {
            sqlx::query(SQL)
                .bind(group.id.0)
                .bind(&group.name)
                .bind(group.priority)
                .bind(created_at.as_millis())
                .execute(c)
                .await
                .map(Done::from)
        })?;
        self.insert_permissions(group.id, &group.permissions).await
    }

    /// A group.
    pub async fn find_group(&mut self, id: GroupId) -> Result<Option<Group>> {
        const SQL: &str = "SELECT id, name, priority FROM groups WHERE id = $1";
        let row: Option<GroupRow> = on_either!(self, |c| sqlx::query_as(SQL)
            .bind(id.0)
            .fetch_optional(c)
            .await)?;
        match row {
            Some(row) => Ok(Some(self.complete(row).await?)),
            None => Ok(None),
        }
    }

    /// A group by its name.
    pub async fn find_group_by_name(&mut self, name: &str) -> Result<Option<Group>> {
        const SQL: &str = "SELECT id, name, priority FROM groups WHERE name = $1";
        let row: Option<GroupRow> = on_either!(self, |c| sqlx::query_as(SQL)
            .bind(name)
            .fetch_optional(c)
            .await)?;
        match row {
            Some(row) => Ok(Some(self.complete(row).await?)),
            None => Ok(None),
        }
    }

    /// Groups in order of id.
    pub async fn list_groups(
        &mut self,
        search: Option<&str>,
        after: Option<Uuid>,
        limit: u32,
    ) -> Result<Vec<Group>> {
        const SQL: &str = "SELECT id, name, priority FROM groups WHERE id > $1 \
             AND LOWER(name) LIKE $2 ESCAPE '\\' ORDER BY id LIMIT $3";
        let rows: Vec<GroupRow> = on_either!(self, |c| {
            sqlx::query_as(SQL)
                .bind(after.unwrap_or_default())
                .bind(pattern(search.unwrap_or_default()))
                .bind(i64::from(limit))
                .fetch_all(c)
                .await
        })?;
        let mut groups = Vec::with_capacity(rows.len());
        for row in rows {
            groups.push(self.complete(row).await?);
        }
        Ok(groups)
    }

    /// Writes a group's name and priority.
    pub async fn update_group(&mut self, group: &Group) -> Result<()> {
        const SQL: &str = "UPDATE groups SET name = $2, priority = $3 WHERE id = $1";
        on_either!(self, |c| {
            sqlx::query(SQL)
                .bind(group.id.0)
                .bind(&group.name)
                .bind(group.priority)
                .execute(c)
                .await
                .map(Done::from)
        })?;
        Ok(())
    }

    /// Replaces a group's permissions.
    pub async fn replace_permissions(
        &mut self,
        id: GroupId,
        permissions: &BTreeSet<String>,
    ) -> Result<()> {
        const SQL: &str = "DELETE FROM group_permissions WHERE group_id = $1";
        on_either!(self, |c| sqlx::query(SQL)
            .bind(id.0)
            .execute(c)
            .await
            .map(Done::from))?;
        self.insert_permissions(id, permissions).await
    }

    /// Removes a group, with its memberships and permissions.
    pub async fn remove_group(&mut self, id: GroupId) -> Result<bool> {
        const SQL: &str = "DELETE FROM groups WHERE id = $1";
        let done = on_either!(self, |c| sqlx::query(SQL)
            .bind(id.0)
            .execute(c)
            .await
            .map(Done::from))?;
        Ok(done.rows_affected() == 1)
    }

    async fn insert_permissions(
        &mut self,
        id: GroupId,
        permissions: &BTreeSet<String>,
    ) -> Result<()> {
        if permissions.is_empty() {
            return Ok(());
        }
        on_either!(self, |c| {
            let mut query =
                QueryBuilder::new("INSERT INTO group_permissions (group_id, permission) ");
            query.push_values(permissions, |mut row, permission| {
                row.push_bind(id.0).push_bind(permission);
            });
            query.build().execute(c).await.map(Done::from)
        })?;
        Ok(())
    }

    async fn complete(&mut self, row: GroupRow) -> Result<Group> {
        const SQL: &str = "SELECT permission FROM group_permissions WHERE group_id = $1";
        let permissions: Vec<String> = on_either!(self, |c| sqlx::query_scalar(SQL)
            .bind(row.id)
            .fetch_all(c)
            .await)?;
        Ok(Group {
            id: GroupId(row.id),
            name: row.name,
            priority: row.priority,
            permissions: permissions.into_iter().collect(),
        })
    }
}
