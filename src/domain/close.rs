//! Close codes: how a connection ends, and what its client should do. CONTRACT "close code".

use super::Reason;
use super::error::ErrorCode;

macro_rules! closes {
    ($($(#[$doc:meta])* $variant:ident = $code:literal, $reason:literal;)*) => {
        /// Why the server closes a connection.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Close {
            $($(#[$doc])* $variant,)*
            /// No valid token was given: says which error.
            Unauthenticated(ErrorCode),
            /// The session ended: says why.
            Ended(Reason),
        }

        impl Close {
            /// The code on the wire.
            pub fn code(self) -> u16 {
                match self {
                    $(Self::$variant => $code,)*
                    Self::Unauthenticated(ErrorCode::TokenExpired) => 4001,
                    Self::Unauthenticated(ErrorCode::CannotDecide | ErrorCode::Internal) => 4005,
                    Self::Unauthenticated(_) => 4500,
                    Self::Ended(Reason::Superseded) => 4502,
                    Self::Ended(Reason::UserDeleted | Reason::UserSuspended) => 4503,
                    Self::Ended(_) => 4501,
                }
            }

            /// The close reason on the wire, below 123 bytes.
            pub fn reason(self) -> &'static str {
                match self {
                    $(Self::$variant => $reason,)*
                    Self::Unauthenticated(code) => code.as_str(),
                    Self::Ended(reason) => reason.as_str(),
                }
            }
        }
    };
}

closes! {
    /// The server makes way.
    Draining = 4000, "draining";
    /// The token ran out while the connection was open.
    TokenExpired = 4001, "token_expired";
    /// The client does not read.
    TooSlow = 4002, "too_slow";
    /// Too many messages, or too many connections.
    RateLimited = 4003, "rate_limited";
    /// The client was not heard of.
    HeartbeatMissed = 4004, "heartbeat_missed";
    /// The server can't decide at the moment.
    NotReady = 4005, "cannot_decide";
    /// No token came in time.
    AuthTimeout = 4006, "not_authenticated_in_time";
    /// A token of another session.
    OtherSession = 4500, "token_of_another_session";
    /// Not the protocol.
    ProtocolError = 4505, "protocol_error";
    /// The page's origin is not allowed.
    OriginNotAllowed = 4506, "origin_not_allowed";
    /// A frame above the bound.
    FrameTooLarge = 4507, "frame_too_large";
}
