//! Reads the two sources, a TOML text and the environment, and lays one over the other.
//!
//! Knows no setting: what a name or a value means is for the table to say.

use std::collections::BTreeMap;
use std::ffi::OsString;

use ::config::{Config, File, FileFormat};

use super::ENVIRONMENT_PREFIX;
use super::error::ConfigError;
use super::given::Given;

/// The values that were written, by the name of the setting.
pub(super) type Collected = BTreeMap<String, Given>;

/// Variables, by their names.
pub(super) type Variables = BTreeMap<String, String>;

/// The variables of this process: those that are ours, and others that a secret may be in.
pub(super) fn process_environment() -> Result<Vec<(String, String)>, ConfigError> {
    texts(std::env::vars_os())
}

/// The variables that are text; ours have to be.
fn texts(
    variables: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<Vec<(String, String)>, ConfigError> {
    let mut found = Vec::new();
    for (name, value) in variables {
        let is_ours = name
            .as_encoded_bytes()
            .starts_with(ENVIRONMENT_PREFIX.as_bytes());
        match (name.into_string(), value.into_string()) {
            (Ok(name), Ok(value)) => found.push((name, value)),
            (Ok(name), Err(_)) if is_ours => return Err(ConfigError::NotText(name)),
            (Err(name), _) if is_ours => {
                return Err(ConfigError::NotText(name.to_string_lossy().into_owned()));
            }
            _ => {}
        }
    }
    Ok(found)
}

/// Everything that was written, the environment over the file. The layers are laid here and not
/// by the crate that reads the file: it takes `.` and `[` in a variable's name for a path, and
/// then could not say which variable was wrong.
pub(super) fn collect(
    toml: Option<&str>,
    environment: &Variables,
) -> Result<Collected, ConfigError> {
    let mut collected = file_values(toml.unwrap_or_default())?;
    for (name, value) in environment {
        if let Some(setting) = name.strip_prefix(ENVIRONMENT_PREFIX) {
            collected.insert(setting.to_lowercase(), Given::in_environment(value));
        }
    }
    Ok(collected)
}

/// The values that a text holds.
pub(super) fn file_values(toml: &str) -> Result<Collected, ConfigError> {
    let values = Config::builder()
        .add_source(File::from_str(toml, FileFormat::Toml))
        .build()
        .and_then(|read| read.cache.into_table())
        .map_err(|error| ConfigError::Syntax(without_source_lines(&error.to_string())))?;
    Ok(values
        .iter()
        .map(|(name, value)| (name.clone(), Given::in_file(value)))
        .collect())
}

/// A parser quotes the line it stumbled over, and that line may hold a password.
fn without_source_lines(told: &str) -> String {
    let kept: Vec<&str> = told
        .lines()
        .map(str::trim)
        .filter(|it| !is_quotation(it))
        .collect();
    kept.join("; ")
}

/// Whether a line of a parser's complaint is `12 | source` or a bare margin.
fn is_quotation(line: &str) -> bool {
    line.is_empty()
        || line
            .trim_start_matches(|it: char| it.is_ascii_digit() || it == ' ')
            .starts_with('|')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_syntax_error_says_where_and_quotes_nothing() {
        let text = "drain_s = 3\ndatabase = \"postgres://app:hunter2@db/sw";
        let told = collect(Some(text), &Variables::new())
            .unwrap_err()
            .to_string();
        assert!(told.contains("line 2"), "{told}");
        assert!(!told.contains("hunter2"), "{told}");
    }

    #[test]
    fn a_key_given_twice_is_an_error() {
        let told = collect(Some("drain_s = 3\ndrain_s = 4"), &Variables::new())
            .unwrap_err()
            .to_string();
        assert!(told.contains("duplicate key"), "{told}");
    }

    #[cfg(unix)]
    #[test]
    fn a_variable_that_is_not_text_is_named_and_not_shown() {
        use std::os::unix::ffi::OsStringExt as _;

        let value = OsString::from_vec(b"hunter2\xff".to_vec());
        let told = texts([("SESSIONWIRE_DATABASE".into(), value)])
            .unwrap_err()
            .to_string();
        assert!(
            told.contains("SESSIONWIRE_DATABASE") && !told.contains("hunter2"),
            "{told}"
        );
    }

    #[cfg(unix)]
    #[test]
    fn other_variables_may_be_anything() {
        use std::os::unix::ffi::OsStringExt as _;

        assert_eq!(
            texts([("LS_COLORS".into(), OsString::from_vec(vec![0xff]))]).unwrap(),
            []
        );
    }
}
