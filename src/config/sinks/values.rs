//! The types that only the settings of sinks have. Each is made only by reading a value, or is a default.

use std::fmt;

use crate::config::given::Given;
use crate::config::redact::redact;
use crate::config::setting::Kind;
use crate::config::types::choice;
use crate::config::value::{Refusal, Value, joined};
use crate::domain::kind::{EVENT_KINDS, matches};

/// The longest name.
const NAME_BYTES_MAX: usize = 64;
/// The most patterns.
const PATTERNS_MAX: usize = 100;

/// A name that fits into keys, metrics and addresses; empty where none was given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SinkName(String);

/// Types of events, or families of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventPatterns(pub Vec<String>);

/// The address of another server; it may hold a password, which nothing shows.
#[derive(Clone, PartialEq, Eq)]
pub struct SinkUrl(String);

/// Brokers of Kafka, as `host:port`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Brokers(pub Vec<String>);

/// The name of an environment variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VariableName(String);

choice! {
    /// Where a sink begins that has never written.
    SinkStart {
        /// With the next event.
        Now = "now",
        /// With the first event of the log.
        Beginning = "beginning",
    }
}

choice! {
    /// Which addresses are connected to.
    Addresses {
        /// Those of the public network.
        Public = "public",
        /// All of them.
        Any = "any",
    }
}

impl SinkName {
    pub(in crate::config) const FORM: &'static str =
        "a text of 1 to 64 letters, digits and the marks - and _";

    pub(super) fn of(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Value for SinkName {
    fn read(given: &Given, _: &Kind) -> Result<Self, Refusal> {
        let is_fine = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        let text = given
            .text()
            .filter(|text| (1..=NAME_BYTES_MAX).contains(&text.len()) && text.bytes().all(is_fine));
        text.map(Self::of).ok_or(Refusal::Kind)
    }

    fn show(&self, _: &Kind) -> String {
        self.0.clone()
    }
}

impl EventPatterns {
    pub(super) const FORM: &'static str =
        "a list of types such as session.ended, or families such as session.*";
}

impl Value for EventPatterns {
    fn read(given: &Given, _: &Kind) -> Result<Self, Refusal> {
        let members = given.list().ok_or(Refusal::Kind)?;
        let means_something =
            |pattern: &&str| EVENT_KINDS.iter().any(|kind| matches(pattern, kind));
        if members.len() > PATTERNS_MAX || !members.iter().all(means_something) {
            return Err(Refusal::Kind);
        }
        Ok(Self(members.into_iter().map(str::to_owned).collect()))
    }

    fn show(&self, _: &Kind) -> String {
        joined(&self.0)
    }
}

impl SinkUrl {
    pub(in crate::config) fn of(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The address as it was written, with its password.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SinkUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SinkUrl({})", redact(&self.0))
    }
}

impl Value for SinkUrl {
    fn read(given: &Given, kind: &Kind) -> Result<Self, Refusal> {
        let Kind::Address(schemes) = *kind else {
            return Err(Refusal::Kind);
        };
        let text = given.text().ok_or(Refusal::Kind)?;
        let uri: http::Uri = text.parse().map_err(|_| Refusal::Kind)?;
        let has_host = uri.host().is_some_and(|host| !host.is_empty());
        if has_host && uri.scheme_str().is_some_and(|it| schemes.contains(&it)) {
            Ok(Self::of(text))
        } else {
            Err(Refusal::Kind)
        }
    }

    fn show(&self, _: &Kind) -> String {
        redact(&self.0)
    }
}

impl Brokers {
    pub(super) const FORM: &'static str = "a list of 1 to 20 addresses such as kafka.internal:9092";
}

impl Default for Brokers {
    fn default() -> Self {
        Self(vec!["127.0.0.1:9092".to_owned()])
    }
}

impl Value for Brokers {
    fn read(given: &Given, _: &Kind) -> Result<Self, Refusal> {
        let members = given.list().ok_or(Refusal::Kind)?;
        let is_address = |member: &&str| {
            let authority: Option<http::uri::Authority> = member.parse().ok();
            authority.is_some_and(|it| it.port_u16().is_some() && !member.contains('@'))
        };
        if (1..=20).contains(&members.len()) && members.iter().all(is_address) {
            Ok(Self(members.into_iter().map(str::to_owned).collect()))
        } else {
            Err(Refusal::Kind)
        }
    }

    fn show(&self, _: &Kind) -> String {
        joined(&self.0)
    }
}

impl VariableName {
    pub(in crate::config) const FORM: &'static str = "the name of an environment variable";

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Value for VariableName {
    fn read(given: &Given, _: &Kind) -> Result<Self, Refusal> {
        let is_fine = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let text = given
            .text()
            .filter(|text| (1..=255).contains(&text.len()) && text.bytes().all(is_fine));
        text.map(|text| Self(text.to_owned())).ok_or(Refusal::Kind)
    }

    fn show(&self, _: &Kind) -> String {
        self.0.clone()
    }
}
