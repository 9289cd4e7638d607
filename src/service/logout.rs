//! Signed out by the person's identity provider, and clients of ours that hear of it. It may not know who asks.

use std::time::Duration;

use serde::Serialize;
use serde_json::{Value, json};

use super::{Call, Change, Core, Effect, Result};
use crate::domain::Reason;
use crate::domain::error::Error;
use crate::domain::event::SessionEnded;
use crate::domain::id::{SessionId, UserId};
use crate::domain::issuer::{Identity, LOGOUT_EVENT, LoggedOut, Logout};
use crate::storage::{ForeignEnd, Tx};

/// How long a logout token is good for (the specification asks for two minutes at most).
const LOGOUT_TOKEN_TTL: Duration = Duration::from_mins(2);

/// What a logout token of ours says (OpenID Connect Back-Channel Logout 1.0 section 2.4).
#[derive(Serialize)]
struct LogoutClaims<'a> {
    iss: &'a str,
    aud: &'a str,
    iat: i64,
    exp: i64,
    jti: String,
    sub: UserId,
    sid: SessionId,
    events: Value,
}

impl Core {
    /// A logout token for a client about a session that has ended. `jti` tells it from all others.
    pub fn sign_logout(&self, audience: &str, ended: &SessionEnded, jti: String) -> Result<String> {
        let now = self.clock.now();
        let claims = LogoutClaims {
            iss: &self.settings.issuer,
            aud: audience,
            iat: now.as_seconds(),
            exp: now.plus(LOGOUT_TOKEN_TTL).as_seconds(),
            jti,
            sub: ended.user_id,
            sid: ended.session_id,
            events: json!({ LOGOUT_EVENT: {} }),
        };
        self.sign_as("logout+jwt", &claims)
    }

    /// Ends the sessions that somebody's sign-in at an issuer led to. The same word of the issuer is taken
    /// once.
    pub async fn log_out_by_provider(&self, call: &Call, logout: Logout) -> Result<Change> {
        let mut tx = self.begin().await?;
        let (subject, key) = logout.whom.names();
        let identity = subject.map(|subject| Identity {
            issuer: logout.issuer.clone(),
            subject: subject.to_owned(),
        });
        tx.lock_sign_ins(&logout.issuer, identity.as_ref(), key)
            .await?;
        let is_new = tx
            .insert_logout_token(&logout.issuer, &logout.jti, logout.keep_until)
            .await?;
        if !is_new {
            return Err(Error::TokenInvalid);
        }
        let reason = Reason::IdentityProviderLogout;
        let candidates = tx
            .list_foreign_sessions(&logout.issuer, &logout.whom)
            .await?;
        let mut users = Vec::with_capacity(candidates.len());
        for (id, ..) in &candidates {
            users.extend(tx.find_session(*id).await?.map(|session| session.user_id));
        }
        tx.lock_users(&users).await?;
        for (id, subject, key) in candidates {
            if logout.whom.means(&subject, &key)
                && let Some((session, _)) = tx.lock_session(id).await?
            {
                self.end(&mut tx, &session, reason, &call.cause, None)
                    .await?;
            }
        }
        self.end_unseen(&mut tx, logout).await?;
        match self.conclude(call, tx, ()).await?.effect {
            Effect::Committed(change) => Ok(change),
            Effect::Previewed(_) => Err(Error::internal("a logout was only previewed")),
        }
    }

    /// A sign-in that was never seen here, or not by this token, is over too.
    async fn end_unseen(&self, tx: &mut Tx, logout: Logout) -> Result<()> {
        let end = ForeignEnd {
            ended_at: self.clock.now(),
            reason: Reason::IdentityProviderLogout,
        };
        let (subject, key) = match logout.whom {
            LoggedOut::Everywhere { subject } => (Some(subject), None),
            LoggedOut::Session { subject, key } => (subject, Some(key)),
        };
        let identity = Identity {
            issuer: logout.issuer,
            // Where the issuer does not say whose session it is, its name alone tells.
            subject: subject.unwrap_or_default(),
        };
        tx.set_foreign_end(&identity, key.as_ref(), Some(end))
            .await?;
        Ok(())
    }
}
