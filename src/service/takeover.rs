//! Approval: the devices in the way are asked over their sockets, and the first answer decides.

use super::sign_in::{Door, Entry, by_user};
use super::vault::{BearerKind, hash, new_bearer};
use super::{Call, Core, Origin, Result, SignInAnswer};
use crate::domain::Reason;
use crate::domain::access::Cause;
use crate::domain::clock::Timestamp;
use crate::domain::error::Error;
use crate::domain::event::{Event, TakeoverRequested};
use crate::domain::id::{SessionId, TakeoverRequestId, UserId};
use crate::domain::secret::Bearer;
use crate::domain::user::UserStatus;
use crate::storage::{Newcomer, TakeoverKind, TakeoverRow, TakeoverState, Tx};

/// When a newcomer asks again for the outcome, in milliseconds.
const POLL_AFTER_MS: u64 = 1_000;

impl Core {
    /// Asks every connection of every session in the way.
    pub(super) async fn ask_devices(
        &self,
        mut tx: Tx,
        user: UserId,
        newcomer: Newcomer,
        sessions: Vec<SessionId>,
        cause: &Cause,
    ) -> Result<SignInAnswer> {
        let now = self.clock.now();
        let token = new_bearer(BearerKind::Request, self.entropy.as_ref());
        let id = TakeoverRequestId(self.entropy.uuid(now));
        let expires_at = now.plus(self.settings.approval_timeout);
        let device = newcomer.device.label();
        let row = TakeoverRow {
            id,
            user_id: user,
            kind: TakeoverKind::Approve,
            state: TakeoverState::Open,
            newcomer,
            in_the_way: sessions.clone(),
            expires_at,
            keep_until: expires_at.plus(self.settings.takeover_token_ttl),
            session_id: None,
        };
        tx.insert_takeover(hash(&token), &row).await?;
        tx.record(
            cause,
            Event::TakeoverRequested(TakeoverRequested {
                request_id: id,
                user_id: user,
                sessions,
                device,
                expires_at,
            }),
        );
        self.commit(tx).await?;
        Ok(pending(id, token, expires_at))
    }

    /// What became of a request.
    pub async fn poll_request(&self, token: &Bearer) -> Result<SignInAnswer> {
        let row = self
            .read()
            .await?
            .find_takeover_by_token(hash(token))
            .await?
            .filter(|row| row.kind == TakeoverKind::Approve)
            .ok_or(Error::TokenInvalid)?;
        match (row.state, row.session_id) {
            (TakeoverState::Denied, _) => Err(Error::TakeoverDenied),
            (TakeoverState::Allowed, Some(session)) => {
                Ok(SignInAnswer::SignedIn(Box::new(self.issue(session).await?)))
            }
            (TakeoverState::Allowed, None) => {
                Err(Error::internal("an allowed takeover has no session"))
            }
            (TakeoverState::Open, _) if row.expires_at > self.clock.now() => {
                Ok(pending(row.id, token.clone(), row.expires_at))
            }
            (TakeoverState::Open, _) => Err(self.expire(row).await?),
        }
    }

    /// Nobody answered: the newcomer may take the seat after all.
    async fn expire(&self, row: TakeoverRow) -> Result<Error> {
        let token = self.vault.takeover_token(row.id);
        let mut tx = self.begin().await?;
        if tx.lock_user(row.user_id).await?.is_none() {
            return Ok(Error::TokenInvalid);
        }
        // Asked for again, the same token is offered, and not for longer.
        if tx
            .decide_takeover(row.id, TakeoverState::Open, None)
            .await?
            && tx.find_takeover_by_token(hash(&token)).await?.is_none()
            && row.keep_until > self.clock.now()
        {
            self.keep_offer(&mut tx, &token, row.user_id, row.newcomer)
                .await?;
        }
        self.commit(tx).await?;
        Ok(Error::TakeoverExpired {
            takeover_token: Some(token),
        })
    }

    /// A device in the way answers. `allow` ends its session and lets the newcomer in.
    pub async fn answer_takeover(
        &self,
        request: TakeoverRequestId,
        session: SessionId,
        allow: bool,
        origin: &Origin,
    ) -> Result<()> {
        let now = self.clock.now();
        let mut tx = self.begin().await?;
        let whose = tx.find_takeover(request).await?.map(|row| row.user_id);
        let whose = whose.ok_or(Error::NotFound("takeover request"))?;
        let user = tx.lock_user(whose).await?;
        let row = tx
            .find_takeover(request)
            .await?
            .filter(|row| row.kind == TakeoverKind::Approve && row.in_the_way.contains(&session))
            .ok_or(Error::NotFound("takeover request"))?;
        if row.state != TakeoverState::Open || row.expires_at <= now {
            return Err(Error::TakeoverExpired {
                takeover_token: None,
            });
        }
        let answering = tx
            .lock_unended_sessions(row.user_id)
            .await?
            .into_iter()
            .find(|live| live.id == session && live.is_live(now))
            .ok_or(Error::NotFound("takeover request"))?;
        let user = user.ok_or(Error::NotFound("takeover request"))?;
        if user.status == UserStatus::Suspended {
            return Err(Error::UserSuspended);
        }
        let call = Call::as_user(by_user(row.user_id, origin));
        let (state, entered) = if allow {
            let label = row.newcomer.device.label();
            self.end(
                &mut tx,
                &answering,
                Reason::Superseded,
                &call.cause,
                Some(&label),
            )
            .await?;
            let (whose, door) = (row.user_id, Door::TakeSeat);
            let foreign = row.newcomer.foreign.as_ref();
            let seats = tx.lock_seats(whose, foreign).await?;
            match self
                .enter(&mut tx, whose, seats, &row.newcomer, door, &call.cause)
                .await?
            {
                Entry::In(entered) => (TakeoverState::Allowed, Some(entered)),
                Entry::Full(..) => return Err(Error::internal("a seat that was given is taken")),
            }
        } else {
            (TakeoverState::Denied, None)
        };
        tx.decide_takeover(request, state, entered).await?;
        let user_id = row.user_id;
        tx.record(
            &call.cause,
            Event::TakeoverAnswered {
                request_id: request,
                user_id,
                allowed: allow,
            },
        );
        self.commit(tx).await?;
        Ok(())
    }
}

fn pending(
    request_id: TakeoverRequestId,
    request_token: Bearer,
    expires_at: Timestamp,
) -> SignInAnswer {
    SignInAnswer::Pending {
        request_id,
        request_token,
        expires_at,
        poll_after_ms: POLL_AFTER_MS,
    }
}
