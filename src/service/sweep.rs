//! The sweeper: ends sessions whose time is over, and forgets what nobody can need any more.

use std::time::Duration;

use super::{Call, Core, Result};
use crate::domain::Reason;
use crate::domain::access::{Cause, InitiatingEntity};
use crate::domain::id::Seq;

/// How many rows are looked at in one transaction, so that no writer waits long.
const BATCH: u32 = 500;
/// How long the answer to an `Idempotency-Key` is kept.
const IDEMPOTENCY_KEPT: Duration = Duration::from_hours(24);
/// How long the end of a sign-in elsewhere is remembered: longer than providers let one go on unused.
const FOREIGN_ENDS_KEPT: Duration = Duration::from_hours(400 * 24);

impl Core {
    /// Ends sessions whose time is over. Answers whether there may be more.
    pub async fn sweep_sessions(&self) -> Result<bool> {
        let now = self.clock.now();
        if self
            .read()
            .await?
            .list_expired_sessions(now, 1)
            .await?
            .is_empty()
        {
            return Ok(false);
        }
        let cause = Cause {
            initiating_entity: InitiatingEntity::Policy,
            ..Cause::system()
        };
        let mut tx = self.begin().await?;
        let mut expired = tx.list_expired_sessions(now, BATCH).await?;
        let users: Vec<_> = expired.iter().map(|session| session.user_id).collect();
        tx.lock_users(&users).await?;
        expired.sort_by_key(|session| session.id);
        for session in &expired {
            // Somebody else's clock may have let the person use it meanwhile.
            if let Some((session, _)) = tx.lock_session(session.id).await?
                && session.expires_at <= now
            {
                self.end(&mut tx, &session, Reason::Expired, &cause, None)
                    .await?;
            }
        }
        self.conclude(&Call::system(), tx, ()).await?;
        Ok(u32::try_from(expired.len()).is_ok_and(|count| count == BATCH))
    }

    /// Forgets the oldest events, those that are older than `kept` and that each of these sinks has written.
    /// Answers whether there may be more.
    pub async fn forget_events(&self, kept: Duration, sinks: &[String]) -> Result<bool> {
        let before = self.clock.now().minus(kept);
        let mut tx = self.begin().await?;
        let mut written = tx.find_head().await?;
        for sink in sinks {
            // One that has yet to begin may want them all.
            let row = tx.find_sink(sink).await?;
            written = written.min(row.map_or(Seq(0), |row| row.seq));
        }
        let forgotten = tx.forget_events(before, written, BATCH).await?;
        self.commit(tx).await?;
        Ok(forgotten == u64::from(BATCH))
    }

    /// Forgets spent and outdated rows, and folds those that are one.
    pub async fn forget(&self) -> Result<()> {
        let now = self.clock.now();
        let mut tx = self.begin().await?;
        tx.forget_tickets(now).await?;
        tx.forget_takeovers(now).await?;
        tx.forget_sessions(now, BATCH).await?;
        tx.forget_signing_keys(now).await?;
        tx.forget_logout_tokens(now).await?;
        tx.forget_foreign_ends(now.minus(FOREIGN_ENDS_KEPT), BATCH)
            .await?;
        tx.forget_idempotency_keys(now.minus(IDEMPOTENCY_KEPT))
            .await?;
        tx.fold_group_sizes().await?;
        self.commit(tx).await?;
        Ok(())
    }
}
