//! Who is asking, and what an API key may do. It may not know how callers prove it.

use serde::{Deserialize, Serialize};

use super::id::{ApiKeyId, UserId};

/// What a key may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Everything.
    Admin,
    /// Reading users; reading, starting and ending sessions; notices; presence. Never a session of a
    /// user who holds `sessionwire:admin`.
    Sessions,
    /// The feed.
    Feed,
    /// Verifying and introspecting tokens.
    Verify,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 4] = [Self::Admin, Self::Sessions, Self::Feed, Self::Verify];

    /// The scope of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == name)
    }

    /// The name on the wire and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Sessions => "sessions",
            Self::Feed => "feed",
            Self::Verify => "verify",
        }
    }
}

/// Who caused an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Actor {
    /// A signed-in user.
    User(UserId),
    /// A service.
    ApiKey(ApiKeyId),
    /// The server itself, or its command line.
    System,
}

impl Actor {
    /// The kind, as the log names it.
    pub fn kind(self) -> &'static str {
        match self {
            Self::User(_) => "user",
            Self::ApiKey(_) => "api_key",
            Self::System => "system",
        }
    }

    /// The id, where there is one.
    pub fn id(self) -> Option<uuid::Uuid> {
        match self {
            Self::User(id) => Some(id.0),
            Self::ApiKey(id) => Some(id.0),
            Self::System => None,
        }
    }
}

/// On whose behalf something happened (OpenID CAEP 1.0, `initiating_entity`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InitiatingEntity {
    /// An administrator or a service.
    Admin,
    /// The user.
    User,
    /// A rule.
    Policy,
    /// The server.
    System,
}

impl InitiatingEntity {
    /// The name on the wire and in the log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::User => "user",
            Self::Policy => "policy",
            Self::System => "system",
        }
    }
}

/// Who asks, from where, in which request: what every event of the request carries.
#[derive(Clone, Debug)]
pub struct Cause {
    /// Who.
    pub actor: Actor,
    /// On whose behalf.
    pub initiating_entity: InitiatingEntity,
    /// The request, so that log lines, answers and events can be put together.
    pub request_id: Option<String>,
    /// The address that the request came from.
    pub address: Option<String>,
}

impl Cause {
    /// The server itself.
    pub fn system() -> Self {
        Self {
            actor: Actor::System,
            initiating_entity: InitiatingEntity::System,
            request_id: None,
            address: None,
        }
    }

    /// The same request, on another's behalf.
    pub fn on_behalf_of(&self, initiating_entity: InitiatingEntity) -> Self {
        Self {
            initiating_entity,
            ..self.clone()
        }
    }
}
