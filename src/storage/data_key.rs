//! Table `data_key`: what all secrets are derived from, sealed under a master key.

use super::Result;
use super::tx::{Done, Tx, on_either};

impl Tx {
    /// The sealed key, where there is one.
    pub async fn find_data_key(&mut self) -> Result<Option<Vec<u8>>> {
        const SQL: &str = "SELECT sealed FROM data_key WHERE id = 1";
        Ok(on_either!(self, |c| sqlx::query_scalar(SQL)
            .fetch_optional(c)
            .await)?)
    }

    /// Keeps the first sealed key; another one that somebody kept meanwhile stands.
    pub async fn insert_data_key(&mut self, sealed: &[u8]) -> Result<()> {
        const SQL: &str = "INSERT INTO data_key (id, sealed) VALUES (1, $1) ON CONFLICT DO NOTHING";
        on_either!(self, |c| {
            sqlx::query(SQL)
                .bind(sealed)
                .execute(c)
                .await
                .map(Done::from)
        })?;
        Ok(())
    }

    /// Puts another sealed key in the place of this one; says whether this one still was there.
    pub async fn replace_data_key(&mut self, from: &[u8], to: &[u8]) -> Result<bool> {
        const SQL: &str = "UPDATE data_key SET sealed = $2 WHERE id = 1 AND sealed = $1";
        let done = on_either!(self, |c| {
            sqlx::query(SQL)
                .bind(from)
                .bind(to)
                .execute(c)
                .await
                .map(Done::from)
        })?;
        Ok(done.rows_affected() == 1)
    }

    /// Whether anything was ever sealed with a key that is not in the database.
    pub async fn has_signing_keys(&mut self) -> Result<bool> {
        const SQL: &str = "SELECT 1 FROM signing_keys LIMIT 1";
        let found: Option<i32> =
            on_either!(self, |c| sqlx::query_scalar(SQL).fetch_optional(c).await)?;
        Ok(found.is_some())
    }
}
