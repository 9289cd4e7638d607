//! What a setting is: its type, default, unit, bounds and line of explanation, each said once.
//!
//! A table of settings becomes a struct, its default, its reading and what `config check` prints, so a
//! setting cannot be in one of them and missing from another.

use std::fmt;

use super::error::Problem;
use super::source::Collected;
use super::value::{Refusal, Value};

/// A setting, as the table describes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Its key in the file; in capitals and with a prefix, its variable.
    pub name: &'static str,
    /// What values it takes.
    pub kind: Kind,
    /// What it does, in one line.
    pub doc: &'static str,
}

/// What values a setting takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A whole number within bounds, which are themselves allowed.
    Number {
        /// The lowest value.
        min: u64,
        /// The highest value.
        max: u64,
        /// What it counts.
        unit: Unit,
    },
    /// One of these words.
    Word(&'static [&'static str]),
    /// A text of this form.
    Form(&'static str),
    /// An address with one of these schemes.
    Address(&'static [&'static str]),
}

/// What a number counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Days of 24 hours.
    Days,
    /// Seconds.
    Seconds,
    /// Thousandths of a second.
    Milliseconds,
    /// Bytes.
    Bytes,
    /// Kibibytes.
    Kibibytes,
    /// Open sockets.
    Connections,
    /// Events of the log.
    Events,
    /// Things done at once, or one after the other.
    Times,
}

/// Makes the struct, its default, its reader and its printer from one list.
macro_rules! settings {
    (
        $(#[doc = $about:literal])+
        $config:ident, $public:vis $settings:ident;
        $( $(#[doc = $doc:literal])+ $name:literal => $field:ident: $type:ty = $default:expr, $kind:expr; )*
    ) => {
        $(#[doc = $about])+
        #[derive(Clone, Debug, PartialEq)]
        pub struct $config { $( $(#[doc = $doc])+ pub $field: $type, )* }

        /// Every setting there is, in the order of the table.
        $public const $settings: &[$crate::config::Setting] = &[
            $( $crate::config::Setting {
                name: $name,
                kind: $kind,
                doc: concat!($($doc),+).trim_ascii(),
            } ),*
        ];

        impl Default for $config {
            fn default() -> Self {
                Self { $( $field: $default ),* }
            }
        }

        impl $config {
            /// Takes out of `given` what the table knows; what is left in it is unknown.
            pub(super) fn read(
                given: &mut $crate::config::source::Collected,
            ) -> (Self, Vec<$crate::config::Problem>) {
                let mut config = Self::default();
                let mut problems = Vec::new();
                let mut settings = $settings.iter();
                $(
                    let setting = settings.next();
                    $crate::config::setting::take(
                        given, setting, &mut config.$field, &mut problems,
                    );
                )*
                (config, problems)
            }

            /// The settings with the values in force and the defaults, for people to read.
            pub fn rows(&self) -> Vec<$crate::config::Row> {
                use $crate::config::value::Value as _;
                let default = Self::default();
                let rows = [$( (self.$field.show(&$kind), default.$field.show(&$kind)) ),*];
                $settings
                    .iter()
                    .zip(rows)
                    .map(|(setting, (value, default))| {
                        let name = setting.name.to_owned();
                        $crate::config::Row { name, setting, value, default }
                    })
                    .collect()
            }
        }
    };
}
pub(super) use settings;

pub(super) const fn seconds(min: u64, max: u64) -> Kind {
    Kind::Number {
        min,
        max,
        unit: Unit::Seconds,
    }
}

pub(super) const fn bytes(min: u64, max: u64) -> Kind {
    Kind::Number {
        min,
        max,
        unit: Unit::Bytes,
    }
}

pub(super) const fn connections(max: u64) -> Kind {
    Kind::Number {
        min: 1,
        max,
        unit: Unit::Connections,
    }
}

pub(super) const fn times(min: u64, max: u64) -> Kind {
    Kind::Number {
        min,
        max,
        unit: Unit::Times,
    }
}

/// Reads one setting, if it was given, over its default.
pub(super) fn take<T: Value>(
    given: &mut Collected,
    setting: Option<&'static Setting>,
    field: &mut T,
    problems: &mut Vec<Problem>,
) {
    let Some(setting) = setting else { return };
    let Some(written) = given.remove(setting.name) else {
        return;
    };
    match T::read(&written, &setting.kind) {
        Ok(value) => *field = value,
        Err(Refusal::Kind) => problems.push(Problem::refused(setting, &written, None)),
        Err(Refusal::Because(why)) => problems.push(Problem::refused(setting, &written, Some(why))),
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number {
                min,
                max,
                unit: Unit::Times,
            } => {
                write!(f, "a whole number from {min} to {max}")
            }
            Self::Number { min, max, unit } => {
                write!(f, "a whole number of {unit} from {min} to {max}")
            }
            Self::Word([words @ .., last]) if !words.is_empty() => {
                write!(f, "{} or {last}", words.join(", "))
            }
            Self::Word(words) => f.write_str(&words.join(", ")),
            Self::Form(form) => f.write_str(form),
            Self::Address(schemes) => {
                write!(
                    f,
                    "an address that begins with {}://",
                    schemes.join(":// or ")
                )
            }
        }
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Days => "days",
            Self::Seconds => "seconds",
            Self::Milliseconds => "milliseconds",
            Self::Bytes => "bytes",
            Self::Kibibytes => "KiB",
            Self::Connections => "connections",
            Self::Events => "events",
            Self::Times => "times",
        })
    }
}
