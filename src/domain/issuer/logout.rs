//! An issuer says that somebody signed out there (OpenID Connect Back-Channel Logout 1.0). It may not know
//! what sessions there are here.

use serde_json::{Map, Value};

use super::{EVENTS, IssuerRules, SessionKey, name, names, second};
use crate::domain::clock::Timestamp;
use crate::domain::error::Error;

/// What a logout token says, and no other token.
pub const LOGOUT_EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// The longest that a logout token may be good for, in seconds: it is remembered for as long.
const LIFE_MAX_S: i64 = 86_400;

/// Somebody signed out at an issuer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logout {
    /// Its `iss`.
    pub issuer: String,
    /// Whom it names.
    pub whom: LoggedOut,
    /// The token's own id.
    pub jti: String,
    /// Until when it could be sent again.
    pub keep_until: Timestamp,
}

/// Whom a logout token names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoggedOut {
    /// A person, in every session.
    Everywhere {
        /// The issuer's name for the person.
        subject: String,
    },
    /// One session of a person.
    Session {
        /// The issuer's name for the person, where it says it.
        subject: Option<String>,
        /// The session.
        key: SessionKey,
    },
}

impl LoggedOut {
    /// What it names: the person, the session, or both.
    pub fn names(&self) -> (Option<&str>, Option<&SessionKey>) {
        match self {
            Self::Everywhere { subject } => (Some(subject), None),
            Self::Session { subject, key } => (subject.as_deref(), Some(key)),
        }
    }

    /// Whether it means a session of this person with this key. One that its issuer gave no name may be the
    /// one that is meant, so it is.
    pub fn means(&self, subject: &str, key: &SessionKey) -> bool {
        match self {
            Self::Everywhere { subject: whose } => whose == subject,
            Self::Session {
                subject: whose,
                key: named,
            } => match whose {
                Some(whose) => whose == subject && (named == key || !key.is_named()),
                None => named == key,
            },
        }
    }
}

impl IssuerRules {
    /// Who signed out, by a logout token with a good signature (section 2.6 of the specification).
    ///
    /// # Errors
    /// [`Error::TokenInvalid`], or [`Error::TokenExpired`] where that is all that is wrong.
    pub fn read_logout(
        &self,
        claims: &Map<String, Value>,
        now: Timestamp,
    ) -> Result<Logout, Error> {
        let says_so = claims
            .get(EVENTS)
            .and_then(|events| events.get(LOGOUT_EVENT));
        let is_ours = claims.get("iss").and_then(Value::as_str) == Some(self.issuer.as_str())
            && names(claims.get("aud"))
                .is_some_and(|found| found.iter().any(|it| self.logout_audiences.contains(it)))
            && says_so.is_some_and(Value::is_object)
            && !claims.contains_key("nonce");
        if !is_ours {
            return Err(Error::TokenInvalid);
        }
        let jti = name(claims.get("jti")).ok_or(Error::TokenInvalid)?;
        let issued_at = second(claims.get("iat")).ok_or(Error::TokenInvalid)?;
        let expires_at = second(claims.get("exp")).ok_or(Error::TokenInvalid)?;
        if expires_at.saturating_sub(issued_at) > LIFE_MAX_S {
            return Err(Error::TokenInvalid);
        }
        let text = |claim: &str| match claims.get(claim) {
            None => Ok(None),
            Some(value) => name(Some(value)).map(Some).ok_or(Error::TokenInvalid),
        };
        let whom = match (text("sub")?, text("sid")?) {
            (None, None) => return Err(Error::TokenInvalid),
            (Some(subject), None) => LoggedOut::Everywhere { subject },
            (subject, Some(sid)) => LoggedOut::Session {
                subject,
                key: SessionKey::named(&sid),
            },
        };
        self.check_times(claims, issued_at, now)?;
        Ok(Logout {
            issuer: self.issuer.clone(),
            whom,
            jti,
            keep_until: Timestamp::from_seconds(expires_at).plus(self.leeway),
        })
    }
}
