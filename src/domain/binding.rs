//! What a session's tokens are good only beside. It may not know how that is presented.

use std::fmt;
use std::str::FromStr;

/// What has to come along.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binding {
    /// The cookie that came with the tokens.
    Cookie,
}

impl fmt::Display for Binding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cookie => f.write_str("cookie"),
        }
    }
}

/// A text that names no binding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is no binding")]
pub struct UnknownBinding;

impl FromStr for Binding {
    type Err = UnknownBinding;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "cookie" => Ok(Self::Cookie),
            _ => Err(UnknownBinding),
        }
    }
}
