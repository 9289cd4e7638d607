//! Why a token is not accepted: one list for code, status and sentence, as the server words it. It may not
//! know who asks.

use crate::reason::Reason;

/// Why a token is not accepted, in the contract's order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is none.
    #[error("send a token in the `Authorization: Bearer` header")]
    Missing,
    /// It is not genuine, or for somebody else.
    #[error("the token is not valid; sign in")]
    Invalid,
    /// Its time is over.
    #[error("the token has expired; refresh it")]
    Expired,
    /// Its session has ended.
    #[error("the session has ended: {}", .0.sentence())]
    Ended(Reason),
    /// Its rights are out of date, or the server says that it is not good.
    #[error("the token's rights are out of date; refresh it and repeat the request")]
    Stale,
    /// It lacks the permission.
    #[error("the token lacks the permission that this needs")]
    Forbidden,
    /// The guard has not heard from the server for too long, or never.
    #[error("it can't be told at the moment whether the token is good; try again")]
    CannotDecide,
}

impl Refusal {
    /// The stable code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Missing => "token_missing",
            Self::Invalid => "token_invalid",
            Self::Expired => "token_expired",
            Self::Ended(_) => "session_ended",
            Self::Stale => "token_stale",
            Self::Forbidden => "forbidden",
            Self::CannotDecide => "cannot_decide",
        }
    }

    /// The HTTP status.
    pub fn status(self) -> u16 {
        match self {
            Self::Missing | Self::Invalid | Self::Expired | Self::Ended(_) | Self::Stale => 401,
            Self::Forbidden => 403,
            Self::CannotDecide => 503,
        }
    }

    /// What a client is told to bring (RFC 6750 section 3); one that gave no token no more than the scheme.
    pub fn challenge(self) -> Option<&'static str> {
        Some(match self {
            Self::Missing => r#"Bearer realm="sessionwire""#,
            Self::Invalid => {
                r#"Bearer realm="sessionwire", error="invalid_token", error_description="the token is not valid""#
            }
            Self::Expired => {
                r#"Bearer realm="sessionwire", error="invalid_token", error_description="the token has expired""#
            }
            Self::Ended(_) => {
                r#"Bearer realm="sessionwire", error="invalid_token", error_description="the session has ended""#
            }
            Self::Stale => {
                r#"Bearer realm="sessionwire", error="invalid_token", error_description="the token's rights are out of date""#
            }
            Self::Forbidden | Self::CannotDecide => return None,
        })
    }

    /// The problem (RFC 9457) that a client is answered, as the server answers it.
    pub fn problem(self) -> serde_json::Value {
        let mut problem = serde_json::json!({
            "type": format!("urn:sessionwire:error:{}", self.code()),
            "title": self.title(),
            "status": self.status(),
            "code": self.code(),
            "detail": self.to_string(),
        });
        if let (Self::Ended(reason), Some(members)) = (self, problem.as_object_mut()) {
            members.insert("reason".to_owned(), reason.as_str().into());
        }
        problem
    }

    fn title(self) -> String {
        let words = self.code().replace('_', " ");
        let mut letters = words.chars();
        let first = letters.next().map(|first| first.to_ascii_uppercase());
        first.into_iter().chain(letters).collect()
    }
}
