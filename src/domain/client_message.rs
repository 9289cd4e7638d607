//! What a client says, and how it is read. CONTRACT "The socket". It may not know what becomes of it.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::id::{Seq, TakeoverRequestId};

/// What a client says.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "type", deny_unknown_fields)]
#[expect(
    missing_docs,
    reason = "the fields are the contract's members, described there"
)]
pub enum ClientMessage {
    /// The token, as the first message.
    #[serde(rename = "auth")]
    Auth {
        token: String,
        /// Where the token is bound to a key.
        #[serde(default)]
        dpop: Option<String>,
    },
    /// A newer token of the same session.
    #[serde(rename = "token.refresh")]
    TokenRefresh { token: String },
    /// Is anybody there?
    #[serde(rename = "ping")]
    Ping {},
    /// The person was told.
    #[serde(rename = "ack")]
    Ack { id: Seq },
    /// The person is there.
    #[serde(rename = "activity")]
    Activity {},
    /// May the other device take the seat?
    #[serde(rename = "takeover.answer")]
    TakeoverAnswer {
        request_id: TakeoverRequestId,
        allow: bool,
    },
}

/// Why a frame is not a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// Not JSON, or not an object: the connection closes.
    #[error("a frame must hold one JSON object")]
    NotAnObject,
    /// A type that this server does not know: answered with an error, otherwise ignored.
    #[error("unknown message type")]
    UnknownType,
    /// A known type with missing, wrong or unknown members: likewise.
    #[error("wrong or unknown members for this message type")]
    WrongMembers,
}

impl ClientMessage {
    const TYPES: [&'static str; 6] = [
        "auth",
        "token.refresh",
        "ping",
        "ack",
        "activity",
        "takeover.answer",
    ];

    /// Reads a text frame. Nesting is bounded by the JSON reader (128 levels).
    pub fn parse(text: &str) -> Result<Self, Unreadable> {
        let value: Value = serde_json::from_str(text).map_err(|_| Unreadable::NotAnObject)?;
        let object = value.as_object().ok_or(Unreadable::NotAnObject)?;
        let kind = object.get("type").and_then(Value::as_str);
        if !kind.is_some_and(|kind| Self::TYPES.contains(&kind)) {
            return Err(Unreadable::UnknownType);
        }
        serde_json::from_value(value).map_err(|_| Unreadable::WrongMembers)
    }

    /// Reads a message whose type stands beside its members. `more`: whether anything else does.
    pub fn named(kind: &str, members: Option<Value>, more: bool) -> Result<Self, Unreadable> {
        if !Self::TYPES.contains(&kind) {
            return Err(Unreadable::UnknownType);
        }
        let mut members = match members {
            None => Map::new(),
            Some(Value::Object(members)) if !more => members,
            Some(_) => return Err(Unreadable::WrongMembers),
        };
        if members.insert("type".to_owned(), kind.into()).is_some() {
            return Err(Unreadable::WrongMembers);
        }
        serde_json::from_value(Value::Object(members)).map_err(|_| Unreadable::WrongMembers)
    }
}
