//! How a written value becomes a typed one, and how a typed one is shown again.
//!
//! Knows types only. What bounds a number has comes from the setting's [`Kind`].

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

use super::given::Given;
use super::setting::{Kind, Unit};

/// Why a value is refused.
#[derive(Debug)]
pub(super) enum Refusal {
    /// It is not what the setting's kind says.
    Kind,
    /// It is, but this server does not serve it.
    Because(&'static str),
}

/// A type that a setting may have.
pub(super) trait Value: Sized {
    /// Makes sense of what was written.
    fn read(given: &Given, kind: &Kind) -> Result<Self, Refusal>;

    /// The value as it would be written, with secrets left out; empty where there is none.
    fn show(&self, kind: &Kind) -> String;
}

fn bounded(given: &Given, kind: &Kind) -> Result<u64, Refusal> {
    let Kind::Number { min, max, .. } = *kind else {
        return Err(Refusal::Kind);
    };
    given
        .number()
        .filter(|number| (min..=max).contains(number))
        .ok_or(Refusal::Kind)
}

/// Reads a text by the type's own parser.
pub(super) fn parsed<T: std::str::FromStr>(given: &Given) -> Result<T, Refusal> {
    given
        .text()
        .and_then(|text| text.parse().ok())
        .ok_or(Refusal::Kind)
}

macro_rules! numbers {
    ($($number:ty),*) => { $(
        impl Value for $number {
            fn read(given: &Given, kind: &Kind) -> Result<Self, Refusal> {
                Self::try_from(bounded(given, kind)?).map_err(|_| Refusal::Kind)
            }

            fn show(&self, _: &Kind) -> String {
                self.to_string()
            }
        }
    )* };
}

numbers!(u32, usize);

impl Value for NonZeroU32 {
    fn read(given: &Given, kind: &Kind) -> Result<Self, Refusal> {
        Self::new(u32::read(given, kind)?).ok_or(Refusal::Kind)
    }

    fn show(&self, _: &Kind) -> String {
        self.to_string()
    }
}

impl Value for Duration {
    fn read(given: &Given, kind: &Kind) -> Result<Self, Refusal> {
        let number = bounded(given, kind)?;
        match kind {
            Kind::Number {
                unit: Unit::Days, ..
            } => Ok(Self::from_hours(number.saturating_mul(24))),
            Kind::Number {
                unit: Unit::Seconds,
                ..
            } => Ok(Self::from_secs(number)),
            Kind::Number {
                unit: Unit::Milliseconds,
                ..
            } => Ok(Self::from_millis(number)),
            _ => Err(Refusal::Kind),
        }
    }

    fn show(&self, kind: &Kind) -> String {
        match kind {
            Kind::Number {
                unit: Unit::Days, ..
            } => (self.as_secs() / 86_400).to_string(),
            Kind::Number {
                unit: Unit::Milliseconds,
                ..
            } => self.as_millis().to_string(),
            _ => self.as_secs().to_string(),
        }
    }
}

impl Value for SocketAddr {
    fn read(given: &Given, _: &Kind) -> Result<Self, Refusal> {
        parsed(given)
    }

    fn show(&self, _: &Kind) -> String {
        self.to_string()
    }
}

impl<T: Value> Value for Option<T> {
    /// An empty text takes a value back: a variable cannot say "none" otherwise.
    fn read(given: &Given, kind: &Kind) -> Result<Self, Refusal> {
        match given.text() {
            Some("") => Ok(None),
            _ => T::read(given, kind).map(Some),
        }
    }

    fn show(&self, kind: &Kind) -> String {
        self.as_ref().map(|it| it.show(kind)).unwrap_or_default()
    }
}

impl Value for String {
    fn read(given: &Given, _: &Kind) -> Result<Self, Refusal> {
        let text = given
            .text()
            .filter(|text| !text.is_empty() && text.len() <= 255);
        text.map(str::to_owned).ok_or(Refusal::Kind)
    }

    fn show(&self, _: &Kind) -> String {
        self.clone()
    }
}

impl Value for PathBuf {
    fn read(given: &Given, _: &Kind) -> Result<Self, Refusal> {
        let text = given
            .text()
            .filter(|text| !text.is_empty() && !text.contains('\0'));
        text.map(Self::from).ok_or(Refusal::Kind)
    }

    fn show(&self, _: &Kind) -> String {
        self.display().to_string()
    }
}

impl Value for Vec<IpNet> {
    fn read(given: &Given, _: &Kind) -> Result<Self, Refusal> {
        let members = given.list().ok_or(Refusal::Kind)?;
        members
            .into_iter()
            .map(|it| network(it).ok_or(Refusal::Kind))
            .collect()
    }

    fn show(&self, _: &Kind) -> String {
        joined(self)
    }
}

/// A network, or one address as the network of itself.
fn network(text: &str) -> Option<IpNet> {
    let alone = text.parse::<IpAddr>().ok().map(IpNet::from);
    alone.or_else(|| text.parse().ok())
}

/// A list as a variable writes it.
pub(super) fn joined<T: ToString>(list: &[T]) -> String {
    list.iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(",")
}

#[cfg(test)]
mod tests {
    use crate::config::{Config, ConfigError};

    fn from_file(text: &str) -> Result<Config, ConfigError> {
        Config::from_sources(Some(text), [])
    }

    #[test]
    fn proxies_are_addresses_or_networks() {
        let config = from_file("trusted_proxies = ['10.0.0.0/8', '::1']").unwrap();
        assert!(
            config.trusted_proxies[0].contains(&"10.1.2.3".parse::<std::net::IpAddr>().unwrap())
        );
        assert_eq!(config.trusted_proxies[1].to_string(), "::1/128");
        assert!(from_file("trusted_proxies = ['10.0.0.0/33']").is_err());
        assert!(from_file("trusted_proxies = '10.0.0.1'").is_err());
    }

    #[test]
    fn a_list_in_the_environment_is_separated_by_commas() {
        let proxies = (
            "SESSIONWIRE_TRUSTED_PROXIES".to_owned(),
            "10.0.0.1, 10.0.0.2,".to_owned(),
        );
        let config = Config::from_sources(None, [proxies]).unwrap();
        assert_eq!(config.trusted_proxies.len(), 2);
    }

    #[test]
    fn an_empty_variable_takes_an_optional_value_back() {
        let nowhere = ("SESSIONWIRE_METRICS_LISTEN".to_owned(), String::new());
        let config =
            Config::from_sources(Some("metrics_listen = '127.0.0.1:9000'"), [nowhere]).unwrap();
        assert_eq!(config.metrics_listen, None);
    }
}
