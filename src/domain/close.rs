//! How a socket ends: the close codes of CONTRACT "The socket", each once. It may not know what kind
//! of socket it is.

use super::Reason;
use super::error::ErrorCode;

/// The number in a close frame. 4000–4499 (and everything outside 4500–4999) bid the client come
/// back, 4500–4999 bid it stay out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u16)]
pub enum CloseCode {
    /// Broken frames (RFC 6455).
    BrokenFrame = 1002,
    /// A text frame that is not UTF-8 (RFC 6455).
    BrokenText = 1007,
    /// The server is going away.
    Draining = 4000,
    /// The token's time is over.
    TokenExpired = 4001,
    /// The client does not read what it is sent.
    TooSlow = 4002,
    /// Too many messages or connections.
    Limited = 4003,
    /// Nothing was heard of the client.
    HeartbeatMissed = 4004,
    /// A fault of the server, or it can't decide.
    Unavailable = 4005,
    /// The client did not say who it is.
    NotAuthenticated = 4006,
    /// No valid token.
    TokenInvalid = 4500,
    /// The session has ended.
    SessionEnded = 4501,
    /// Another session took its place.
    Superseded = 4502,
    /// The user was deleted or suspended.
    UserGone = 4503,
    /// The client does not keep to the protocol.
    ProtocolError = 4505,
    /// The page's origin may not connect.
    OriginNotAllowed = 4506,
    /// A frame was too large.
    FrameTooLarge = 4507,
}

impl CloseCode {
    /// The number on the wire.
    pub fn number(self) -> u16 {
        self as u16
    }

    /// Whether the client is bidden to stay out.
    pub fn keeps_out(self) -> bool {
        (4500..5000).contains(&self.number())
    }
}

/// A close: the number, and a word that says why (fewer than 123 bytes, as RFC 6455 demands).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Close {
    /// The number.
    pub code: CloseCode,
    /// The reason a session ended, an error code, or a word of the same kind.
    pub reason: &'static str,
}

impl Close {
    /// A broken frame.
    pub const BROKEN_FRAME: Self = Self::new(CloseCode::BrokenFrame, "protocol_error");
    /// Not UTF-8.
    pub const BROKEN_TEXT: Self = Self::new(CloseCode::BrokenText, "invalid_utf8");
    /// The server is going away.
    pub const DRAINING: Self = Self::new(CloseCode::Draining, "draining");
    /// The token's time is over.
    pub const TOKEN_EXPIRED: Self = Self::new(CloseCode::TokenExpired, "token_expired");
    /// The client does not read.
    pub const TOO_SLOW: Self = Self::new(CloseCode::TooSlow, "too_slow");
    /// Too many messages.
    pub const RATE_LIMITED: Self = Self::new(CloseCode::Limited, "rate_limited");
    /// Too many connections.
    pub const CONNECTION_LIMIT: Self = Self::new(CloseCode::Limited, "rate_limited");
    /// Nothing was heard.
    pub const HEARTBEAT_MISSED: Self = Self::new(CloseCode::HeartbeatMissed, "heartbeat_missed");
    /// The server can't decide.
    pub const CANNOT_DECIDE: Self = Self::new(CloseCode::Unavailable, "cannot_decide");
    /// Nobody said who it is in time.
    pub const NOT_AUTHENTICATED: Self =
        Self::new(CloseCode::NotAuthenticated, "not_authenticated_in_time");
    /// No valid token.
    pub const TOKEN_INVALID: Self = Self::new(CloseCode::TokenInvalid, "token_invalid");
    /// The client does not keep to the protocol.
    pub const PROTOCOL_ERROR: Self = Self::new(CloseCode::ProtocolError, "protocol_error");
    /// The origin may not connect.
    pub const ORIGIN_NOT_ALLOWED: Self =
        Self::new(CloseCode::OriginNotAllowed, "origin_not_allowed");
    /// A frame was too large.
    pub const FRAME_TOO_LARGE: Self = Self::new(CloseCode::FrameTooLarge, "frame_too_large");

    const fn new(code: CloseCode, reason: &'static str) -> Self {
        Self { code, reason }
    }
}

impl From<Reason> for Close {
    fn from(reason: Reason) -> Self {
        let code = match reason {
            Reason::Superseded => CloseCode::Superseded,
            Reason::UserSuspended | Reason::UserDeleted => CloseCode::UserGone,
            Reason::SignedOut
            | Reason::SignedOutEverywhere
            | Reason::RevokedByAdmin
            | Reason::PasswordChanged
            | Reason::RefreshTokenReused
            | Reason::IdleTimeout
            | Reason::Expired
            | Reason::DeviceRevoked
            | Reason::PolicyChanged
            | Reason::IdentityProviderLogout
            | Reason::RevokeAll => CloseCode::SessionEnded,
        };
        Self::new(code, reason.as_str())
    }
}

impl From<ErrorCode> for Close {
    fn from(error: ErrorCode) -> Self {
        let code = match error {
            ErrorCode::TokenExpired => CloseCode::TokenExpired,
            ErrorCode::RateLimited => CloseCode::Limited,
            ErrorCode::TokenMissing
            | ErrorCode::TokenInvalid
            | ErrorCode::TokenStale
            | ErrorCode::InvalidCredentials
            | ErrorCode::InsufficientUserAuthentication
            | ErrorCode::InvalidDpopProof
            | ErrorCode::RefreshTokenInvalid => CloseCode::TokenInvalid,
            ErrorCode::SessionEnded | ErrorCode::RefreshTokenReused => CloseCode::SessionEnded,
            ErrorCode::UserSuspended => CloseCode::UserGone,
            ErrorCode::ValidationFailed => CloseCode::ProtocolError,
            ErrorCode::TooLarge => CloseCode::FrameTooLarge,
            // No socket meets these; whoever does is better off trying again than staying out.
            ErrorCode::Forbidden
            | ErrorCode::TakeoverDenied
            | ErrorCode::NotFound
            | ErrorCode::MethodNotAllowed
            | ErrorCode::NotAcceptable
            | ErrorCode::UnsupportedMediaType
            | ErrorCode::AlreadyExists
            | ErrorCode::SessionLimitReached
            | ErrorCode::LastAdministrator
            | ErrorCode::IdempotencyInProgress
            | ErrorCode::TakeoverExpired
            | ErrorCode::IdempotencyKeyReused
            | ErrorCode::Internal
            | ErrorCode::CannotDecide => CloseCode::Unavailable,
        };
        Self::new(code, error.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_end_of_a_session_keeps_the_client_out() {
        for reason in Reason::ALL {
            let close = Close::from(*reason);
            let expected = match reason.as_str() {
                "superseded" => 4502,
                "user_deleted" | "user_suspended" => 4503,
                _ => 4501,
            };
            assert_eq!(close.code.number(), expected, "{reason:?}");
            assert_eq!(close.reason, reason.as_str());
        }
    }

    #[test]
    fn every_reason_fits_in_a_close_frame() {
        for error in ErrorCode::ALL {
            assert!(Close::from(*error).reason.len() < 123);
        }
        assert_eq!(Close::from(ErrorCode::TokenExpired), Close::TOKEN_EXPIRED);
        assert_eq!(Close::from(ErrorCode::TokenInvalid), Close::TOKEN_INVALID);
        assert_eq!(Close::from(ErrorCode::CannotDecide), Close::CANNOT_DECIDE);
    }
}
