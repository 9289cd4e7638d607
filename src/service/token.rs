//! Access tokens, refresh tokens and socket tickets.

use sessionwire_guard::Claims;

use super::step::Step;
use super::vault::{BearerKind, hash, new_bearer};
use super::{Call, Core, Origin, Result, SignedIn, UserView};
use crate::domain::Reason;
use crate::domain::access::{Actor, Cause, InitiatingEntity};
use crate::domain::clock::Timestamp;
use crate::domain::error::Error;
use crate::domain::id::SessionId;
use crate::domain::secret::Bearer;
use crate::domain::session::{Session, expires_at};
use crate::storage::{Grant, RefreshState, Tx};

/// What a presented refresh token calls for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Presentation {
    /// The current one: the next one takes its place.
    Rotate,
    /// The direct predecessor, in a race or after a lost answer: the current one again.
    Repeat,
    /// Anything else of this session: somebody holds a copy.
    Reuse,
}

impl Core {
    /// Tokens for a live session: the position first, the rights second, both after the commit that
    /// led here.
    pub(super) async fn issue(&self, id: SessionId) -> Result<SignedIn> {
        Step::Committed.reached();
        let grant = self.look().await?.find_grant(id).await?;
        let Grant {
            session,
            state,
            user,
            head,
            rights,
        } = grant.ok_or(Error::RefreshTokenInvalid)?;
        let now = self.clock.now();
        if let Some(end) = &session.end {
            return Err(Error::SessionEnded(end.reason));
        }
        if !session.is_live(now) {
            return Err(Error::SessionEnded(session.expiry_reason()));
        }
        let user = user.ok_or(Error::RefreshTokenInvalid)?;
        Step::RightsRead.reached();
        let session_ends =
            sign_in_limit(&session, session.signed_in_at, now)?.min(session.expires_at);
        let expires_at = now.plus(self.settings.access_token_ttl).min(session_ends);
        let claims = Claims {
            iss: self.settings.issuer.clone(),
            sub: session.user_id,
            aud: self.settings.audience.clone(),
            client_id: self.settings.client_id.clone(),
            iat: now.as_seconds(),
            exp: expires_at.as_seconds(),
            jti: self.entropy.uuid(now),
            sid: session.id,
            device_id: session.device.id,
            auth_time: session.signed_in_at.as_seconds(),
            groups: rights.groups.into_iter().collect(),
            permissions: rights.permissions.into_iter().collect(),
            as_of: head,
            fence: session.fence,
            generation: state.generation,
            session_exp: Some(session_ends.as_seconds()),
            cnf: self.confirmation(&session, state.binding),
            kid: None,
        };
        let access_token = self.sign(&claims)?;
        Ok(SignedIn {
            expires_in_s: u64::try_from(claims.exp - claims.iat).unwrap_or(0),
            as_of: claims.as_of,
            user: UserView {
                user,
                groups: claims.groups.clone(),
                permissions: claims.permissions.clone(),
            },
            access_token,
            claims,
            refresh_token: self.vault.refresh_token(session.id, state.generation),
            session,
        })
    }

    /// Exchanges a refresh token for new tokens. Rotates it; CONTRACT "Refresh token" says what its
    /// predecessor gets, and what ends the session.
    pub async fn refresh(&self, token: &Bearer, origin: &Origin) -> Result<SignedIn> {
        let (id, generation) = self
            .vault
            .read_refresh_token(token)
            .ok_or(Error::RefreshTokenInvalid)?;
        Step::Proven.reached();
        let mut tx = self.begin().await?;
        let (session, state) = tx
            .lock_session(id)
            .await?
            .ok_or(Error::RefreshTokenInvalid)?;
        // Whoever has the token alone has stolen it: nothing is used up, and nobody is signed out.
        if session.jkt.is_some() && session.jkt != origin.jkt {
            return Err(Error::ProofInvalid(
                "the refresh token is bound to a key: send a DPoP proof made with it",
            ));
        }
        if let Some(end) = &session.end {
            return Err(ended(end.reason));
        }
        let cause = Cause {
            actor: Actor::User(session.user_id),
            initiating_entity: InitiatingEntity::System,
            request_id: origin.request_id.clone(),
            address: origin.address.map(|address| address.to_string()),
        };
        // Whoever shows the token alone has stolen it, or lost its other half: either way nothing is spent.
        if !self.is_shown(state.binding, id, origin) {
            return Err(Error::RefreshTokenInvalid);
        }
        let now = self.clock.now();
        if !session.is_live(now) {
            return self
                .end_and_refuse(tx, &session, Reason::Expired, &cause)
                .await;
        }
        // Before anything is used up: who signs in again on this device replaces the session.
        sign_in_limit(&session, session.signed_in_at, now)?;
        let state = match self.judge(state, generation, now) {
            Presentation::Reuse => {
                return self
                    .end_and_refuse(tx, &session, Reason::RefreshTokenReused, &cause)
                    .await;
            }
            Presentation::Repeat => state,
            Presentation::Rotate => RefreshState {
                generation: generation.saturating_add(1),
                rotated_at: now,
                presented: false,
                ..state
            },
        };
        self.use_session(&mut tx, session, state, now).await?;
        Step::Written.reached();
        self.commit(tx).await?;
        self.issue(id).await
    }

    fn judge(&self, state: RefreshState, generation: u32, now: Timestamp) -> Presentation {
        if generation == state.generation {
            return Presentation::Rotate;
        }
        let age = now.since(state.rotated_at);
        let in_grace = age <= self.settings.refresh_grace;
        let answer_lost = !state.presented && age <= self.settings.refresh_lost_answer;
        let is_predecessor = generation.checked_add(1) == Some(state.generation);
        if is_predecessor && (in_grace || answer_lost) {
            Presentation::Repeat
        } else {
            Presentation::Reuse
        }
    }

    async fn end_and_refuse(
        &self,
        mut tx: Tx,
        session: &Session,
        reason: Reason,
        cause: &Cause,
    ) -> Result<SignedIn> {
        let reason = self
            .end(&mut tx, session, reason, cause, None)
            .await?
            .unwrap_or(reason);
        self.commit(tx).await?;
        Err(ended(reason))
    }

    /// The person used the session: it stays for as long again, within its age.
    pub(super) async fn use_session(
        &self,
        tx: &mut Tx,
        mut session: Session,
        state: RefreshState,
        now: Timestamp,
    ) -> Result<()> {
        session.last_active_at = now;
        session.expires_at = expires_at(session.lifetimes, session.created_at, now);
        tx.update_use(&session, state).await?;
        Ok(())
    }

    /// The session of a refresh token, current or not, if it is one of ours.
    pub fn session_of_refresh_token(&self, token: &Bearer) -> Option<SessionId> {
        self.vault
            .read_refresh_token(token)
            .map(|(session, _)| session)
    }

    /// `iss` of the tokens.
    pub fn issuer(&self) -> &str {
        &self.settings.issuer
    }

    /// `aud` of the tokens.
    pub fn audience(&self) -> &str {
        &self.settings.audience
    }

    /// A one-time stand-in for an access token, for where a token must not be written.
    pub async fn issue_ticket(&self, claims: &Claims) -> Result<(Bearer, Timestamp)> {
        let ticket = new_bearer(BearerKind::Ticket, self.entropy.as_ref());
        let expires_at = self.clock.now().plus(self.settings.ticket_ttl);
        let mut tx = self.begin().await?;
        tx.insert_ticket(hash(&ticket), claims, expires_at).await?;
        self.commit(tx).await?;
        Ok((ticket, expires_at))
    }

    /// What a ticket stands for. Spent by the first attempt.
    pub async fn redeem_ticket(&self, ticket: &Bearer) -> Result<Claims> {
        let mut tx = self.begin().await?;
        let found = tx.take_ticket(hash(ticket)).await?;
        self.commit(tx).await?;
        let (claims, expires_at) = found.ok_or(Error::TokenInvalid)?;
        if expires_at <= self.clock.now() {
            Err(Error::TokenInvalid)
        } else {
            Ok(claims)
        }
    }
}

/// Until when tokens of the session may live for the sake of the sign-in that it came of; an error where it
/// was too long ago.
pub(super) fn sign_in_limit(
    session: &Session,
    signed_in_at: Timestamp,
    now: Timestamp,
) -> Result<Timestamp> {
    match session.lifetimes.sign_in_limit(signed_in_at) {
        Some(limit) if limit <= now => Err(Error::SignInTooOld),
        Some(limit) => Ok(limit),
        None => Ok(session.expires_at),
    }
}

/// How a refresh of an ended session is answered.
fn ended(reason: Reason) -> Error {
    match reason {
        Reason::RefreshTokenReused => Error::RefreshTokenReused,
        other => Error::SessionEnded(other),
    }
}

impl Call {
    /// The same request on the person's own behalf.
    pub(super) fn as_user(cause: Cause) -> Self {
        Self {
            cause,
            ..Self::system()
        }
    }
}
