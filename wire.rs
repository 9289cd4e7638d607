//! What goes over the wire, as far as this client reads it: written from the contract, and nothing
//! of the server's is imported. It is forgiving: unknown members and missing ones are fine, so that
//! a newer server can be watched.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What the server says.
#[derive(Debug, Deserialize)]
#[serde(tag = "type")]
pub(super) enum ServerMessage {
    #[serde(rename = "welcome")]
    Welcome(Welcome),
    #[serde(rename = "permissions.changed")]
    PermissionsChanged(PermissionsChanged),
    #[serde(rename = "session.revoked")]
    SessionRevoked(SessionRevoked),
    #[serde(rename = "session.takeover_requested")]
    TakeoverRequested(TakeoverRequested),
    #[serde(rename = "notice")]
    Notice(Notice),
    #[serde(rename = "token.expiring")]
    TokenExpiring(TokenExpiring),
    #[serde(rename = "token.refreshed")]
    TokenRefreshed(TokenRefreshed),
    #[serde(rename = "reconnect")]
    Reconnect(Reconnect),
    #[serde(rename = "pong")]
    Pong,
    #[serde(rename = "error")]
    Error(ErrorMessage),
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Welcome {
    pub(super) groups: Vec<String>,
    pub(super) permissions: Vec<String>,
    pub(super) token_expires_at: String,
    pub(super) heartbeat_seconds: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct PermissionsChanged {
    pub(super) id: Option<u64>,
    pub(super) groups: Groups,
    pub(super) permissions: Permissions,
    pub(super) refresh_within_ms: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Groups {
    pub(super) added: Vec<String>,
    pub(super) removed: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Permissions {
    pub(super) gained: Vec<String>,
    pub(super) lost: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct SessionRevoked {
    pub(super) reason: String,
    pub(super) message: String,
    pub(super) replaced_by: Option<DeviceLabel>,
}

/// A device as other devices of the same person see it; in a list of sessions with the time of its
/// last sign of life.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct DeviceLabel {
    pub(super) device_name: String,
    pub(super) platform: String,
    pub(super) last_active_at: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct TakeoverRequested {
    #[serde(default)]
    pub(super) id: Option<u64>,
    pub(super) request_id: String,
    #[serde(default)]
    pub(super) device_name: String,
    #[serde(default)]
    pub(super) platform: String,
    #[serde(default)]
    pub(super) expires_at: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Notice {
    pub(super) id: Option<u64>,
    pub(super) level: String,
    pub(super) title: String,
    pub(super) body: String,
    pub(super) data: Option<Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct TokenExpiring {
    pub(super) expires_at: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct TokenRefreshed {
    pub(super) token_expires_at: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Reconnect {
    pub(super) after_ms: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ErrorMessage {
    pub(super) code: String,
    pub(super) message: String,
}

/// A text frame of the server, read.
#[derive(Debug)]
pub(super) enum Heard {
    /// A message that this client knows.
    Message(Box<ServerMessage>),
    /// An object that it doesn't know, or cannot read, and the type that it names.
    Unknown(String),
    /// Not a JSON object.
    Unreadable,
}

impl Heard {
    /// Reads a text frame.
    pub(super) fn parse(text: &str) -> Self {
        if let Ok(message) = serde_json::from_str(text) {
            return Self::Message(Box::new(message));
        }
        match serde_json::from_str::<Value>(text) {
            Ok(Value::Object(object)) => {
                let named = object.get("type").and_then(Value::as_str);
                Self::Unknown(named.unwrap_or_default().to_owned())
            }
            _ => Self::Unreadable,
        }
    }
}

/// What this client says in the socket.
#[derive(Debug, Serialize)]
#[serde(tag = "type")]
pub(super) enum ClientMessage<'a> {
    #[serde(rename = "token.refresh")]
    TokenRefresh { token: &'a str },
    #[serde(rename = "ping")]
    Ping,
    #[serde(rename = "ack")]
    Ack { id: u64 },
    #[serde(rename = "takeover.answer")]
    TakeoverAnswer { request_id: &'a str, allow: bool },
}

/// `POST /v1/sign-in`.
#[derive(Serialize)]
pub(super) struct SignInBody<'a> {
    pub(super) username: &'a str,
    pub(super) password: &'a str,
    pub(super) device: DeviceBody<'a>,
    pub(super) remember_me: bool,
}

#[derive(Serialize)]
pub(super) struct DeviceBody<'a> {
    pub(super) id: String,
    pub(super) name: &'a str,
    pub(super) platform: &'a str,
}

/// `POST /v1/sign-in/takeover`.
#[derive(Serialize)]
pub(super) struct TakeoverBody<'a> {
    pub(super) takeover_token: &'a str,
}

/// `POST /v1/sign-in/requests`.
#[derive(Serialize)]
pub(super) struct RequestBody<'a> {
    pub(super) request_token: &'a str,
}

/// `POST /v1/token/refresh`.
#[derive(Serialize)]
pub(super) struct RefreshBody<'a> {
    pub(super) refresh_token: &'a str,
}

/// The answer to a sign-in that worked.
#[derive(Deserialize)]
pub(super) struct SignedIn {
    pub(super) session_id: String,
    pub(super) access_token: String,
    pub(super) refresh_token: String,
    #[serde(default)]
    pub(super) expires_in: Option<u64>,
    #[serde(default)]
    pub(super) user: UserName,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct UserName {
    pub(super) id: String,
    pub(super) username: String,
}

/// The answer to a refresh that worked.
#[derive(Deserialize)]
pub(super) struct Refreshed {
    pub(super) access_token: String,
    #[serde(default)]
    pub(super) refresh_token: Option<String>,
    #[serde(default)]
    pub(super) expires_in: Option<u64>,
}

/// The answer to a sign-in that another device has to allow. Asking again repeats it, perhaps
/// without the token.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Waiting {
    pub(super) request_token: Option<String>,
    pub(super) expires_at: String,
    pub(super) poll_after_ms: Option<u64>,
}

/// `application/problem+json`, with the members that some codes add.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Problem {
    pub(super) code: String,
    pub(super) title: String,
    pub(super) detail: String,
    pub(super) reason: Option<String>,
    pub(super) sessions: Vec<DeviceLabel>,
    pub(super) takeover_token: Option<String>,
}
