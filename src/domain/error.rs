//! What can go wrong, with the stable codes of the contract. It may not know HTTP: one `match` in
//! `transport` turns a code into a status.

use super::Reason;
use super::clock::Timestamp;
use super::device::Platform;
use super::secret::Bearer;

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $name:literal;)*) => {
        /// A stable code that programs can act on.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum ErrorCode {
            $($(#[$doc])* $variant,)*
        }

        impl ErrorCode {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The name on the wire.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

codes! {
    /// Wrong JSON or type, unknown member, NUL, bad cursor.
    ValidationFailed = "validation_failed";
    /// Wrong name or password, or no such user: never which.
    InvalidCredentials = "invalid_credentials";
    /// No credential was given.
    TokenMissing = "token_missing";
    /// The credential is not genuine.
    TokenInvalid = "token_invalid";
    /// The token's time is over.
    TokenExpired = "token_expired";
    /// The token's rights are out of date: refresh and repeat.
    TokenStale = "token_stale";
    /// The session has ended.
    SessionEnded = "session_ended";
    /// The person signed in too long ago for this (RFC 9470).
    InsufficientUserAuthentication = "insufficient_user_authentication";
    /// The token is bound to a key, and nothing shows that the caller holds it (RFC 9449).
    InvalidDpopProof = "invalid_dpop_proof";
    /// The refresh token is not one of ours.
    RefreshTokenInvalid = "refresh_token_invalid";
    /// The refresh token was used before; its session has ended.
    RefreshTokenReused = "refresh_token_reused";
    /// The caller may not do this.
    Forbidden = "forbidden";
    /// The device in the way said no.
    TakeoverDenied = "takeover_denied";
    /// The user is suspended; told only after the right password.
    UserSuspended = "user_suspended";
    /// It does not exist.
    NotFound = "not_found";
    /// The path knows no such method.
    MethodNotAllowed = "method_not_allowed";
    /// The answer can't be given in the form asked for.
    NotAcceptable = "not_acceptable";
    /// The body is not JSON.
    UnsupportedMediaType = "unsupported_media_type";
    /// Its name is taken.
    AlreadyExists = "already_exists";
    /// The policy allows no further session.
    SessionLimitReached = "session_limit_reached";
    /// Nobody would be left who may administer.
    LastAdministrator = "last_administrator";
    /// The first request with this key is still running.
    IdempotencyInProgress = "idempotency_in_progress";
    /// Nobody answered in time.
    TakeoverExpired = "takeover_expired";
    /// The key came with another body before.
    IdempotencyKeyReused = "idempotency_key_reused";
    /// The body is too large.
    TooLarge = "too_large";
    /// Too many failures; try again later.
    RateLimited = "rate_limited";
    /// A fault of the server.
    Internal = "internal";
    /// The server can't tell at the moment and does not guess.
    CannotDecide = "cannot_decide";
}

/// A session in the way, as a newcomer may see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeatTaken {
    /// The device's name.
    pub device_name: String,
    /// What kind of thing it is.
    pub platform: Platform,
    /// When somebody last used it.
    pub last_active_at: Timestamp,
}

/// What went wrong. Below HTTP nobody knows more than this.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// See [`ErrorCode::ValidationFailed`]; says what to change.
    #[error("{0}")]
    Validation(String),
    /// See [`ErrorCode::InvalidCredentials`].
    #[error("the user name or the password is wrong")]
    InvalidCredentials,
    /// See [`ErrorCode::TokenMissing`].
    #[error("send a token in the `Authorization: Bearer` header")]
    TokenMissing,
    /// See [`ErrorCode::TokenInvalid`].
    #[error("the token is not valid; sign in")]
    TokenInvalid,
    /// See [`ErrorCode::TokenExpired`].
    #[error("the token has expired; refresh it")]
    TokenExpired,
    /// See [`ErrorCode::TokenStale`].
    #[error("the token's rights are out of date; refresh it and repeat the request")]
    TokenStale,
    /// See [`ErrorCode::SessionEnded`].
    #[error("the session has ended: {}", .0.sentence())]
    SessionEnded(Reason),
    /// See [`ErrorCode::InsufficientUserAuthentication`].
    #[error("the sign-in is too long ago for this; sign in again")]
    SignInTooOld,
    /// See [`ErrorCode::InvalidDpopProof`]; says what is wrong.
    #[error("{0}")]
    ProofInvalid(&'static str),
    /// See [`ErrorCode::RefreshTokenInvalid`].
    #[error("the refresh token is not valid; sign in")]
    RefreshTokenInvalid,
    /// See [`ErrorCode::RefreshTokenReused`].
    #[error("the refresh token was used before, so its session was ended; sign in")]
    RefreshTokenReused,
    /// See [`ErrorCode::Forbidden`].
    #[error("{0}")]
    Forbidden(&'static str),
    /// See [`ErrorCode::TakeoverDenied`].
    #[error("the device that is signed in did not allow it")]
    TakeoverDenied,
    /// See [`ErrorCode::UserSuspended`].
    #[error("the account is suspended; ask an administrator")]
    UserSuspended,
    /// See [`ErrorCode::NotFound`]; names what was looked for.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// See [`ErrorCode::AlreadyExists`]; names what is taken.
    #[error("this {0} is taken")]
    AlreadyExists(&'static str),
    /// See [`ErrorCode::SessionLimitReached`].
    #[error("no further session is allowed while these are signed in")]
    SessionLimitReached {
        /// Who has the seats.
        sessions: Vec<SeatTaken>,
        /// Lets the newcomer take a seat, where the policy is `ask`.
        takeover_token: Option<Bearer>,
    },
    /// See [`ErrorCode::LastAdministrator`].
    #[error("nobody would be left with the permission `sessionwire:admin`")]
    LastAdministrator,
    /// See [`ErrorCode::IdempotencyInProgress`].
    #[error("the first request with this Idempotency-Key is still running; repeat later")]
    IdempotencyInProgress,
    /// See [`ErrorCode::TakeoverExpired`].
    #[error("nobody answered in time")]
    TakeoverExpired {
        /// Lets the newcomer take the seat after all.
        takeover_token: Option<Bearer>,
    },
    /// See [`ErrorCode::IdempotencyKeyReused`].
    #[error("this Idempotency-Key came with another body before; use a new key")]
    IdempotencyKeyReused,
    /// See [`ErrorCode::RateLimited`].
    #[error("too many attempts; try again in {retry_after_s} s")]
    RateLimited {
        /// Seconds until an attempt is looked at again.
        retry_after_s: u64,
    },
    /// See [`ErrorCode::Internal`]; the cause is for the log only.
    #[error("something went wrong here; it has been logged")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// See [`ErrorCode::CannotDecide`].
    #[error("this server can't tell at the moment; try again or ask another node")]
    CannotDecide,
    /// The same, to those who asked why.
    #[error("this node is not ready: {0}")]
    NotReady(&'static str),
    /// The same, because of something that this server needs; the cause is for the log only.
    #[error("this server can't tell at the moment; try again or ask another node")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Error {
    /// A validation error that says what to change.
    pub fn validation(what: impl Into<String>) -> Self {
        Self::Validation(what.into())
    }

    /// A fault of the server.
    pub fn internal(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Internal(cause.into())
    }

    /// Something that this server needs is not there at the moment.
    pub fn unavailable(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Unavailable(cause.into())
    }

    /// The stable code.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Validation(_) => ErrorCode::ValidationFailed,
            Self::InvalidCredentials => ErrorCode::InvalidCredentials,
            Self::TokenMissing => ErrorCode::TokenMissing,
            Self::TokenInvalid => ErrorCode::TokenInvalid,
            Self::TokenExpired => ErrorCode::TokenExpired,
            Self::TokenStale => ErrorCode::TokenStale,
            Self::SessionEnded(_) => ErrorCode::SessionEnded,
            Self::SignInTooOld => ErrorCode::InsufficientUserAuthentication,
            Self::ProofInvalid(_) => ErrorCode::InvalidDpopProof,
            Self::RefreshTokenInvalid => ErrorCode::RefreshTokenInvalid,
            Self::RefreshTokenReused => ErrorCode::RefreshTokenReused,
            Self::Forbidden(_) => ErrorCode::Forbidden,
            Self::TakeoverDenied => ErrorCode::TakeoverDenied,
            Self::UserSuspended => ErrorCode::UserSuspended,
            Self::NotFound(_) => ErrorCode::NotFound,
            Self::AlreadyExists(_) => ErrorCode::AlreadyExists,
            Self::SessionLimitReached { .. } => ErrorCode::SessionLimitReached,
            Self::LastAdministrator => ErrorCode::LastAdministrator,
            Self::IdempotencyInProgress => ErrorCode::IdempotencyInProgress,
            Self::TakeoverExpired { .. } => ErrorCode::TakeoverExpired,
            Self::IdempotencyKeyReused => ErrorCode::IdempotencyKeyReused,
            Self::RateLimited { .. } => ErrorCode::RateLimited,
            Self::Internal(_) => ErrorCode::Internal,
            Self::CannotDecide | Self::NotReady(_) | Self::Unavailable(_) => {
                ErrorCode::CannotDecide
            }
        }
    }
}
