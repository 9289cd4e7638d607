//! Signed out by the person's identity provider. It may not know tokens.

use super::{Call, Change, Core, Effect, Result};
use crate::domain::Reason;
use crate::domain::error::Error;
use crate::domain::issuer::{Identity, LoggedOut, Logout};
use crate::storage::{ForeignEnd, Tx};

impl Core {
    /// Ends the sessions that somebody's sign-in at an issuer led to. The same word of the issuer is taken
    /// once.
    pub async fn log_out_by_provider(&self, call: &Call, logout: Logout) -> Result<Change> {
        let mut tx = self.begin().await?;
        let is_new = tx
            .insert_logout_token(&logout.issuer, &logout.jti, logout.keep_until)
            .await?;
        if !is_new {
            return Err(Error::TokenInvalid);
        }
        let reason = Reason::IdentityProviderLogout;
        for (id, subject, key) in tx
            .list_foreign_sessions(&logout.issuer, &logout.whom)
            .await?
        {
            if logout.whom.means(&subject, &key)
                && let Some(session) = tx.find_session(id).await?
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
