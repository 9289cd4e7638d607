//! `[[sinks]]`: a list of tables in the file, or the same list as TOML in the variable. Each table is read
//! by what every sink has, and by what its kind has. It may not know how sinks work.

pub(super) mod secrets;
mod tables;
#[cfg(test)]
mod tests;
pub(super) mod values;

use std::collections::BTreeSet;

use super::Row;
use super::error::Problem;
use super::given::{Given, Place};
use super::setting::{Kind, Setting};
use super::source::{Collected, Variables, file_values};
use super::value::{Refusal, Value};
use crate::domain::secret::{Password, SharedSecret};

pub use tables::{KafkaSink, LogoutSink, NatsSink, RedisSink, SinkBasics, WebhookSink};
pub use values::{Addresses, Brokers, EventPatterns, SinkName, SinkStart, SinkUrl, VariableName};

use secrets::{secret, signing_secrets};
use tables::{BASICS, KAFKA, LOGOUT, NATS, REDIS, WEBHOOK};

/// The name of the setting.
const SINKS: &str = "sinks";
/// The kinds there are.
const KINDS: &[&str] = &["redis", "nats", "kafka", "webhook", "logout"];
/// The most sinks.
const SINKS_MAX: usize = 50;
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
    /// A stream of NATS JetStream, and the password where it is not in the address.
    Nats(NatsSink, Option<Password>),
    /// A topic of Kafka.
    Kafka(KafkaSink),
    /// A receiver of POSTs, and what they are signed with.
    Webhook(WebhookSink, Vec<SharedSecret>),
    /// A client that wants to know when sessions are over.
    Logout(LogoutSink),
}

impl SinkTarget {
    fn kind(&self) -> &'static str {
        match self {
            Self::Redis(..) => "redis",
            Self::Nats(..) => "nats",
            Self::Kafka(_) => "kafka",
            Self::Webhook(..) => "webhook",
            Self::Logout(_) => "logout",
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
            SinkTarget::Nats(nats, _) => nats.rows(),
            SinkTarget::Kafka(kafka) => kafka.rows(),
            SinkTarget::Webhook(webhook, _) => webhook.rows(),
            SinkTarget::Logout(logout) => logout.rows(),
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
    let Some(tables) = given.get(SINKS).and_then(|it| tables_of(SINKS, it)) else {
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
pub(super) fn tables_of(list: &str, given: &Given) -> Option<Vec<Collected>> {
    match (given.place, given.text()) {
        (Place::Environment, Some(text)) => {
            let mut values = file_values(&format!("{list} = {text}")).ok()?;
            values.remove(list)?.tables().map(<[_]>::to_vec)
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
    let (mut basics, found) = SinkBasics::read(table);
    problems.extend(found);
    if basics.name.as_str().is_empty() && problems.is_empty() {
        problems.extend(BASICS.first().map(missing));
    }
    let (target, settings) = match given.text() {
        Some("nats") => nats(table, variables, problems),
        Some("kafka") => kafka(table, problems),
        Some("webhook") => webhook(table, variables, problems),
        Some("logout") => logout(table, &mut basics, problems),
        _ => redis(table, variables, problems),
    };
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

fn nats(table: &mut Collected, variables: &Variables, problems: &mut Vec<Problem>) -> OfKind {
    let (nats, found) = NatsSink::read(table);
    problems.extend(found);
    let (file, variable) = (nats.password_file.as_deref(), nats.password_env.as_ref());
    let password = secret("password", file, variable, variables, problems);
    (SinkTarget::Nats(nats, password.map(Password::new)), NATS)
}

fn kafka(table: &mut Collected, problems: &mut Vec<Problem>) -> OfKind {
    let (kafka, found) = KafkaSink::read(table);
    problems.extend(found);
    (SinkTarget::Kafka(kafka), KAFKA)
}

fn webhook(table: &mut Collected, variables: &Variables, problems: &mut Vec<Problem>) -> OfKind {
    let before = problems.len();
    let (webhook, found) = WebhookSink::read(table);
    problems.extend(found);
    let (file, variable) = (webhook.secret_file.as_deref(), webhook.secret_env.as_ref());
    let secret = secret("secret", file, variable, variables, problems);
    let name = if file.is_some() {
        "secret_file"
    } else {
        "secret_env"
    };
    let secrets = secret
        .map(|text| signing_secrets(&text))
        .unwrap_or_default();
    if problems.len() == before {
        if webhook.url.is_none() {
            problems.extend(WEBHOOK.first().map(missing));
        }
        if secrets.is_empty() {
            let what = "must lead to a secret: whsec_ and 24 to 64 bytes in base64; up to 5 of them, \
                        separated by spaces or lines";
            problems.push(Problem::contradiction(name, what));
        }
    }
    (SinkTarget::Webhook(webhook, secrets), WEBHOOK)
}

fn logout(table: &mut Collected, basics: &mut SinkBasics, problems: &mut Vec<Problem>) -> OfKind {
    let before = problems.len();
    let (logout, found) = LogoutSink::read(table);
    problems.extend(found);
    if !basics.events.0.is_empty() {
        let what = "is not for this kind, which is told of ended sessions and nothing else";
        problems.push(Problem::contradiction("events", what));
    }
    basics.events = EventPatterns(vec!["session.ended".to_owned()]);
    if problems.len() == before {
        let is_missing = [logout.url.is_none(), logout.audience.is_none()];
        let needed = LOGOUT.iter().zip(is_missing).filter(|(_, is)| *is);
        problems.extend(needed.map(|(setting, _)| missing(setting)));
    }
    (SinkTarget::Logout(logout), LOGOUT)
}

pub(super) fn missing(setting: &Setting) -> Problem {
    Problem::contradiction(setting.name, &format!("is missing: {}", setting.kind))
}
