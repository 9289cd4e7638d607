//! Table `users`.

use std::collections::HashMap;

use sqlx::AssertSqlSafe;
use uuid::Uuid;

use super::Result;
use super::row::{pattern, user_status};
use super::tx::{Done, Tx, on_either};
use crate::domain::clock::Timestamp;
use crate::domain::id::UserId;
use crate::domain::permission;
use crate::domain::user::{User, UserStatus};

pub(super) const COLUMNS: &str =
    "id, username, display_name, external_id, status, password_hash, created_at";

#[derive(sqlx::FromRow)]
pub(super) struct UserRow {
    id: Uuid,
    username: String,
    display_name: String,
    external_id: Option<String>,
    status: String,
    password_hash: Option<String>,
    created_at: i64,
}

impl UserRow {
    pub(super) fn read(self) -> Result<(User, Option<String>)> {
        let user = User {
            id: UserId(self.id),
            username: self.username,
            display_name: self.display_name,
            external_id: self.external_id,
            status: user_status(&self.status)?,
            created_at: Timestamp::from_millis(self.created_at),
        };
        Ok((user, self.password_hash))
    }
}

impl Tx {
    /// Adds a user. Its name or external id may be taken.
    pub async fn insert_user(&mut self, user: &User, password_hash: Option<&str>) -> Result<()> {
        const SQL: &str = "INSERT INTO users (id, username, display_name, external_id, status, \
             password_hash, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7)";
        on_either!(self, |c| {
            sqlx::query(SQL)
                .bind(user.id.0)
                .bind(&user.username)
                .bind(&user.display_name)
                .bind(&user.external_id)
                .bind(user.status.as_str())
                .bind(password_hash)
                .bind(user.created_at.as_millis())
                .execute(c)
                .await
                .map(Done::from)
        })?;
        Ok(())
    }

    /// A user.
    pub async fn find_user(&mut self, id: UserId) -> Result<Option<User>> {
        Ok(self.find_user_and_hash(id).await?.map(|(user, _)| user))
    }

    /// A user and the hash of the password.
    pub async fn find_user_and_hash(
        &mut self,
        id: UserId,
    ) -> Result<Option<(User, Option<String>)>> {
        let sql = format!("SELECT {COLUMNS} FROM users WHERE id = $1");
        self.read_user(id, sql).await
    }

    pub(super) async fn read_user(
        &mut self,
        id: UserId,
        sql: String,
    ) -> Result<Option<(User, Option<String>)>> {
        let row: Option<UserRow> = on_either!(self, |c| {
            let query = sqlx::query_as(AssertSqlSafe(sql)).bind(id.0);
            query.fetch_optional(c).await
        })?;
        row.map(UserRow::read).transpose()
    }

    /// A user by the name it signs in with, and the hash of the password.
    pub async fn find_user_by_name(
        &mut self,
        name: &str,
    ) -> Result<Option<(User, Option<String>)>> {
        let sql = format!("SELECT {COLUMNS} FROM users WHERE username = $1");
        let row: Option<UserRow> = on_either!(self, |c| {
            let query = sqlx::query_as(AssertSqlSafe(sql)).bind(name);
            query.fetch_optional(c).await
        })?;
        row.map(UserRow::read).transpose()
    }

    /// A user's id by its external id.
    pub async fn find_user_by_external_id(&mut self, external_id: &str) -> Result<Option<UserId>> {
        const SQL: &str = "SELECT id FROM users WHERE external_id = $1";
        let id: Option<Uuid> = on_either!(self, |c| {
            sqlx::query_scalar(SQL)
                .bind(external_id)
                .fetch_optional(c)
                .await
        })?;
        Ok(id.map(UserId))
    }

    /// Users in order of id.
    pub async fn list_users(
        &mut self,
        search: Option<&str>,
        after: Option<Uuid>,
        limit: u32,
    ) -> Result<Vec<User>> {
        const SQL: &str = "SELECT id, username, display_name, external_id, status, password_hash, \
             created_at FROM users WHERE id > $1 AND (LOWER(username) LIKE $2 ESCAPE '\\' \
             OR LOWER(display_name) LIKE $2 ESCAPE '\\') ORDER BY id LIMIT $3";
        let rows: Vec<UserRow> = on_either!(self, |c| {
            sqlx::query_as(SQL)
                .bind(after.unwrap_or_default())
                .bind(pattern(search.unwrap_or_default()))
                .bind(i64::from(limit))
                .fetch_all(c)
                .await
        })?;
        rows.into_iter().map(|row| Ok(row.read()?.0)).collect()
    }

    /// The names that these users sign in with.
    pub async fn list_usernames(&mut self, ids: &[UserId]) -> Result<HashMap<UserId, String>> {
        const SQL: &str = "SELECT id, username FROM users WHERE ";
        let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
        let names: Vec<(Uuid, String)> = self.select_in(SQL, "id", &ids).await?;
        Ok(names
            .into_iter()
            .map(|(id, name)| (UserId(id), name))
            .collect())
    }

    /// Which of these users exist.
    pub async fn find_existing_users(&mut self, ids: &[UserId]) -> Result<Vec<UserId>> {
        let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
        let found: Vec<(Uuid,)> = self
            .select_in("SELECT id FROM users WHERE ", "id", &ids)
            .await?;
        Ok(found.into_iter().map(|(id,)| UserId(id)).collect())
    }

    /// Writes a user's names and status.
    pub async fn update_user(&mut self, user: &User) -> Result<()> {
        const SQL: &str = "UPDATE users SET username = $2, display_name = $3, external_id = $4, \
             status = $5 WHERE id = $1";
        on_either!(self, |c| {
            sqlx::query(SQL)
                .bind(user.id.0)
                .bind(&user.username)
                .bind(&user.display_name)
                .bind(&user.external_id)
                .bind(user.status.as_str())
                .execute(c)
                .await
                .map(Done::from)
        })?;
        Ok(())
    }

    /// Writes the hash of a user's password.
    pub async fn update_password_hash(&mut self, id: UserId, hash: &str) -> Result<()> {
        const SQL: &str = "UPDATE users SET password_hash = $2 WHERE id = $1";
        on_either!(self, |c| sqlx::query(SQL)
            .bind(id.0)
            .bind(hash)
            .execute(c)
            .await
            .map(Done::from))?;
        Ok(())
    }

    /// Removes a user, with memberships and devices. Sessions stay: see the table.
    pub async fn remove_user(&mut self, id: UserId) -> Result<bool> {
        const SQL: &str = "DELETE FROM users WHERE id = $1";
        let done = on_either!(self, |c| sqlx::query(SQL)
            .bind(id.0)
            .execute(c)
            .await
            .map(Done::from))?;
        Ok(done.rows_affected() == 1)
    }

    /// Whether there is any user.
    pub async fn has_users(&mut self) -> Result<bool> {
        const SQL: &str = "SELECT CAST(1 AS BIGINT) FROM users LIMIT 1";
        let found: Option<i64> =
            on_either!(self, |c| sqlx::query_scalar(SQL).fetch_optional(c).await)?;
        Ok(found.is_some())
    }

    /// Whether any active user holds the administrators' permission.
    pub async fn has_administrator(&mut self) -> Result<bool> {
        const SQL: &str = "SELECT CAST(1 AS BIGINT) FROM group_permissions p \
             JOIN memberships m ON m.group_id = p.group_id JOIN users u ON u.id = m.user_id \
             WHERE p.permission = $1 AND u.status = $2 LIMIT 1";
        let found: Option<i64> = on_either!(self, |c| {
            sqlx::query_scalar(SQL)
                .bind(permission::ADMIN)
                .bind(UserStatus::Active.as_str())
                .fetch_optional(c)
                .await
        })?;
        Ok(found.is_some())
    }

    /// Whether this user holds the administrators' permission.
    pub async fn is_administrator(&mut self, id: UserId) -> Result<bool> {
        const SQL: &str = "SELECT CAST(1 AS BIGINT) FROM memberships m \
             JOIN group_permissions p ON p.group_id = m.group_id \
             WHERE m.user_id = $1 AND p.permission = $2 LIMIT 1";
        let found: Option<i64> = on_either!(self, |c| {
            sqlx::query_scalar(SQL)
                .bind(id.0)
                .bind(permission::ADMIN)
                .fetch_optional(c)
                .await
        })?;
        Ok(found.is_some())
    }
}
