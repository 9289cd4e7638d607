//! Secrets of sinks: read from the file or the variable that a setting names, and shown by nothing.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::values::VariableName;
use crate::config::error::Problem;
use crate::config::source::Variables;
use crate::domain::secret::SharedSecret;

/// The largest file that holds a secret.
const SECRET_BYTES_MAX: u64 = 16 * 1024;

/// A secret from its file or its variable; neither its text nor where it was looked for is told.
pub(in crate::config) fn secret(
    what: &str,
    file: Option<&Path>,
    variable: Option<&VariableName>,
    variables: &Variables,
    problems: &mut Vec<Problem>,
) -> Option<String> {
    let (name, found) = match (file, variable) {
        (None, None) => return None,
        (Some(_), Some(_)) => {
            let both = format!("and `{what}_env` are both set, but there is one {what}");
            problems.push(Problem::contradiction(&format!("{what}_file"), &both));
            return None;
        }
        (Some(file), None) => {
            let found = read_bounded(file, SECRET_BYTES_MAX);
            let found = found.map_err(|error| format!("names a file that can't be used: {error}"));
            (format!("{what}_file"), found)
        }
        (None, Some(variable)) => {
            let found = variables.get(variable.as_str()).cloned();
            let found = found.ok_or_else(|| "names a variable that is not set".to_owned());
            (format!("{what}_env"), found)
        }
    };
    match found {
        Ok(text) if text.trim().is_empty() => {
            problems.push(Problem::contradiction(&name, "names a place that is empty"));
            None
        }
        Ok(text) => Some(text.trim().to_owned()),
        Err(what) => {
            problems.push(Problem::contradiction(&name, &what));
            None
        }
    }
}

/// A file that is not larger than this.
pub(in crate::config) fn read_bounded(path: &Path, bytes_max: u64) -> io::Result<String> {
    let mut text = String::new();
    let read = File::open(path)?
        .take(bytes_max + 1)
        .read_to_string(&mut text)?;
    if u64::try_from(read).is_ok_and(|read| read <= bytes_max) {
        Ok(text)
    } else {
        Err(io::Error::other("it is too large for what it is to hold"))
    }
}

/// The secrets that a text holds; none where it holds anything else.
pub(super) fn signing_secrets(text: &str) -> Vec<SharedSecret> {
    let secret = |word: &str| {
        let bytes = STANDARD.decode(word.strip_prefix("whsec_")?).ok()?;
        (24..=64)
            .contains(&bytes.len())
            .then(|| SharedSecret::new(bytes))
    };
    let secrets: Option<Vec<_>> = text.split_whitespace().map(secret).collect();
    secrets
        .filter(|secrets| secrets.len() <= 5)
        .unwrap_or_default()
}
