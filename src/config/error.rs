//! What is wrong with a configuration, said so that the person who wrote it can mend it.
//!
//! Holds no value unredacted: an error travels to terminals and logs.

use std::fmt;
use std::path::PathBuf;

use super::ENVIRONMENT_PREFIX;
use super::given::{Given, Place};
use super::redact::{HIDDEN, redact};
use super::setting::Setting;
use super::table::SETTINGS;

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file could not be read.
    #[error("cannot read the configuration file {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file is not TOML.
    #[error("the configuration file is not valid TOML: {0}")]
    Syntax(String),
    /// A variable that should be a setting is not text.
    #[error("the environment variable `{0}` is not valid UTF-8")]
    NotText(String),
    /// Settings that are unknown, of the wrong type or out of bounds.
    #[error("{}", Lines(.0))]
    Settings(Vec<Problem>),
}

/// One thing that is wrong with one setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The setting, as it was written: a key of the file or the name of a variable.
    pub setting: String,
    /// What is wrong with it.
    pub what: String,
}

/// A list of problems, one a line.
struct Lines<'a>(&'a [Problem]);

impl Problem {
    /// A name that is no setting's.
    pub(super) fn unknown(name: &str, given: &Given) -> Self {
        Self::unknown_among(SETTINGS.iter().map(|setting| setting.name), name, given)
    }

    /// A name that is none of these.
    pub(super) fn unknown_among(
        known: impl Iterator<Item = &'static str>,
        name: &str,
        given: &Given,
    ) -> Self {
        let nearest = nearest(known, name);
        Self {
            setting: written(name, given.place),
            what: format!(
                "is not a setting; the nearest one is `{}`",
                written(nearest, given.place)
            ),
        }
    }

    /// A value that the setting does not take; `because` where the general reason is not enough.
    pub(super) fn refused(setting: &Setting, given: &Given, because: Option<&str>) -> Self {
        let shown = if hides_a_secret(setting.name) {
            HIDDEN.to_owned()
        } else {
            redact(&given.to_string())
        };
        let what = match because {
            None => format!("is {shown}, but must be {}", setting.kind),
            Some(because) => format!("is {shown}: {because}"),
        };
        Self {
            setting: written(setting.name, given.place),
            what,
        }
    }

    /// The same, of a setting within something that has this name.
    pub(super) fn within(mut self, what: &str) -> Self {
        self.setting = format!("{what}.{}", self.setting);
        self
    }

    /// A value that another setting's value forbids.
    pub(super) fn contradiction(setting: &str, what: &str) -> Self {
        Self {
            setting: setting.to_owned(),
            what: what.to_owned(),
        }
    }
}

/// The setting as its writer wrote it.
fn written(name: &str, place: Place) -> String {
    match place {
        Place::File => name.to_owned(),
        Place::Environment => format!("{ENVIRONMENT_PREFIX}{}", name.to_uppercase()),
    }
}

/// Whether a secret may have been written where the name of its place belongs.
fn hides_a_secret(name: &str) -> bool {
    name.ends_with("_file") || name.ends_with("_env")
}

/// The known name that takes the fewest slips of the finger to become `name`.
fn nearest(known: impl Iterator<Item = &'static str>, name: &str) -> &'static str {
    let name = name.to_lowercase();
    known
        .min_by_key(|known| strsim::damerau_levenshtein(known, &name))
        .unwrap_or_default()
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` {}", self.setting, self.what)
    }
}

impl fmt::Display for Lines<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            let end = if index == 0 { "" } else { "\n" };
            write!(f, "{end}{problem}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_the_one_meant() {
        for (typed, meant) in [
            ("listne", "listen"),
            ("databse", "database"),
            ("access_token_ttl", "access_token_ttl_s"),
            ("MAX_CONECTIONS", "max_connections"),
        ] {
            let known = SETTINGS.iter().map(|setting| setting.name);
            assert_eq!(nearest(known, typed), meant);
        }
    }
}
