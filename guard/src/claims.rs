//! What an access token says: the claims of CONTRACT "Tokens", in the profile of RFC 9068. It may
//! not know how they are signed.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::id::{DeviceId, Seq, SessionId, UserId};

/// The claims of an access token. Times are whole seconds since the Unix epoch (RFC 7519).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// Who issued it.
    pub iss: String,
    /// The user.
    pub sub: UserId,
    /// Whom it is meant for.
    pub aud: String,
    /// The client it was issued to (RFC 9068).
    pub client_id: String,
    /// When it was issued; says nothing about whether it is good.
    pub iat: i64,
    /// When it stops being good, whatever else happens.
    pub exp: i64,
    /// This token's own id.
    pub jti: Uuid,
    /// The session.
    pub sid: SessionId,
    /// The device of the session.
    pub device_id: DeviceId,
    /// When the person proved who they are.
    pub auth_time: i64,
    /// Names of the user's groups.
    pub groups: Vec<String>,
    /// The user's effective permissions.
    pub permissions: Vec<String>,
    /// How much of the log this token has seen: never later than the position at which its rights
    /// were read.
    pub as_of: Seq,
    /// The position at which the session began. Of two sessions of a user the later has the higher.
    pub fence: Seq,
    /// Which refresh token it was issued with, so that its use proves that the answer arrived.
    #[serde(rename = "gen")]
    pub generation: u32,
    /// Until when its session lives if nobody uses it; none where that is not said.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub session_exp: Option<i64>,
    /// What has to come along with the token, if anything: whoever can't look at that refuses the token.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cnf: Option<Confirmation>,
    /// The key that vouches for all this, where one of this issuer's does. Filled by whoever verified
    /// the signature: no claim of the token itself.
    #[serde(skip)]
    pub kid: Option<Arc<str>>,
}

/// What a token is good only beside (RFC 7800 `cnf`). One that is not known here makes the token unreadable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Confirmation {
    /// A cookie with a value of this SHA-256, in base64url: no script sees it, so one that steals the token
    /// has a half of what it needs.
    #[serde(rename = "cookie_s256")]
    Cookie(String),
    /// A proof made with the key of this thumbprint (RFC 9449 section 6.1).
    #[serde(rename = "jkt")]
    Key(String),
}

impl Claims {
    /// The name of the scheme by which the token is sent.
    pub fn token_type(&self) -> &'static str {
        match self.cnf {
            Some(Confirmation::Key(_)) => "DPoP",
            Some(Confirmation::Cookie(_)) | None => "Bearer",
        }
    }

    /// The number of the refresh token that it was issued with, if that took another's place: the other is spent once
    /// this token comes back. None for the first of a session.
    pub fn rotation(&self) -> Option<u32> {
        (self.generation > 1).then_some(self.generation)
    }

    /// Whether the token lists this permission.
    pub fn allows(&self, permission: &str) -> bool {
        self.permissions.iter().any(|held| held == permission)
    }
}
