//! Tokens that are good only beside something that whoever steals them does not get along with them. It may
//! not know how a client presents it.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use sessionwire_guard::{Claims, Confirmation};

use super::vault::sha256;
use super::{Core, Origin, Result, SignedIn};
use crate::domain::binding::Binding;
use crate::domain::error::Error;
use crate::domain::id::SessionId;
use crate::domain::secret::Bearer;
use crate::domain::session::Session;

impl Core {
    /// Binds a session that has just begun, and issues the tokens that say so: those before were handed to
    /// nobody.
    pub async fn bind(&self, session: SessionId, binding: Binding) -> Result<SignedIn> {
        let mut tx = self.begin().await?;
        tx.bind_session(session, binding).await?;
        self.commit(tx).await?;
        self.issue(session).await
    }

    /// The value of the cookie that a bound session's tokens are good beside.
    pub fn binding_cookie(&self, session: SessionId) -> Bearer {
        self.vault.binding_cookie(session)
    }

    /// What a page of ours repeats in a header.
    pub fn csrf_token(&self, session: SessionId) -> Bearer {
        self.vault.csrf_token(session)
    }

    /// Whether it was repeated. Compared in constant time.
    pub fn is_csrf_token(&self, session: SessionId, given: &str) -> bool {
        are_equal(self.vault.csrf_token(session).expose(), given)
    }

    /// What tokens of a bound session say of it.
    pub(super) fn confirmation(
        &self,
        session: &Session,
        binding: Option<Binding>,
    ) -> Option<Confirmation> {
        // Where it is bound to both, a key shows more: nobody can carry it away.
        if let Some(jkt) = &session.jkt {
            return Some(Confirmation::Key(jkt.clone()));
        }
        binding.map(|Binding::Cookie| {
            let cookie = self.vault.binding_cookie(session.id);
            Confirmation::Cookie(BASE64.encode(sha256(cookie.expose().as_bytes())))
        })
    }

    /// Whether what a session is bound to has come along with its refresh token.
    pub(super) fn is_shown(
        &self,
        binding: Option<Binding>,
        session: SessionId,
        origin: &Origin,
    ) -> bool {
        match binding {
            None => true,
            Some(Binding::Cookie) => origin.binding_cookie.as_ref().is_some_and(|given| {
                are_equal(self.vault.binding_cookie(session).expose(), given.expose())
            }),
        }
    }
}

/// Whether the cookie that a token is bound to has come along with it, if it is bound to one. What shows that
/// a key is held is not looked at here, so that a token bound to one does not pass.
pub fn confirm(claims: &Claims, origin: &Origin) -> Result<()> {
    let is_there = match &claims.cnf {
        None => true,
        Some(Confirmation::Key(_)) => false,
        Some(Confirmation::Cookie(hash)) => origin.binding_cookie.as_ref().is_some_and(|given| {
            are_equal(hash, &BASE64.encode(sha256(given.expose().as_bytes())))
        }),
    };
    if is_there {
        Ok(())
    } else {
        Err(Error::TokenInvalid)
    }
}

fn are_equal(one: &str, other: &str) -> bool {
    verify_slices_are_equal(one.as_bytes(), other.as_bytes()).is_ok()
}
