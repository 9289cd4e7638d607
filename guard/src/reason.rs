//! Why a session ended: one closed list for the log, the wire and the guards. It may not know who
//! decided, only what is said about it.

use serde::{Deserialize, Serialize};

macro_rules! reasons {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $sentence:literal;)*) => {
        /// The reason a session ended. The first writer's reason stands.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum Reason {
            $($(#[$doc])* #[serde(rename = $name)] $variant,)*
        }

        impl Reason {
            /// Every reason, in the contract's order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The name on the wire and in the log.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// One sentence for the person whose session it was.
            pub fn sentence(self) -> &'static str {
                match self { $(Self::$variant => $sentence,)* }
            }
        }
    };
}

reasons! {
    /// The person signed this session out.
    SignedOut = "signed_out", "You signed out.";
    /// The person signed out on every device.
    SignedOutEverywhere = "signed_out_everywhere", "You were signed out because you signed out everywhere.";
    /// An administrator ended the session.
    RevokedByAdmin = "revoked_by_admin", "An administrator signed you out.";
    /// A newer session took its place.
    Superseded = "superseded", "You were signed out because you signed in on another device.";
    /// The user was suspended.
    UserSuspended = "user_suspended", "Your account was suspended.";
    /// The user was removed.
    UserDeleted = "user_deleted", "Your account was removed.";
    /// The user's password changed.
    PasswordChanged = "password_changed", "You were signed out because your password was changed.";
    /// A refresh token was used twice: somebody holds a copy.
    RefreshTokenReused = "refresh_token_reused", "You were signed out because your session may have been copied.";
    /// Nobody used the session for as long as its policy allows.
    IdleTimeout = "idle_timeout", "You were signed out because you were away for a long time.";
    /// The session reached the age that its policy allows.
    Expired = "expired", "Your session ran out. Please sign in again.";
    /// Its device was removed.
    DeviceRevoked = "device_revoked", "This device was removed from your account.";
    /// A policy now allows fewer sessions, or shorter ones.
    PolicyChanged = "policy_changed", "You were signed out because the rules for your account changed.";
    /// The identity provider signed the person out.
    IdentityProviderLogout = "identity_provider_logout", "Your identity provider signed you out.";
    /// Everybody was signed out.
    RevokeAll = "revoke_all", "Everybody was signed out. Please sign in again.";
}

impl std::str::FromStr for Reason {
    type Err = UnknownReason;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .iter()
            .copied()
            .find(|reason| reason.as_str() == text)
            .ok_or(UnknownReason)
    }
}

/// The text is none of the reasons.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("not a reason a session ends")]
pub struct UnknownReason;
