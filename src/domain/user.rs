//! A user as it is kept. It may not know how it is stored or shown.

use serde::{Deserialize, Serialize};

use super::clock::Timestamp;
use super::error::Error;
use super::id::UserId;
use super::text::{NAME_CHARS_MAX, TITLE_CHARS_MAX, check_line};

/// Whether a user may sign in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UserStatus {
    /// May sign in.
    Active,
    /// May not, and holds no session.
    Suspended,
}

impl UserStatus {
    /// The name on the wire and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
        }
    }
}

/// A person or account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Its id.
    pub id: UserId,
    /// The name it signs in with; unique.
    pub username: String,
    /// The name that people see.
    pub display_name: String,
    /// Its id in the system of whoever runs this server; unique.
    pub external_id: Option<String>,
    /// Whether it may sign in.
    pub status: UserStatus,
    /// When it was made.
    pub created_at: Timestamp,
}

/// What a user is made from.
#[derive(Clone, Debug)]
pub struct NewUser {
    /// The name it signs in with.
    pub username: String,
    /// Without one it can't sign in with a password.
    pub password: Option<super::secret::Password>,
    /// The username where none is given.
    pub display_name: Option<String>,
    /// An id of the caller's.
    pub external_id: Option<String>,
    /// Names of existing groups.
    pub groups: Vec<String>,
}

/// A user name: 1 to 128 characters, without control characters or surrounding space.
pub fn check_username(username: &str) -> Result<(), Error> {
    check_line("username", username, NAME_CHARS_MAX)?;
    if username.trim() != username {
        return Err(Error::validation(
            "`username` must not begin or end with space",
        ));
    }
    Ok(())
}

/// A display name: 1 to 200 characters.
pub fn check_display_name(name: &str) -> Result<(), Error> {
    check_line("display_name", name, TITLE_CHARS_MAX)
}

/// An external id: 1 to 200 characters.
pub fn check_external_id(id: &str) -> Result<(), Error> {
    check_line("external_id", id, TITLE_CHARS_MAX)
}

/// What an external id in the place of a user's id begins with.
const EXTERNAL_PREFIX: &str = "ext:";

/// A user as callers name one: by id, or as `ext:…` by the external id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UserRef {
    /// The user's id.
    Id(UserId),
    /// The caller's own id of the user.
    External(String),
}

impl std::str::FromStr for UserRef {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        if let Some(external) = text.strip_prefix(EXTERNAL_PREFIX) {
            return Ok(Self::External(external.to_owned()));
        }
        let id = text.parse().map_err(|_| {
            Error::validation("a user is named by id, or as `ext:` and the external id")
        })?;
        Ok(Self::Id(UserId(id)))
    }
}

impl<'de> Deserialize<'de> for UserRef {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}
