//! `[[sinks]]`: a list of tables in the file, or the same list as TOML in the variable. Each table is read
//! by what every sink has, and by what its kind has. It may not know how sinks work.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use super::Row;
use super::error::Problem;
use super::given::{Given, Place};
use super::setting::{Kind, Setting};
use super::sink_tables::{BASICS, REDIS, RedisSink, SinkBasics};
use super::sink_values::VariableName;
use super::source::{Collected, Variables, file_values};
use super::value::{Refusal, Value};
use crate::domain::secret::Password;

/// The name of the setting.
const SINKS: &str = "sinks";
/// The kinds there are.
const KINDS: &[&str] = &["redis"];
/// The most sinks.
const SINKS_MAX: usize = 50;
/// The largest file that holds a secret.
const SECRET_BYTES_MAX: u64 = 16 * 1024;

const KIND: &Setting = &Setting {
    name: "kind",
    kind: Kind::Word(KINDS),
    doc: "What it writes to.",
};

/// A sink, as it was configured.
#[derive(Clone, Debug, PartialEq)]
pub struct Sink {
    /// What every sink has.
    pub basics: SinkBasics,
    /// What its kind has.
    pub target: SinkTarget,
}

/// Where a sink writes to.
#[derive(Clone, Debug, PartialEq)]
pub enum SinkTarget {
    /// Redis, and the password where it is not in the address.
    Redis(RedisSink, Option<Password>),
}

impl SinkTarget {
    fn kind(&self) -> &'static str {
        match self {
            Self::Redis(..) => "redis",
        }
    }
}

impl Sink {
    /// Its settings with the values in force and the defaults, for people to read.
    pub fn rows(&self) -> Vec<Row> {
        let within = format!("{SINKS}.{}", self.basics.name.as_str());
        let kind = Row {
            name: KIND.name.to_owned(),
            setting: KIND,
            value: self.target.kind().to_owned(),
            default: String::new(),
        };
        let of_kind = match &self.target {
            SinkTarget::Redis(redis, _) => redis.rows(),
        };
        let rows = std::iter::once(kind)
            .chain(self.basics.rows())
            .chain(of_kind);
        rows.map(|row| Row {
            name: format!("{within}.{}", row.name),
            ..row
        })
        .collect()
    }
}

impl Value for Vec<Sink> {
    /// A table can be wrong in many ways at once: [`take`] tells them all.
    fn read(_: &Given, _: &Kind) -> Result<Self, Refusal> {
        Err(Refusal::Kind)
    }

    fn show(&self, _: &Kind) -> String {
        let names: Vec<_> = self.iter().map(|sink| sink.basics.name.as_str()).collect();
        names.join(",")
    }
}

/// Takes the sinks out of what was given; where they are no list of tables, they stay to be refused.
pub(super) fn take(given: &mut Collected, variables: &Variables) -> (Vec<Sink>, Vec<Problem>) {
    let mut problems = Vec::new();
    let Some(tables) = given.get(SINKS).and_then(tables_of) else {
        return (Vec::new(), problems);
    };
    given.remove(SINKS);
    if tables.len() > SINKS_MAX {
        let what = format!("has {} members, more than {SINKS_MAX}", tables.len());
        problems.push(Problem::contradiction(SINKS, &what));
        return (Vec::new(), problems);
    }
    let mut sinks: Vec<Sink> = Vec::with_capacity(tables.len());
    let mut names = BTreeSet::new();
    for (index, mut table) in tables.into_iter().enumerate() {
        let within = match table.get("name").and_then(Given::text) {
            Some(name) if !name.is_empty() => format!("{SINKS}.{name}"),
            _ => format!("{SINKS}[{index}]"),
        };
        let mut found = Vec::new();
        if let Some(sink) = read(&mut table, variables, &mut found) {
            if !names.insert(sink.basics.name.as_str().to_owned()) {
                let what = "is the name of two sinks, but each keeps its place under its own";
                found.push(Problem::contradiction("name", what));
            }
            sinks.push(sink);
        }
        problems.extend(found.into_iter().map(|problem| problem.within(&within)));
    }
    (sinks, problems)
}

/// The tables, from the file or from the variable's text.
fn tables_of(given: &Given) -> Option<Vec<Collected>> {
    match (given.place, given.text()) {
        (Place::Environment, Some(text)) => {
            let mut values = file_values(&format!("{SINKS} = {text}")).ok()?;
            values.remove(SINKS)?.tables().map(<[_]>::to_vec)
        }
        _ => given.tables().map(<[_]>::to_vec),
    }
}

/// Reads one table; what is wrong with it goes to `problems`.
fn read(table: &mut Collected, variables: &Variables, problems: &mut Vec<Problem>) -> Option<Sink> {
    let Some(given) = table.remove(KIND.name) else {
        problems.push(missing(KIND));
        return None;
    };
    if !given.text().is_some_and(|kind| KINDS.contains(&kind)) {
        problems.push(Problem::refused(KIND, &given, None));
        return None;
    }
    let (basics, found) = SinkBasics::read(table);
    problems.extend(found);
    if basics.name.as_str().is_empty() && problems.is_empty() {
        problems.extend(BASICS.first().map(missing));
    }
    let (target, settings) = redis(table, variables, problems);
    let known = || std::iter::once(KIND).chain(BASICS).chain(settings);
    problems.extend(table.iter().map(|(name, given)| {
        Problem::unknown_among(known().map(|setting| setting.name), name, given)
    }));
    Some(Sink { basics, target })
}

/// What a kind makes of a table, and the settings that it knows.
type OfKind = (SinkTarget, &'static [Setting]);

fn redis(table: &mut Collected, variables: &Variables, problems: &mut Vec<Problem>) -> OfKind {
    let (redis, found) = RedisSink::read(table);
    problems.extend(found);
    let (file, variable) = (redis.password_file.as_deref(), redis.password_env.as_ref());
    let password = secret("password", file, variable, variables, problems);
    (SinkTarget::Redis(redis, password.map(Password::new)), REDIS)
}

fn missing(setting: &Setting) -> Problem {
    Problem::contradiction(setting.name, &format!("is missing: {}", setting.kind))
}

/// A secret from its file or its variable; neither its text nor where it was looked for is told.
fn secret(
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
            let found = read_secret(file);
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

fn read_secret(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    let read = File::open(path)?
        .take(SECRET_BYTES_MAX + 1)
        .read_to_string(&mut text)?;
    if u64::try_from(read).is_ok_and(|read| read <= SECRET_BYTES_MAX) {
        Ok(text)
    } else {
        Err(io::Error::other("it is too large for a secret"))
    }
}

#[cfg(test)]
mod tests {
    use crate::config::{Config, ConfigError, SinkTarget};

    fn read(text: &str, variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let variables = variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Config::from_sources(Some(text), variables)
    }

    fn refusal(text: &str) -> String {
        read(text, &[]).unwrap_err().to_string()
    }

    const CACHE: &str = "[[sinks]]\nkind = 'redis'\nname = 'cache'\n";

    #[test]
    fn a_sink_has_a_kind_and_a_name_and_defaults() {
        let config = read(CACHE, &[]).unwrap();
        let [sink] = config.sinks.as_slice() else {
            panic!("{:?}", config.sinks)
        };
        assert_eq!(sink.basics.name.as_str(), "cache");
        let SinkTarget::Redis(redis, None) = &sink.target else {
            panic!("{:?}", sink.target)
        };
        assert_eq!(redis.url.expose(), "redis://127.0.0.1:6379");
        let rows: Vec<_> = sink
            .rows()
            .into_iter()
            .map(|row| (row.name, row.value))
            .collect();
        assert_eq!(rows[0], ("sinks.cache.kind".to_owned(), "redis".to_owned()));
        assert!(rows.contains(&("sinks.cache.timeout_s".to_owned(), "5".to_owned())));
        assert!(refusal("[[sinks]]\nname = 'cache'").contains("`sinks.cache.kind` is missing"));
        assert!(refusal("[[sinks]]\nkind = 'redis'").contains("`sinks[0].name` is missing"));
        assert!(refusal("[[sinks]]\nkind = 'carrier'\nname='a'").contains("`sinks.a.kind`"));
        assert!(refusal(&format!("{CACHE}{CACHE}")).contains("two sinks"));
        assert!(refusal("sinks = 'cache'").contains("a list of tables"));
    }

    #[test]
    fn the_variable_holds_the_same_list() {
        let list = "[{ kind = 'redis', name = 'a' }, { kind = 'redis', name = 'b' }]";
        let config = read(CACHE, &[("SESSIONWIRE_SINKS", list)]).unwrap();
        assert_eq!(config.sinks.len(), 2);
        assert!(read(CACHE, &[("SESSIONWIRE_SINKS", "cache")]).is_err());
        assert_eq!(
            read(CACHE, &[("SESSIONWIRE_SINKS", "[]")]).unwrap().sinks,
            []
        );
    }

    #[test]
    fn an_unknown_setting_of_a_sink_names_the_nearest() {
        let told = refusal(&format!("{CACHE}ulr = 'redis://a'\n"));
        assert!(
            told.contains("`sinks.cache.ulr`") && told.contains("`url`"),
            "{told}"
        );
        let told = refusal(&format!("{CACHE}timeout_s = 61\nretry_max_s = 'x'\n"));
        assert!(told.contains("from 1 to 60") && told.contains("`sinks.cache.retry_max_s`"));
    }

    #[test]
    fn events_are_types_that_there_are() {
        let config = read(&format!("{CACHE}events = ['session.ended', 'user.*']"), &[]).unwrap();
        assert_eq!(config.sinks[0].basics.events.0.len(), 2);
        for wrong in ["['session.end']", "['*']", "['sess*']", "'session.ended'"] {
            let told = refusal(&format!("{CACHE}events = {wrong}"));
            assert!(told.contains("`sinks.cache.events`"), "{told}");
        }
    }

    #[test]
    fn a_secret_comes_from_a_file_or_a_variable_and_is_not_shown() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        std::fs::write(&path, "hunter2\n").unwrap();
        let by_file = format!("{CACHE}password_file = '{}'\n", path.display());
        let by_variable = format!("{CACHE}password_env = 'REDIS_PASSWORD'\n");
        for (text, variables) in [
            (&by_file, vec![]),
            (&by_variable, vec![("REDIS_PASSWORD", "hunter2")]),
        ] {
            let config = read(text, &variables).unwrap();
            let SinkTarget::Redis(_, Some(password)) = &config.sinks[0].target else {
                panic!("{config:?}")
            };
            assert_eq!(password.expose(), "hunter2");
            let rows = config.sinks[0].rows();
            assert!(!format!("{config:?}{rows:?}").contains("hunter2"));
        }
        assert!(refusal(&by_variable).contains("a variable that is not set"));
        let nowhere = refusal(&format!("{CACHE}password_file = '/nowhere/hunter2'\n"));
        assert!(
            nowhere.contains("can't be used") && !nowhere.contains("hunter2"),
            "{nowhere}"
        );
        let misplaced = refusal(&format!("{CACHE}password_env = 'hunter-2!'\n"));
        assert!(!misplaced.contains("hunter"), "{misplaced}");
        assert!(refusal(&format!("{by_file}password_env = 'A'\n")).contains("both set"));
    }

    #[test]
    fn an_address_has_the_right_scheme_and_hides_its_password() {
        let told = refusal(&format!("{CACHE}url = 'http://app:hunter2@a'\n"));
        assert!(
            told.contains("redis:// or rediss://") && !told.contains("hunter2"),
            "{told}"
        );
        let config = read(&format!("{CACHE}url = 'rediss://:hunter2@a:1/2'\n"), &[]).unwrap();
        let shown = format!("{config:?}{:?}", config.sinks[0].rows());
        assert!(
            shown.contains("rediss://:***@a:1/2") && !shown.contains("hunter2"),
            "{shown}"
        );
    }
}
