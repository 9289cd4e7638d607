//! `[[issuers]]`: a list of tables in the file, or the same list as TOML in the variable. It may not know how
//! tokens are checked.

mod tables;
#[cfg(test)]
mod tests;
mod values;

use std::collections::BTreeSet;
use std::path::Path;

use sessionwire_guard::foreign::SECRET_BYTES_MIN;
use sessionwire_guard::{ForeignAlgorithm, ForeignKeys};

use super::Row;
use super::error::Problem;
use super::given::Given;
use super::setting::Kind;
use super::sinks::secrets::{read_bounded, secret};
use super::sinks::values::Addresses;
use super::sinks::{missing, tables_of};
use super::source::{Collected, Variables};
use super::value::{Refusal, Value};
use crate::domain::secret::SharedSecret;

pub use tables::IssuerSettings;
pub use values::{GroupsFrom, Strangers, Usage};

use tables::ISSUER;

/// The name of the setting.
const ISSUERS: &str = "issuers";
/// The most issuers.
const ISSUERS_MAX: usize = 50;
/// The largest file that holds keys.
const JWKS_BYTES_MAX: u64 = 256 * 1024;

/// An issuer, as it was configured, with what its preset says.
#[derive(Clone, Debug, PartialEq)]
pub struct ForeignIssuer {
    /// The settings in force.
    pub settings: IssuerSettings,
    /// The secret that it signs with.
    pub secret: Option<SharedSecret>,
    /// Its keys, where they are in a file.
    pub jwks: Option<serde_json::Value>,
}

impl ForeignIssuer {
    /// Its settings with the values in force and the defaults, for people to read.
    pub fn rows(&self) -> Vec<Row> {
        let within = format!("{ISSUERS}.{}", self.settings.name.as_str());
        let rows = self.settings.rows().into_iter();
        rows.map(|row| Row {
            name: format!("{within}.{}", row.name),
            ..row
        })
        .collect()
    }
}

impl Value for Vec<ForeignIssuer> {
    /// A table can be wrong in many ways at once: [`take`] tells them all.
    fn read(_: &Given, _: &Kind) -> Result<Self, Refusal> {
        Err(Refusal::Kind)
    }

    fn show(&self, _: &Kind) -> String {
        let names = self.iter().map(|issuer| issuer.settings.name.as_str());
        names.collect::<Vec<_>>().join(",")
    }
}

/// Takes the issuers out of what was given; where they are no list of tables, they stay to be refused.
pub(super) fn take(
    given: &mut Collected,
    variables: &Variables,
) -> (Vec<ForeignIssuer>, Vec<Problem>) {
    let mut problems = Vec::new();
    let Some(tables) = given.get(ISSUERS).and_then(|it| tables_of(ISSUERS, it)) else {
        return (Vec::new(), problems);
    };
    given.remove(ISSUERS);
    if tables.len() > ISSUERS_MAX {
        let what = format!("has {} members, more than {ISSUERS_MAX}", tables.len());
        problems.push(Problem::contradiction(ISSUERS, &what));
        return (Vec::new(), problems);
    }
    let mut issuers = Vec::with_capacity(tables.len());
    let mut taken = BTreeSet::new();
    for (index, mut table) in tables.into_iter().enumerate() {
        let within = match table.get("name").and_then(Given::text) {
            Some(name) if !name.is_empty() => format!("{ISSUERS}.{name}"),
            _ => format!("{ISSUERS}[{index}]"),
        };
        let mut found = Vec::new();
        let issuer = read(&mut table, variables, &mut found);
        let settings = &issuer.settings;
        let name = Some(("name", settings.name.as_str().to_owned()));
        let iss = settings.issuer.clone().map(|iss| ("issuer", iss));
        for (setting, value) in name.into_iter().chain(iss) {
            if !taken.insert((setting, value)) {
                let what = "is that of two issuers, so nobody could say which is meant";
                found.push(Problem::contradiction(setting, what));
            }
        }
        issuers.push(issuer);
        problems.extend(found.into_iter().map(|problem| problem.within(&within)));
    }
    (issuers, problems)
}

/// Reads one table; what is wrong with it goes to `problems`.
fn read(
    table: &mut Collected,
    variables: &Variables,
    problems: &mut Vec<Problem>,
) -> ForeignIssuer {
    let (mut settings, found) = IssuerSettings::read(table);
    problems.extend(found);
    let known = || ISSUER.iter().map(|setting| setting.name);
    let unknown = table.iter();
    problems.extend(unknown.map(|(name, given)| Problem::unknown_among(known(), name, given)));
    let (file, variable) = (
        settings.secret_file.as_deref(),
        settings.secret_env.as_ref(),
    );
    let secret = secret("secret", file, variable, variables, problems);
    let secret = secret.map(|text| SharedSecret::new(text.into_bytes()));
    let writes_algorithms = settings.algorithms.is_some();
    settings.complete(secret.is_some());
    let jwks = settings
        .jwks_file
        .as_deref()
        .and_then(|file| key_set(file, &settings, problems));
    let issuer = ForeignIssuer {
        settings,
        secret,
        jwks,
    };
    if problems.is_empty() {
        check(&issuer, writes_algorithms, problems);
    }
    issuer
}

/// The keys in a file.
fn key_set(
    file: &Path,
    settings: &IssuerSettings,
    problems: &mut Vec<Problem>,
) -> Option<serde_json::Value> {
    let read = read_bounded(file, JWKS_BYTES_MAX)
        .map_err(|error| format!("names a file that can't be used: {error}"));
    let allowed = settings.algorithms.as_ref().map(|it| it.0.as_slice());
    let found = read.and_then(|text| {
        let no_set = || "names a file that holds no key set".to_owned();
        let jwks: serde_json::Value = serde_json::from_str(&text).map_err(|_| no_set())?;
        let keys = ForeignKeys::new(Some(&jwks), None, allowed.unwrap_or_default());
        match keys {
            Ok(keys) if !keys.is_empty() => Ok(jwks),
            Ok(_) => Err("names a file that holds no key of the algorithms".to_owned()),
            Err(_) => Err(no_set()),
        }
    });
    match found {
        Ok(jwks) => Some(jwks),
        Err(what) => {
            problems.push(Problem::contradiction("jwks_file", &what));
            None
        }
    }
}

/// What two settings, each fine by itself, may not say together.
fn check(issuer: &ForeignIssuer, writes_algorithms: bool, problems: &mut Vec<Problem>) {
    let settings = &issuer.settings;
    let mut wrong = |setting: &str, what: &str| {
        problems.push(Problem::contradiction(setting, what));
    };
    if settings.name.as_str().is_empty() {
        wrong("name", "is missing");
    }
    let Some(iss) = &settings.issuer else {
        problems.extend(ISSUER.get(2).map(missing));
        return;
    };
    if settings.audiences.0.is_empty() {
        let what = "is missing: without it tokens for anybody would be taken";
        wrong("audiences", what);
    }
    if settings.groups == GroupsFrom::Claims && settings.groups_claim.is_none() {
        wrong(
            "groups_claim",
            "is missing: with this preset its name is yours to choose",
        );
    }
    let allows_secret = settings
        .algorithms
        .as_ref()
        .is_some_and(|it| it.0.contains(&ForeignAlgorithm::HS256));
    match &issuer.secret {
        Some(secret) if secret.expose().len() < SECRET_BYTES_MIN => {
            wrong("secret", "is shorter than 32 bytes");
        }
        Some(_) if !allows_secret => wrong("algorithms", "leave out HS256, but there is a secret"),
        None if writes_algorithms && allows_secret => {
            wrong("algorithms", "have HS256, but there is no secret");
        }
        _ => {}
    }
    let published = match (&settings.jwks_url, &settings.jwks_file) {
        (Some(_), Some(_)) => {
            wrong(
                "jwks_file",
                "and `jwks_url` are both set, but keys are in one place",
            );
            return;
        }
        (None, Some(_)) => return,
        (None, None) if issuer.secret.is_some() => return,
        (Some(url), None) => ("jwks_url", url.expose()),
        (None, None) => ("issuer", iss.as_str()),
    };
    let (setting, address) = published;
    let allows_plain = settings.addresses == Addresses::Any && address.starts_with("http://");
    if !address.starts_with("https://") && !allows_plain {
        wrong(
            setting,
            "is no https address to fetch keys from; http is for `addresses = \"any\"`, and for other \
             issuers there are `jwks_url`, `jwks_file` and `secret_file`",
        );
    }
}
