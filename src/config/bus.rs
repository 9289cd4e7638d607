//! What nodes speak to each other over, as it is configured.

use std::fmt;

use super::given::Given;
use super::redact::redact;
use super::setting::Kind;
use super::value::{Refusal, Value};

/// What carries events between nodes.
#[derive(Clone, PartialEq, Eq)]
pub enum Bus {
    /// This process's memory: one node.
    Memory,
    /// The PostgreSQL database.
    Postgres,
    /// NATS servers: `nats://…` or `tls://…`, several with commas between.
    Nats(String),
}

/// What the nodes of one database speak on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BusSubject(String);

impl Bus {
    /// What the setting takes, in words.
    pub const FORM: &'static str =
        "memory, postgres, or the addresses of NATS servers such as nats://user:password@host:4222";
}

impl fmt::Debug for Bus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory => f.write_str("Memory"),
            Self::Postgres => f.write_str("Postgres"),
            Self::Nats(addresses) => write!(f, "Nats({})", hidden(addresses)),
        }
    }
}

impl Value for Bus {
    fn read(given: &Given, _: &Kind) -> Result<Self, Refusal> {
        let text = given.text().ok_or(Refusal::Kind)?;
        if text == "memory" {
            return Ok(Self::Memory);
        }
        if text == "postgres" {
            return Ok(Self::Postgres);
        }
        if text.split(',').all(is_nats) {
            Ok(Self::Nats(text.to_owned()))
        } else {
            Err(Refusal::Kind)
        }
    }

    fn show(&self, _: &Kind) -> String {
        match self {
            Self::Memory => "memory".to_owned(),
            Self::Postgres => "postgres".to_owned(),
            Self::Nats(addresses) => hidden(addresses),
        }
    }
}

fn is_nats(address: &str) -> bool {
    address.trim().parse().is_ok_and(|uri: http::Uri| {
        let has_host = uri.host().is_some_and(|host| !host.is_empty());
        has_host && matches!(uri.scheme_str(), Some("nats" | "tls"))
    })
}

/// Without passwords, and without what stands in a user's place alone: that is a token.
fn hidden(addresses: &str) -> String {
    let hidden = addresses.split(',').map(|address| {
        let address = address.trim();
        match address
            .split_once("://")
            .map(|(scheme, rest)| (scheme, rest.rsplit_once('@')))
        {
            Some((scheme, Some((who, host)))) if !who.contains(':') => {
                format!("{scheme}://***@{host}")
            }
            _ => redact(address),
        }
    });
    hidden.collect::<Vec<_>>().join(",")
}

impl BusSubject {
    /// What the setting takes, in words.
    pub const FORM: &'static str =
        "a subject of 1 to 255 letters, digits and the marks - _ with dots between";

    pub(super) fn of(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The subject.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Value for BusSubject {
    fn read(given: &Given, _: &Kind) -> Result<Self, Refusal> {
        let text = given.text().ok_or(Refusal::Kind)?;
        let is_word = |word: &str| {
            let mut bytes = word.bytes();
            !word.is_empty() && bytes.all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
        };
        if text.len() <= 255 && text.split('.').all(is_word) {
            Ok(Self::of(text))
        } else {
            Err(Refusal::Kind)
        }
    }

    fn show(&self, _: &Kind) -> String {
        self.0.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::Bus;
    use crate::config::Config;

    fn read(text: &str) -> Result<Config, String> {
        let config = Config::from_sources(Some(text), []);
        config.map_err(|error| format!("{error} {error:?}"))
    }

    #[test]
    fn a_bus_is_the_memory_or_nats_and_its_password_is_never_shown() {
        for bus in [
            "memory",
            "nats://a:4222",
            "tls://app:hunter2@a:4222,nats://app:hunter2@b",
            "nats://hunter2@a",
        ] {
            let config = read(&format!("bus = '{bus}'")).unwrap();
            let rows = config.rows();
            let row = rows.iter().find(|row| row.setting.name == "bus").unwrap();
            assert!(!row.value.contains("hunter2"), "{}", row.value);
            assert!(!format!("{:?}", config.bus()).contains("hunter2"));
        }
        for bus in [
            "kafka",
            "nats://",
            "nats://a,http://b",
            "redis://app:hunter2@a",
        ] {
            let told = read(&format!("bus = '{bus}'")).unwrap_err();
            assert!(!told.contains("hunter2"), "{told}");
        }
    }

    #[test]
    fn unless_it_is_said_the_database_is_the_bus_where_it_can_be() {
        let postgres = "database = 'postgres://app@db/sw'";
        assert_eq!(read(postgres).unwrap().bus(), Bus::Postgres);
        assert_eq!(read("").unwrap().bus(), Bus::Memory);
        let said = read(&format!("{postgres}\nbus = 'memory'")).unwrap();
        assert_eq!(said.bus(), Bus::Memory);
        let told = read("bus = 'postgres'").unwrap_err();
        assert!(told.contains("needs a `database`"), "{told}");
    }

    #[test]
    fn a_subject_has_no_wildcards_and_no_gaps() {
        assert!(read("bus_subject = 'sw.prod-1'").is_ok());
        for wrong in ["", "a.*", "a.>", "a..b", ".a", "a b"] {
            assert!(
                read(&format!("bus_subject = '{wrong}'")).is_err(),
                "{wrong}"
            );
        }
    }
}
