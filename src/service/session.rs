//! Sessions: the one way in which they end, and who may end which.

use super::outcome::Power;
use super::{Call, Core, Done, Page, Result, Slice};
use crate::domain::Reason;
use crate::domain::access::{Cause, InitiatingEntity};
use crate::domain::device::DeviceLabel;
use crate::domain::error::Error;
use crate::domain::event::{Event, SessionEnded};
use crate::domain::id::{DeviceId, Seq, SessionId, UserId};
use crate::domain::session::{Session, SessionEnd};
use crate::domain::user::UserRef;
use crate::storage::{ForeignEnd, SessionFilter, Tx};

/// How many sessions are read at once where all of them end.
const BATCH: u32 = 1_000;
/// Far more than can have been given between a copy of the database and its loss, and little of what there is: a
/// client in JavaScript counts up to nine million times as far.
const RESTORE_SKIPS: i64 = 1_000_000_000;

/// Which sessions are wanted.
#[derive(Clone, Debug, Default)]
pub struct SessionsWanted {
    /// Those of this user.
    pub user_id: Option<UserId>,
    /// Those on this device.
    pub device_id: Option<DeviceId>,
    /// Those that live, or those that don't.
    pub live: Option<bool>,
}

impl Core {
    /// Ends a session, whatever the cause: exactly one event, and the first reason stands. Answers
    /// the reason that was written, none where it had ended before. A session past its time ends of
    /// that.
    pub(super) async fn end(
        &self,
        tx: &mut Tx,
        session: &Session,
        reason: Reason,
        cause: &Cause,
        replaced_by: Option<&DeviceLabel>,
    ) -> Result<Option<Reason>> {
        let now = self.clock.now();
        let out_of_time = session.expires_at <= now;
        let reason = if out_of_time {
            session.expiry_reason()
        } else {
            reason
        };
        let cause = if out_of_time {
            &cause.on_behalf_of(InitiatingEntity::Policy)
        } else {
            cause
        };
        let replaced_by = replaced_by.filter(|_| !out_of_time).cloned();
        let end = SessionEnd {
            seq: Seq(0),
            at: now,
            reason,
            initiating_entity: cause.initiating_entity,
            replaced_by: replaced_by.clone(),
        };
        if !tx.end_session(session.id, &end).await? {
            return Ok(None);
        }
        tx.record(
            cause,
            Event::SessionEnded(SessionEnded {
                session_id: session.id,
                user_id: session.user_id,
                device_id: session.device.id,
                reason,
                replaced_by,
            }),
        );
        Ok(Some(reason))
    }

    /// Ends every session of a user but one.
    pub(super) async fn end_all_of(
        &self,
        tx: &mut Tx,
        user: UserId,
        except: Option<SessionId>,
        reason: Reason,
        cause: &Cause,
    ) -> Result<()> {
        for session in tx.lock_unended_sessions(user).await? {
            if Some(session.id) != except {
                self.end(tx, &session, reason, cause, None).await?;
            }
        }
        self.end_elsewhere(tx, Some(user), reason).await
    }

    /// Sign-ins at other issuers are over too, those that were never seen here as well.
    async fn end_elsewhere(&self, tx: &mut Tx, user: Option<UserId>, reason: Reason) -> Result<()> {
        let ended_at = self.clock.now();
        tx.end_identities_of(user, ForeignEnd { ended_at, reason })
            .await?;
        Ok(())
    }

    /// The person signs this session out.
    pub async fn sign_out(&self, call: &Call, id: SessionId) -> Result<Done<()>> {
        let mut tx = self.begin().await?;
        if let Some((session, _)) = tx.lock_session(id).await? {
            self.end(&mut tx, &session, Reason::SignedOut, &call.cause, None)
                .await?;
        }
        self.conclude(call, tx, ()).await
    }

    /// A service that acts for the person gives a token of this session back.
    pub async fn give_back(&self, call: &Call, id: SessionId) -> Result<Done<()>> {
        let mut tx = self.begin().await?;
        if let Some(session) = tx.lock_session_and_user(id).await? {
            check_power(call, &mut tx, session.user_id).await?;
            self.end(&mut tx, &session, Reason::SignedOut, &call.cause, None)
                .await?;
        }
        self.conclude(call, tx, ()).await
    }

    /// The person signs out everywhere, or everywhere but here.
    pub async fn sign_out_everywhere(
        &self,
        call: &Call,
        user: UserId,
        except: Option<SessionId>,
    ) -> Result<Done<()>> {
        let mut tx = self.begin().await?;
        tx.lock_user(user).await?;
        let reason = Reason::SignedOutEverywhere;
        self.end_all_of(&mut tx, user, except, reason, &call.cause)
            .await?;
        self.conclude(call, tx, ()).await
    }

    /// The person signs one of their sessions out.
    pub async fn end_own_session(
        &self,
        call: &Call,
        user: UserId,
        id: SessionId,
    ) -> Result<Done<()>> {
        let mut tx = self.begin().await?;
        let session = tx
            .lock_session_and_user(id)
            .await?
            .filter(|session| session.user_id == user);
        let session = session.ok_or(Error::NotFound("session"))?;
        self.end(&mut tx, &session, Reason::SignedOut, &call.cause, None)
            .await?;
        self.conclude(call, tx, ()).await
    }

    /// An administrator ends a session.
    pub async fn end_session(&self, call: &Call, id: SessionId) -> Result<Done<()>> {
        let mut tx = self.begin().await?;
        let session = tx
            .lock_session_and_user(id)
            .await?
            .ok_or(Error::NotFound("session"))?;
        check_power(call, &mut tx, session.user_id).await?;
        self.end(&mut tx, &session, Reason::RevokedByAdmin, &call.cause, None)
            .await?;
        self.conclude(call, tx, ()).await
    }

    /// An administrator ends every session of a user.
    pub async fn end_user_sessions(&self, call: &Call, user: UserId) -> Result<Done<()>> {
        let mut tx = self.begin().await?;
        tx.lock_user(user).await?.ok_or(Error::NotFound("user"))?;
        check_power(call, &mut tx, user).await?;
        self.end_all_of(&mut tx, user, None, Reason::RevokedByAdmin, &call.cause)
            .await?;
        self.conclude(call, tx, ()).await
    }

    /// The person's identity provider wants every session ended.
    pub async fn end_sessions_for_provider(&self, call: &Call, user: UserRef) -> Result<()> {
        let user = self.resolve_user(user).await?;
        let mut tx = self.begin().await?;
        tx.lock_user(user).await?.ok_or(Error::NotFound("user"))?;
        check_power(call, &mut tx, user).await?;
        let reason = Reason::IdentityProviderLogout;
        self.end_all_of(&mut tx, user, None, reason, &call.cause)
            .await?;
        self.conclude(call, tx, ()).await.map(|_| ())
    }

    /// Everybody is signed out.
    pub async fn revoke_all(&self, call: &Call) -> Result<Done<()>> {
        let mut tx = self.begin().await?;
        tx.lock_rules().await?;
        tx.lock_all_sessions().await?;
        self.end_all(&mut tx, call).await?;
        self.conclude(call, tx, ()).await
    }

    /// The database was brought back from a copy: positions go on far above all that can have been given since the
    /// copy was made, and nobody's session goes on, since it may have ended meanwhile. No node may be running.
    pub async fn restore(&self, call: &Call) -> Result<Done<()>> {
        let mut tx = self.begin().await?;
        tx.lock_rules().await?;
        tx.lock_all_sessions().await?;
        let previous = tx.skip_positions(RESTORE_SKIPS).await?;
        tx.record(&call.cause, Event::LogRestored { previous });
        self.end_all(&mut tx, call).await?;
        tx.clear_nodes().await?;
        self.conclude(call, tx, ()).await
    }

    async fn end_all(&self, tx: &mut Tx, call: &Call) -> Result<()> {
        tx.record(&call.cause, Event::RevokedAll {});
        self.end_elsewhere(tx, None, Reason::RevokeAll).await?;
        let mut after = SessionId(uuid::Uuid::nil());
        loop {
            let sessions = tx.list_all_unended_sessions(after, BATCH).await?;
            let Some(last) = sessions.last() else { break };
            after = last.id;
            for session in &sessions {
                self.end(tx, session, Reason::RevokeAll, &call.cause, None)
                    .await?;
            }
        }
        Ok(())
    }

    /// Sessions in order of age.
    pub async fn list_sessions(
        &self,
        wanted: SessionsWanted,
        page: Page,
    ) -> Result<Slice<Session>> {
        let filter = SessionFilter {
            user_id: wanted.user_id,
            device_id: wanted.device_id,
            live_at: wanted.live.map(|live| (live, self.clock.now())),
        };
        let sessions = self
            .look()
            .await?
            .list_sessions(&filter, page.after, page.probe())
            .await?;
        Ok(page.slice(sessions, |session| session.id.0))
    }

    /// A session, live or ended.
    pub async fn find_session(&self, id: SessionId) -> Result<Option<Session>> {
        Ok(self.look().await?.find_session(id).await?)
    }

    /// The person is there: the session's idle time begins anew.
    pub async fn record_activity(&self, id: SessionId) -> Result<()> {
        let now = self.clock.now();
        let mut tx = self.begin().await?;
        if let Some((session, state)) = tx
            .lock_session(id)
            .await?
            .filter(|(session, _)| session.is_live(now))
        {
            self.use_session(&mut tx, session, state, now).await?;
        }
        self.commit(tx).await?;
        Ok(())
    }
}

/// A key with the scope `sessions` never touches a session of an administrator.
pub(super) async fn check_power(call: &Call, tx: &mut Tx, user: UserId) -> Result<()> {
    match call.power {
        Power::Full => Ok(()),
        Power::SparesAdministrators => {
            if tx.is_administrator(user).await? {
                return Err(Error::Forbidden(
                    "a key with the scope `sessions` may not touch an administrator's sessions",
                ));
            }
            Ok(())
        }
    }
}
