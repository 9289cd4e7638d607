//! A user's devices. Nobody but the user and administrators ever sees a device's id.

use super::{Call, Core, DeviceView, Done, Result};
use crate::domain::Reason;
use crate::domain::error::Error;
use crate::domain::event::Event;
use crate::domain::id::{DeviceId, UserId};

/// How many devices are listed.
const LIST_MAX: u32 = 200;

impl Core {
    /// A user's devices, the one used last first.
    pub async fn list_devices(&self, user: UserId) -> Result<Vec<DeviceView>> {
        let now = self.clock.now();
        let mut tx = self.read().await?;
        let sessions = tx.list_unended_sessions(user).await?;
        let devices = tx.list_devices(user, LIST_MAX).await?;
        Ok(devices
            .into_iter()
            .map(|row| DeviceView {
                session_id: sessions
                    .iter()
                    .find(|session| session.device.id == row.device.id && session.is_live(now))
                    .map(|session| session.id),
                device: row.device,
                first_seen_at: row.first_seen_at,
                last_seen_at: row.last_seen_at,
            })
            .collect())
    }

    /// Removes a device of a user and ends its session. It may sign in again, as a new one.
    pub async fn revoke_device(
        &self,
        call: &Call,
        user: UserId,
        device: DeviceId,
    ) -> Result<Done<()>> {
        let mut tx = self.begin().await?;
        tx.lock_user(user).await?.ok_or(Error::NotFound("user"))?;
        if !tx.remove_device(user, device).await? {
            return Err(Error::NotFound("device"));
        }
        tx.record(
            &call.cause,
            Event::DeviceRevoked {
                user_id: user,
                device_id: device,
            },
        );
        for session in tx.lock_unended_sessions(user).await? {
            if session.device.id == device {
                self.end(&mut tx, &session, Reason::DeviceRevoked, &call.cause, None)
                    .await?;
            }
        }
        self.conclude(call, tx, ()).await
    }
}
