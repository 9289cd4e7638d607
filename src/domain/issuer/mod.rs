//! Tokens of other issuers: what one proves, by the rules that its issuer was given.
//!
//! Whatever the issuer, a genuine token comes out as a [`Proof`], and all that follows knows only that. It
//! may not know signatures, keys, or what sessions there are here.

mod claim;
mod logout;
mod preset;
#[cfg(test)]
mod tests;

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use claim::ClaimName;
pub use logout::{LOGOUT_EVENT, LoggedOut, Logout};
pub use preset::{Preset, PresetRules};

use super::clock::Timestamp;
use super::error::Error;
use super::group::check_group_name;
use super::text::LIST_MAX;
use super::user::check_display_name;

/// The longest subject, and the longest name of a session, in bytes (OpenID Connect Core section 2).
pub const SUBJECT_BYTES_MAX: usize = 255;

/// What logout tokens have and no other token (OpenID Connect Back-Channel Logout 1.0 section 2.4).
const EVENTS: &str = "events";

/// How an issuer's tokens are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuerRules {
    /// What it is called here.
    pub name: String,
    /// Its `iss`, to the letter.
    pub issuer: String,
    /// Whom its tokens may be meant for.
    pub audiences: Vec<String>,
    /// The claim that says whom.
    pub audience: ClaimName,
    /// Whom its logout tokens may be meant for.
    pub logout_audiences: Vec<String>,
    /// Claims that must have these values.
    pub required: Vec<(ClaimName, String)>,
    /// The claim that says who it is.
    pub subject: ClaimName,
    /// The claim that names the session there.
    pub session: Option<ClaimName>,
    /// The claim that says when the person proved who they are.
    pub auth_time: ClaimName,
    /// The claim with a name for people.
    pub display_name: ClaimName,
    /// The claim with the names of groups; none where groups are kept here.
    pub groups: Option<ClaimName>,
    /// Whether somebody who is not known yet becomes a user.
    pub creates_users: bool,
    /// Whether its tokens are taken as they are, and not only in exchange.
    pub attaches: bool,
    /// How far its clock may be off.
    pub leeway: Duration,
}

/// Who somebody is, for an issuer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Its `iss`.
    pub issuer: String,
    /// Its name for the person.
    pub subject: String,
}

/// A sign-in at another issuer, as a token of it tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForeignSession {
    /// Whose.
    pub identity: Identity,
    /// What tells it from the person's other ones.
    pub key: SessionKey,
    /// When the person proved who they are, in whole seconds; of an issuer that does not say, when the token
    /// was issued.
    pub signed_in_at: i64,
}

/// What tells the sessions of a person at an issuer apart: the claim for it, else the token's own id, else
/// the second in which it was issued. The letter in front keeps one from being taken for another.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SessionKey(String);

/// What a genuine token proves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// The sign-in that it comes from.
    pub session: ForeignSession,
    /// What the issuer is called here.
    pub issuer_name: String,
    /// When it was issued, in whole seconds.
    pub issued_at: i64,
    /// When it stops being good, in whole seconds.
    pub expires_at: i64,
    /// Names of groups, where the issuer decides about them.
    pub groups: Option<Vec<String>>,
    /// A name for people.
    pub display_name: Option<String>,
    /// Whether somebody who is not known yet becomes a user.
    pub creates_users: bool,
}

impl SessionKey {
    /// A session by the name that its issuer gave it.
    pub fn named(name: &str) -> Self {
        Self(format!("s:{name}"))
    }

    fn of_token(id: &str) -> Self {
        Self(format!("j:{id}"))
    }

    fn of_second(second: i64) -> Self {
        Self(format!("i:{second}"))
    }

    /// One that was kept.
    pub fn kept(text: String) -> Self {
        Self(text)
    }

    /// Whether its issuer gave it the name.
    pub fn is_named(&self) -> bool {
        self.0.starts_with("s:")
    }

    /// As it is kept.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl ForeignSession {
    /// Whether the sign-in came after what happened here at this moment. Two clocks tell of it, and one of
    /// them only whole seconds: within the same one nobody knows, and it counts as before.
    pub fn is_later_than(&self, moment: Timestamp) -> bool {
        self.signed_in_at > moment.as_seconds()
    }
}

impl IssuerRules {
    /// What a token with a good signature proves.
    ///
    /// # Errors
    /// [`Error::TokenInvalid`], or [`Error::TokenExpired`] where that is all that is wrong.
    pub fn read(&self, claims: &Map<String, Value>, now: Timestamp) -> Result<Proof, Error> {
        self.check_addressee(claims)?;
        let issued_at = second(claims.get("iat")).ok_or(Error::TokenInvalid)?;
        let auth_time = self.auth_time.find(claims).map(|it| second(Some(it)));
        let signed_in_at = match auth_time {
            Some(time) => time.ok_or(Error::TokenInvalid)?,
            None => issued_at,
        };
        let subject = name(self.subject.find(claims)).ok_or(Error::TokenInvalid)?;
        let key = self.session_key(claims, issued_at)?;
        let groups = self.groups.as_ref().map(|claim| groups(claim.find(claims)));
        let display_name = self.display_name.find(claims).and_then(Value::as_str);
        let expires_at = self.check_times(claims, issued_at.max(signed_in_at), now)?;
        let identity = Identity {
            issuer: self.issuer.clone(),
            subject,
        };
        Ok(Proof {
            session: ForeignSession {
                identity,
                key,
                signed_in_at,
            },
            issuer_name: self.name.clone(),
            issued_at,
            expires_at,
            groups: groups.transpose()?,
            display_name: display_name
                .filter(|name| check_display_name(name).is_ok())
                .map(str::to_owned),
            creates_users: self.creates_users,
        })
    }

    /// From the issuer, for us, and of the right kind.
    fn check_addressee(&self, claims: &Map<String, Value>) -> Result<(), Error> {
        let text = |claim: &str| claims.get(claim).and_then(Value::as_str);
        let is_ours = text("iss") == Some(self.issuer.as_str())
            && names(self.audience.find(claims))
                .is_some_and(|found| found.iter().any(|it| self.audiences.contains(it)))
            && self.required.iter().all(|(claim, value)| {
                claim.find(claims).and_then(Value::as_str) == Some(value.as_str())
            })
            && !claims.contains_key(EVENTS);
        is_ours.then_some(()).ok_or(Error::TokenInvalid)
    }

    /// `latest`: the latest moment that the token tells of, which can't lie ahead. Answers until when it is
    /// good.
    fn check_times(
        &self,
        claims: &Map<String, Value>,
        latest: i64,
        now: Timestamp,
    ) -> Result<i64, Error> {
        let leeway = i64::try_from(self.leeway.as_secs()).unwrap_or(i64::MAX);
        let ahead = now.as_seconds().saturating_add(leeway);
        let behind = now.as_seconds().saturating_sub(leeway);
        let not_before = match claims.get("nbf") {
            Some(value) => second(Some(value)).ok_or(Error::TokenInvalid)?,
            None => i64::MIN,
        };
        let expires_at = second(claims.get("exp")).ok_or(Error::TokenInvalid)?;
        if latest > ahead || not_before > ahead {
            Err(Error::TokenInvalid)
        } else if expires_at <= behind {
            Err(Error::TokenExpired)
        } else {
            Ok(expires_at.saturating_add(leeway))
        }
    }

    fn session_key(
        &self,
        claims: &Map<String, Value>,
        issued_at: i64,
    ) -> Result<SessionKey, Error> {
        let named = self.session.as_ref().and_then(|claim| claim.find(claims));
        let key = match (named, claims.get("jti")) {
            (Some(session), _) => name(Some(session)).map(|it| SessionKey::named(&it)),
            (None, Some(id)) => name(Some(id)).map(|it| SessionKey::of_token(&it)),
            (None, None) => Some(SessionKey::of_second(issued_at)),
        };
        key.ok_or(Error::TokenInvalid)
    }
}

/// Whole seconds since the Unix epoch (RFC 7519 allows parts of one).
fn second(value: Option<&Value>) -> Option<i64> {
    let value = value?;
    let seconds = value.as_i64().or_else(|| {
        let parts = value
            .as_f64()
            .filter(|it| it.is_finite() && it.abs() < 1e15)?;
        // Whatever is after the point counts as the second that it is in.
        format!("{:.0}", parts.floor()).parse().ok()
    })?;
    (0..=MAX_SECOND).contains(&seconds).then_some(seconds)
}

/// The end of the year 9999.
const MAX_SECOND: i64 = 253_402_300_799;

/// A text that names somebody or something; a number is one too.
fn name(value: Option<&Value>) -> Option<String> {
    let text = match value? {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    let fits = (1..=SUBJECT_BYTES_MAX).contains(&text.len()) && !text.chars().any(char::is_control);
    fits.then_some(text)
}

/// One text or a list of texts.
fn names(value: Option<&Value>) -> Option<Vec<String>> {
    match value? {
        Value::String(text) => Some(vec![text.clone()]),
        Value::Array(members) => members
            .iter()
            .map(|member| member.as_str().map(str::to_owned))
            .collect(),
        _ => None,
    }
}

/// Who is in no group has no such claim with many issuers. A name that no group here could have is of none.
fn groups(value: Option<&Value>) -> Result<Vec<String>, Error> {
    let Some(value) = value else {
        return Ok(Vec::new());
    };
    let mut found = names(Some(value)).ok_or(Error::TokenInvalid)?;
    found.retain(|name| check_group_name(name).is_ok());
    found.sort_unstable();
    found.dedup();
    if found.len() > LIST_MAX {
        return Err(Error::TokenInvalid);
    }
    Ok(found)
}
