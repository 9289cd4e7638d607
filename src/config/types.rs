//! The types that only settings have: choices, and texts that were looked at closely.
//!
//! Each is made only by reading a value, so holding one means that it was checked.

use std::fmt;
use std::net::SocketAddr;

use http::Uri;
use tracing_subscriber::EnvFilter;

use super::given::Given;
use super::setting::Kind;
use super::value::{Refusal, Value, joined, parsed};

/// The value of a token's `iss`: an http or https address without query or fragment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issuer(String);

/// The value of a browser's `Origin` header: scheme, host and, where not the usual one, port.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin(String);

/// What is logged, in the words of `tracing`: `info`, `sessionwire=debug,info`, …
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogFilter(String);

/// Declares a setting that is one of a few words.
macro_rules! choice {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name { $($(#[$variant_doc])* $variant),* }

        impl $name {
            /// The words that the setting takes.
            pub const WORDS: &'static [&'static str] = &[$($word),*];

            /// The word for this one.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),* }
            }
        }

        impl Value for $name {
            fn read(given: &Given, _: &Kind) -> Result<Self, Refusal> {
                match given.text() {
                    $(Some($word) => Ok(Self::$variant),)*
                    _ => Err(Refusal::Kind),
                }
            }

            fn show(&self, _: &Kind) -> String {
                self.as_str().to_owned()
            }
        }
    };
}

pub(super) use choice;

choice! {
    /// The algorithm that access tokens are signed with.
    TokenAlgorithm {
        /// ECDSA over P-256 with SHA-256.
        Es256 = "ES256",
        /// Ed25519.
        EdDsa = "EdDSA",
        /// RSA (PKCS #1 v1.5) with SHA-256.
        Rs256 = "RS256",
    }
}

choice! {
    /// Which pages are served.
    Pages {
        /// None.
        Nothing = "none",
        /// The administrators' console.
        Console = "console",
        /// The demo application and the stage besides.
        Everything = "all",
    }
}

choice! {
    /// What a proxy is answered by a node that can't follow the log.
    WithoutLease {
        /// That nothing can be decided.
        Refuse = "refuse",
        /// What was last known.
        LastKnown = "last_known",
    }
}

choice! {
    /// Who knows which people are connected to a node.
    Presence {
        /// All nodes.
        Shared = "shared",
        /// That one alone.
        Local = "local",
    }
}

choice! {
    /// How a line of the log looks.
    LogFormat {
        /// For people.
        Text = "text",
        /// For machines: one JSON object a line.
        Json = "json",
    }
}

impl Issuer {
    /// The issuer of a server that was told none: the address where it listens.
    pub(super) fn at(bound: SocketAddr) -> Self {
        Self(format!("http://{bound}"))
    }

    /// The issuer as tokens name it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Value for Issuer {
    fn read(given: &Given, _: &Kind) -> Result<Self, Refusal> {
        let text = given.text().ok_or(Refusal::Kind)?;
        let uri = web_address(text)?;
        let plain = uri.query().is_none() && !text.contains('#');
        if plain {
            Ok(Self(text.to_owned()))
        } else {
            Err(Refusal::Kind)
        }
    }

    fn show(&self, _: &Kind) -> String {
        self.0.clone()
    }
}

/// An http or https address with a host and without a user part.
fn web_address(text: &str) -> Result<Uri, Refusal> {
    let uri: Uri = text.parse().map_err(|_| Refusal::Kind)?;
    let authority = uri.authority().ok_or(Refusal::Kind)?;
    let web = matches!(uri.scheme_str(), Some("http" | "https"));
    if web && !authority.host().is_empty() && !authority.as_str().contains('@') {
        Ok(uri)
    } else {
        Err(Refusal::Kind)
    }
}

impl Origin {
    /// The origin as browsers send it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Writes it as browsers do: small letters, and no port where it is the scheme's own.
    fn normal(text: &str) -> Result<Self, Refusal> {
        let uri = web_address(text)?;
        let bare = matches!(uri.path(), "" | "/") && uri.query().is_none();
        if !bare || text.ends_with('/') || text.contains('#') {
            return Err(Refusal::Kind);
        }
        let text = text.to_ascii_lowercase();
        let usual = match uri.scheme_str() {
            Some("https") => ":443",
            _ => ":80",
        };
        Ok(Self(text.strip_suffix(usual).unwrap_or(&text).to_owned()))
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Value for Vec<Origin> {
    fn read(given: &Given, _: &Kind) -> Result<Self, Refusal> {
        let members = given.list().ok_or(Refusal::Kind)?;
        members.into_iter().map(Origin::normal).collect()
    }

    fn show(&self, _: &Kind) -> String {
        joined(self)
    }
}

impl LogFilter {
    /// The filter of a server that was told none.
    pub(super) fn info() -> Self {
        Self("info".to_owned())
    }

    /// The filter's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Value for LogFilter {
    fn read(given: &Given, _: &Kind) -> Result<Self, Refusal> {
        let text: String = parsed(given)?;
        match EnvFilter::try_new(&text) {
            Ok(_) if !text.is_empty() => Ok(Self(text)),
            _ => Err(Refusal::Kind),
        }
    }

    fn show(&self, _: &Kind) -> String {
        self.0.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, ConfigError};

    fn from_file(text: &str) -> Result<Config, ConfigError> {
        Config::from_sources(Some(text), [])
    }

    fn refusal(text: &str) -> String {
        from_file(text).unwrap_err().to_string()
    }

    #[test]
    fn a_password_in_the_wrong_place_is_not_shown_either() {
        let told = refusal("listen = 'postgres://app:hunter2@db/sw'");
        assert!(!told.contains("hunter2"), "{told}");
    }

    #[test]
    fn an_issuer_is_a_plain_web_address() {
        let config = from_file("issuer = 'https://id.example.org/a'").unwrap();
        assert_eq!(config.issuer.unwrap().as_str(), "https://id.example.org/a");
        for wrong in [
            "id.example.org",
            "ftp://a",
            "https://a?b",
            "https://a#b",
            "https://u:p@a",
        ] {
            assert!(
                from_file(&format!("issuer = '{wrong}'")).is_err(),
                "{wrong}"
            );
        }
    }

    #[test]
    fn an_origin_is_written_as_browsers_send_it() {
        let list = "['https://App.example.org', 'https://a:443', 'http://a:80', 'http://a:8080']";
        let config = from_file(&format!("allowed_origins = {list}")).unwrap();
        let shown = joined(&config.allowed_origins);
        assert_eq!(
            shown,
            "https://app.example.org,https://a,http://a,http://a:8080"
        );
        for wrong in [
            "*",
            "null",
            "https://a/",
            "https://a/b",
            "https://a?b",
            "a.example",
        ] {
            assert!(
                from_file(&format!("allowed_origins = ['{wrong}']")).is_err(),
                "{wrong}"
            );
        }
    }

    #[test]
    fn choices_take_their_words_only() {
        for word in TokenAlgorithm::WORDS {
            let config = from_file(&format!("token_algorithm = '{word}'")).unwrap();
            assert_eq!(config.token_algorithm.as_str(), *word);
        }
        assert!(refusal("token_algorithm = 'HS256'").contains("ES256, EdDSA or RS256"));
    }

    #[test]
    fn a_log_filter_must_parse() {
        assert!(from_file("log_level = 'sessionwire=debug,info'").is_ok());
        assert!(from_file("log_level = 'sessionwire=loud'").is_err());
        assert!(from_file("log_level = ''").is_err());
    }
}
