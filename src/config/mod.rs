//! The configuration: one table of settings, read once at start from a TOML file and the
//! environment (`SESSIONWIRE_<NAME>`; the environment wins) into typed values.
//!
//! Everything that can be wrong with a setting is found here, before anything listens, and all
//! mistakes are told at once. This module knows no service and opens nothing but its own file and those
//! in which it is told that a secret or a key set is; nothing below floor 5 may import it: the parts are handed the
//! values they need.

mod bus;
mod database;
mod error;
mod given;
mod issuers;
mod master_key;
mod redact;
mod setting;
mod sinks;
mod source;
mod table;
mod types;
mod value;

use std::net::SocketAddr;
use std::path::Path;

pub use bus::{Bus, BusSubject};
pub use database::{Database, PostgresUrl};
pub use error::{ConfigError, Problem};
pub use issuers::{ForeignIssuer, GroupsFrom, IssuerSettings, Strangers, Usage};
pub use master_key::MasterKeyCommand;
pub use setting::{Kind, Setting, Unit};
pub use sinks::{
    Addresses, Brokers, EventPatterns, KafkaSink, LogoutSink, NatsSink, RedisSink, Sink,
    SinkBasics, SinkName, SinkStart, SinkTarget, SinkUrl, VariableName, WebhookSink,
};
pub use table::{Config, SETTINGS};
pub use types::{
    Issuer, LogFilter, LogFormat, Origin, Pages, Presence, TokenAlgorithm, WithoutLease,
};

/// What the name of an environment variable begins with to be a setting.
pub const ENVIRONMENT_PREFIX: &str = "SESSIONWIRE_";

/// One setting as `config check` prints it: what it is, and what it came out as.
#[derive(Clone, Debug)]
pub struct Row {
    /// Its name, with that of what it belongs to.
    pub name: String,
    /// The setting itself.
    pub setting: &'static Setting,
    /// The value in force, with secrets left out.
    pub value: String,
    /// The value without any configuration.
    pub default: String,
}

impl Config {
    /// Reads `file`, if one is named, and this process's environment.
    pub fn load(file: Option<&Path>) -> Result<Self, ConfigError> {
        let text =
            match file {
                None => None,
                Some(path) => Some(std::fs::read_to_string(path).map_err(|source| {
                    ConfigError::Unreadable {
                        path: path.to_path_buf(),
                        source,
                    }
                })?),
            };
        Self::from_sources(text.as_deref(), source::process_environment()?)
    }

    /// The same from a text and from pairs, which is what tests want. Variables that do not begin
    /// with [`ENVIRONMENT_PREFIX`] are none of ours.
    pub fn from_sources(
        toml: Option<&str>,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let variables = environment.into_iter().collect();
        let mut given = source::collect(toml, &variables)?;
        let (sinks, mut problems) = sinks::take(&mut given, &variables);
        let (issuers, found) = issuers::take(&mut given, &variables);
        problems.extend(found);
        let (mut config, found) = Self::read(&mut given);
        config.sinks = sinks;
        config.issuers = issuers;
        problems.extend(found);
        problems.extend(
            given
                .iter()
                .map(|(name, value)| Problem::unknown(name, value)),
        );
        problems.extend(config.contradictions());
        if problems.is_empty() {
            Ok(config)
        } else {
            Err(ConfigError::Settings(problems))
        }
    }

    /// The database in use: the one that is set, else a file in the data directory.
    pub fn database(&self) -> Database {
        self.database
            .clone()
            .unwrap_or_else(|| Database::Sqlite(self.data_dir.join("sessionwire.db")))
    }

    /// What carries events between nodes: what is set, else the database where it can.
    pub fn bus(&self) -> Bus {
        self.bus.clone().unwrap_or_else(|| match self.database() {
            Database::Postgres(_) => Bus::Postgres,
            Database::Sqlite(_) => Bus::Memory,
        })
    }

    /// The issuer that tokens name: the one that is set, else the address that was really bound
    /// (`listen` may ask for port 0).
    pub fn issuer_at(&self, bound: SocketAddr) -> Issuer {
        self.issuer.clone().unwrap_or_else(|| Issuer::at(bound))
    }

    /// What two settings, each fine by itself, may not say together.
    fn contradictions(&self) -> Vec<Problem> {
        let mut found = Vec::new();
        if self
            .metrics_listen
            .is_some_and(|it| it == self.listen && it.port() != 0)
        {
            found.push(Problem::contradiction(
                "metrics_listen",
                "is the address of `listen`, but metrics need a listener of their own",
            ));
        }
        if self.bus == Some(Bus::Postgres) && matches!(self.database(), Database::Sqlite(_)) {
            found.push(Problem::contradiction(
                "bus",
                "is `postgres`, which needs a `database` of PostgreSQL",
            ));
        }
        let sources = [
            self.master_key_file.is_some(),
            self.master_key_env.is_some(),
            self.master_key_command.parts().is_some(),
        ];
        if sources.iter().filter(|is_set| **is_set).count() > 1 {
            found.push(Problem::contradiction(
                "master_key_file",
                "and `master_key_env` or `master_key_command` are both set, but there is one master key",
            ));
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn from_env(pairs: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let pairs = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Config::from_sources(None, pairs)
    }

    fn from_file(text: &str) -> Result<Config, ConfigError> {
        Config::from_sources(Some(text), [])
    }

    #[test]
    fn nothing_given_is_the_default() {
        let config = from_file("").unwrap();
        assert_eq!(config, Config::default());
        assert_eq!(
            config.database().to_string(),
            "sqlite://./data/sessionwire.db"
        );
        assert_eq!(
            config.issuer_at(config.listen).as_str(),
            "http://127.0.0.1:7400"
        );
    }

    #[test]
    fn the_environment_wins_over_the_file() {
        let environment = [("SESSIONWIRE_DRAIN_S".to_owned(), "7".to_owned())];
        let config =
            Config::from_sources(Some("drain_s = 3\nheartbeat_s = 4"), environment).unwrap();
        assert_eq!(config.drain, Duration::from_secs(7));
        assert_eq!(config.heartbeat, Duration::from_secs(4));
    }

    #[test]
    fn the_data_directory_moves_the_default_database() {
        let config = from_env(&[("SESSIONWIRE_DATA_DIR", "/var/lib/sw")]).unwrap();
        assert_eq!(
            config.database(),
            Database::Sqlite("/var/lib/sw/sessionwire.db".into())
        );
    }

    #[test]
    fn an_unknown_key_names_the_nearest_one() {
        let told = from_file("drian_s = 3").unwrap_err().to_string();
        assert!(
            told.contains("`drian_s`") && told.contains("`drain_s`"),
            "{told}"
        );
        let told = from_env(&[("SESSIONWIRE_LISEN", "x")])
            .unwrap_err()
            .to_string();
        assert!(told.contains("`SESSIONWIRE_LISEN`"), "{told}");
        assert!(told.contains("`SESSIONWIRE_LISTEN`"), "{told}");
    }

    #[test]
    fn a_table_in_the_file_is_an_unknown_key() {
        let told = from_file("[server]\nlisten = '127.0.0.1:1'")
            .unwrap_err()
            .to_string();
        assert!(told.contains("`server`"), "{told}");
    }

    #[test]
    fn other_peoples_variables_are_none_of_ours() {
        assert!(from_env(&[("PATH", "/bin"), ("SESSIONWIREX", "1")]).is_ok());
    }

    #[test]
    fn a_value_out_of_bounds_is_told_with_bounds_and_unit() {
        let told = from_file("drain_s = 301").unwrap_err().to_string();
        for part in ["`drain_s`", "301", "0", "300", "seconds"] {
            assert!(told.contains(part), "{told} lacks {part}");
        }
        let told = from_env(&[("SESSIONWIRE_DRAIN_S", "-1")])
            .unwrap_err()
            .to_string();
        assert!(
            told.contains("`SESSIONWIRE_DRAIN_S`") && told.contains("-1"),
            "{told}"
        );
    }

    #[test]
    fn a_value_of_the_wrong_type_is_told() {
        for text in [
            "drain_s = 'ten'",
            "drain_s = 1.5",
            "drain_s = true",
            "drain_s = [1]",
        ] {
            let told = from_file(text).unwrap_err().to_string();
            assert!(
                told.contains("a whole number of seconds from 0 to 300"),
                "{told}"
            );
        }
    }

    #[test]
    fn every_mistake_is_told_at_once() {
        let ConfigError::Settings(problems) =
            from_file("drain_s = 301\nheartbeat_s = 0\nfoo = 1").unwrap_err()
        else {
            panic!("not a complaint about settings")
        };
        assert_eq!(problems.len(), 3, "{problems:?}");
    }

    #[test]
    fn bounds_themselves_are_allowed() {
        for setting in SETTINGS {
            let Kind::Number { min, max, .. } = setting.kind else {
                continue;
            };
            for value in [min, max] {
                let text = format!("{} = {value}", setting.name);
                assert!(from_file(&text).is_ok(), "{text}");
            }
            let beyond = format!("{} = {}", setting.name, max + 1);
            assert!(from_file(&beyond).is_err(), "{beyond}");
        }
    }

    #[test]
    fn metrics_need_an_address_of_their_own() {
        let same = "listen = '127.0.0.1:9000'\nmetrics_listen = '127.0.0.1:9000'";
        assert!(
            from_file(same)
                .unwrap_err()
                .to_string()
                .contains("metrics_listen")
        );
        let free = "listen = '127.0.0.1:0'\nmetrics_listen = '127.0.0.1:0'";
        assert!(from_file(free).is_ok());
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let told = Config::load(Some(Path::new("/nowhere/sw.toml")))
            .unwrap_err()
            .to_string();
        assert!(told.contains("/nowhere/sw.toml"), "{told}");
    }

    #[test]
    fn a_file_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sw.toml");
        std::fs::write(&path, "token_algorithm = 'EdDSA'").unwrap();
        let config = Config::load(Some(&path)).unwrap();
        assert_eq!(config.token_algorithm, TokenAlgorithm::EdDsa);
    }
}
