//! Table `devices`.

use uuid::Uuid;

use super::Result;
use super::row::platform;
use super::tx::{Done, Tx, on_either};
use crate::domain::clock::Timestamp;
use crate::domain::device::Device;
use crate::domain::id::{DeviceId, UserId};

/// A device as its user sees it.
#[derive(Clone, Debug)]
pub struct DeviceRow {
    /// The device.
    pub device: Device,
    /// When it was used first.
    pub first_seen_at: Timestamp,
    /// When it was used last.
    pub last_seen_at: Timestamp,
}

impl Tx {
    /// Whether the user signed in on this device before.
    pub async fn has_device(&mut self, user: UserId, device: DeviceId) -> Result<bool> {
        const SQL: &str = "SELECT CAST(1 AS BIGINT) FROM devices WHERE user_id = $1 AND id = $2";
        let found: Option<i64> = on_either!(self, |c| {
            sqlx::query_scalar(SQL)
                .bind(user.0)
                .bind(device.0)
                .fetch_optional(c)
                .await
        })?;
        Ok(found.is_some())
    }

    /// A user's devices, the one used last first.
    pub async fn list_devices(&mut self, user: UserId, limit: u32) -> Result<Vec<DeviceRow>> {
        const SQL: &str = "SELECT id, name, platform, first_seen_at, last_seen_at FROM devices \
             WHERE user_id = $1 ORDER BY last_seen_at DESC, id LIMIT $2";
        let rows: Vec<(Uuid, String, String, i64, i64)> = on_either!(self, |c| {
            sqlx::query_as(SQL)
                .bind(user.0)
                .bind(i64::from(limit))
                .fetch_all(c)
                .await
        })?;
        rows.into_iter()
            .map(|(id, name, kind, first, last)| {
                Ok(DeviceRow {
                    device: Device {
                        id: DeviceId(id),
                        name,
                        platform: platform("devices", &kind)?,
                    },
                    first_seen_at: Timestamp::from_millis(first),
                    last_seen_at: Timestamp::from_millis(last),
                })
            })
            .collect()
    }

    /// Forgets a device.
    pub async fn remove_device(&mut self, user: UserId, device: DeviceId) -> Result<bool> {
        const SQL: &str = "DELETE FROM devices WHERE user_id = $1 AND id = $2";
        let done = on_either!(self, |c| sqlx::query(SQL)
            .bind(user.0)
            .bind(device.0)
            .execute(c)
            .await
            .map(Done::from))?;
        Ok(done.rows_affected() == 1)
    }
}
