//! A value as it was written, before a setting has made sense of it.
//!
//! A file has numbers and lists of its own; a variable is text, and is read more generously.

use std::fmt;

use ::config::{Value, ValueKind};

use super::source::Collected;

/// Where a value was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// In the TOML file.
    File,
    /// In a variable.
    Environment,
}

/// The value itself.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Written {
    /// A whole number of the file.
    Number(i64),
    /// A text.
    Text(String),
    /// A list of texts.
    List(Vec<String>),
    /// A list of tables.
    Tables(Vec<Collected>),
    /// Something that no setting takes, as it is shown.
    Other(String),
}

/// A value and where it was written.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Given {
    /// Where.
    pub(super) place: Place,
    /// What.
    pub(super) written: Written,
}

impl Given {
    /// A value of the file.
    pub(super) fn in_file(value: &Value) -> Self {
        Self {
            place: Place::File,
            written: Written::of(value),
        }
    }

    /// A value of the environment.
    pub(super) fn in_environment(text: &str) -> Self {
        Self {
            place: Place::Environment,
            written: Written::Text(text.trim().to_owned()),
        }
    }

    /// The value as a number that is not negative.
    pub(super) fn number(&self) -> Option<u64> {
        match (&self.written, self.place) {
            (Written::Number(number), _) => u64::try_from(*number).ok(),
            (Written::Text(text), Place::Environment) => text.parse().ok(),
            _ => None,
        }
    }

    /// The value as a text.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.written {
            Written::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The value as a list of tables.
    pub(super) fn tables(&self) -> Option<&[Collected]> {
        match &self.written {
            Written::Tables(tables) => Some(tables),
            Written::List(list) if list.is_empty() => Some(&[]),
            _ => None,
        }
    }

    /// The value as a list; a variable's members are separated by commas.
    pub(super) fn list(&self) -> Option<Vec<&str>> {
        match (&self.written, self.place) {
            (Written::List(list), _) => Some(list.iter().map(String::as_str).collect()),
            (Written::Text(text), Place::Environment) => Some(
                text.split(',')
                    .map(str::trim)
                    .filter(|it| !it.is_empty())
                    .collect(),
            ),
            _ => None,
        }
    }
}

impl Written {
    fn of(value: &Value) -> Self {
        match &value.kind {
            ValueKind::I64(number) => Self::Number(*number),
            ValueKind::String(text) => Self::Text(text.clone()),
            ValueKind::Array(members) => Self::list(members),
            ValueKind::Boolean(truth) => Self::Other(truth.to_string()),
            ValueKind::Float(number) => Self::Other(number.to_string()),
            ValueKind::Table(_) => Self::Other("a table".into()),
            _ => Self::Other("nothing that a setting takes".into()),
        }
    }

    fn list(members: &[Value]) -> Self {
        let text = |member: &Value| match &member.kind {
            ValueKind::String(text) => Some(text.clone()),
            _ => None,
        };
        let table = |member: &Value| match &member.kind {
            ValueKind::Table(table) => {
                let values = table.iter();
                Some(
                    values
                        .map(|(name, value)| (name.clone(), Given::in_file(value)))
                        .collect(),
                )
            }
            _ => None,
        };
        let texts: Option<Vec<String>> = members.iter().map(text).collect();
        if let Some(texts) = texts {
            return Self::List(texts);
        }
        let tables: Option<Vec<Collected>> = members.iter().map(table).collect();
        tables.map_or_else(
            || Self::Other("a list of other things than text".into()),
            Self::Tables,
        )
    }
}

impl fmt::Display for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.written {
            Written::Number(number) => write!(f, "{number}"),
            Written::Text(text) => write!(f, "{text:?}"),
            Written::List(list) => write!(f, "{list:?}"),
            Written::Tables(_) => f.write_str("a list of tables"),
            Written::Other(shown) => f.write_str(shown),
        }
    }
}
