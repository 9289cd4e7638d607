//! Where the data is: a file, or a PostgreSQL server by its address, which may hold a password.
//!
//! Knows the address's form; that somebody is there is found out by `storage`.

use std::fmt;
use std::path::PathBuf;

use reqwest::Url;

use super::given::Given;
use super::redact::redact;
use super::setting::Kind;
use super::value::{Refusal, Value};

/// Where the state and the log are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Database {
    /// In this file.
    Sqlite(PathBuf),
    /// On this server.
    Postgres(PostgresUrl),
}

/// The address of a PostgreSQL database. Shown without its password.
#[derive(Clone, PartialEq, Eq)]
pub struct PostgresUrl(String);

/// What may follow the question mark. Others would be ignored by the driver, or change what a session's
/// time limits are.
const PARAMETERS: &[&str] = &[
    "application_name",
    "dbname",
    "host",
    "password",
    "port",
    "sslcert",
    "sslkey",
    "sslmode",
    "sslrootcert",
    "user",
];
const SSL_MODES: &[&str] = &[
    "disable",
    "allow",
    "prefer",
    "require",
    "verify-ca",
    "verify-full",
];

impl PostgresUrl {
    /// For the driver, which signs in with it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    fn read(text: &str) -> Result<Self, Refusal> {
        let url = Url::parse(text).map_err(|_| {
            Refusal::Because("it is no address; in a password, write @ : / ? # % as %40 and so on")
        })?;
        let parameter = |name: &str| url.query_pairs().find(|(key, _)| key == name);
        let names_database = url.path().len() > 1 || parameter("dbname").is_some();
        if !names_database || url.fragment().is_some() {
            return Err(Refusal::Because(
                "it has to name the database, as in postgres://USER@HOST/DATABASE",
            ));
        }
        if let Some((_, mode)) = parameter("sslmode")
            && !SSL_MODES.contains(&mode.as_ref())
        {
            return Err(Refusal::Because(
                "sslmode is disable, allow, prefer, require, verify-ca or verify-full",
            ));
        }
        let is_known = |(key, _): (std::borrow::Cow<'_, str>, _)| PARAMETERS.contains(&&*key);
        if !url.query_pairs().all(is_known) {
            return Err(Refusal::Because(
                "after the question mark may come application_name, dbname, host, password, port, sslcert, \
                 sslkey, sslmode, sslrootcert and user",
            ));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&redact(&self.0))
    }
}

impl fmt::Debug for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PostgresUrl({self})")
    }
}

impl Value for Database {
    fn read(given: &Given, _: &Kind) -> Result<Self, Refusal> {
        let text = given.text().ok_or(Refusal::Kind)?;
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return PostgresUrl::read(text).map(Self::Postgres);
        }
        let path = text.strip_prefix("sqlite://").ok_or(Refusal::Kind)?;
        if path.is_empty() || path.ends_with('/') || path.contains(['?', '#', '\0']) {
            return Err(Refusal::Because(
                "after sqlite:// comes the path of a file, nothing else",
            ));
        }
        Ok(Self::Sqlite(path.into()))
    }

    fn show(&self, _: &Kind) -> String {
        self.to_string()
    }
}

impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite://{}", path.display()),
            Self::Postgres(url) => url.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn read(database: &str) -> Result<Config, String> {
        let text = format!("database = '{database}'");
        Config::from_sources(Some(&text), []).map_err(|error| format!("{error} {error:?}"))
    }

    #[test]
    fn a_database_is_a_file_or_an_address() {
        let config = read("sqlite:///var/sw.db").unwrap();
        assert_eq!(config.database(), Database::Sqlite("/var/sw.db".into()));
        for wrong in [
            "sqlite://",
            "sqlite://a/",
            "sqlite://a?mode=ro",
            "mysql://x",
            "sw.db",
            "postgres://db",
            "postgres://db/",
            "postgres://db/sw#1",
            "postgres://app:hunter2/@db/sw",
            "postgres://db/sw?sslmode=verify",
            "postgres://db/sw?sslrotcert=/ca.pem",
            "postgres://db/sw?options=-cstatement_timeout=0",
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
        for right in [
            "postgres://db/sw",
            "postgresql://app:hunter2@[::1]:5433/sw?sslmode=verify-full&sslrootcert=/etc/ca.pem",
            "postgres:///sw?host=/run/postgresql",
        ] {
            let Database::Postgres(url) = read(right).unwrap().database() else {
                panic!("{right}")
            };
            assert_eq!(url.expose(), right);
        }
    }

    #[test]
    fn a_password_is_not_shown() {
        let config = read("postgres://app:hunter2@db/sw?password=hunter2").unwrap();
        let rows = config.rows();
        let shown = rows.iter().find(|row| row.name == "database").unwrap();
        assert_eq!(shown.value, "postgres://app:***@db/sw?password=***");
        assert!(!format!("{config:?}").contains("hunter2"));
        let refused = read("postgres://app:hunter2@db/sw?sslmode=no").unwrap_err();
        assert!(!refused.contains("hunter2"), "{refused}");
    }
}
