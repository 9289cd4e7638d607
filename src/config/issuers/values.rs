//! The types that only the settings of issuers have. Each is made only by reading a value, or is a default.

use sessionwire_guard::ForeignAlgorithm;

use crate::config::given::Given;
use crate::config::setting::Kind;
use crate::config::types::choice;
use crate::config::value::{Refusal, Value, joined};
use crate::domain::issuer::Preset;

/// The longest list.
const LIST_MAX: usize = 20;

/// Texts that something may be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Texts(pub Vec<String>);

/// Claims and the values that they must have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirements(pub Vec<(String, String)>);

/// What tokens may be signed with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Algorithms(pub Vec<ForeignAlgorithm>);

choice! {
    /// Who decides which groups people are in.
    GroupsFrom {
        /// Administrators here.
        Here = "here",
        /// The issuer, by its tokens.
        Claims = "claims",
    }
}

choice! {
    /// What an issuer's tokens are good for.
    Usage {
        /// To be exchanged for a session.
        Exchange = "exchange",
        /// Besides, for whatever a token of this server is good for.
        Attach = "attach",
    }
}

choice! {
    /// What becomes of people who are not known yet.
    Strangers {
        /// They are refused until an administrator links them to a user.
        Refuse = "refuse",
        /// They become users.
        Create = "create",
    }
}

impl Value for Preset {
    fn read(given: &Given, _: &Kind) -> Result<Self, Refusal> {
        let text = given.text().ok_or(Refusal::Kind)?;
        let found = Self::ALL.into_iter().find(|preset| preset.as_str() == text);
        found.ok_or(Refusal::Kind)
    }

    fn show(&self, _: &Kind) -> String {
        self.as_str().to_owned()
    }
}

/// The members of a list, none of them empty or too long.
fn members(given: &Given) -> Result<Vec<&str>, Refusal> {
    let members = given.list().ok_or(Refusal::Kind)?;
    let fits = |member: &&str| (1..=255).contains(&member.len());
    if (1..=LIST_MAX).contains(&members.len()) && members.iter().all(fits) {
        Ok(members)
    } else {
        Err(Refusal::Kind)
    }
}

impl Texts {
    pub(super) const FORM: &'static str = "a list of 1 to 20 texts";
}

impl Value for Texts {
    fn read(given: &Given, _: &Kind) -> Result<Self, Refusal> {
        let members = members(given)?;
        Ok(Self(members.into_iter().map(str::to_owned).collect()))
    }

    fn show(&self, _: &Kind) -> String {
        joined(&self.0)
    }
}

impl Requirements {
    pub(super) const FORM: &'static str = "a list of 1 to 20 texts such as token_use=access";

    pub(super) fn of(texts: &[&str]) -> Self {
        let pairs = texts.iter().filter_map(|text| pair(text));
        Self(pairs.collect())
    }
}

/// A claim and its value; claims may look like addresses with a query.
fn pair(text: &str) -> Option<(String, String)> {
    let (claim, value) = text.rsplit_once('=')?;
    let has_both = !claim.is_empty() && !value.is_empty();
    has_both.then(|| (claim.to_owned(), value.to_owned()))
}

impl Value for Requirements {
    fn read(given: &Given, _: &Kind) -> Result<Self, Refusal> {
        let pairs: Option<Vec<_>> = members(given)?.into_iter().map(pair).collect();
        pairs.map(Self).ok_or(Refusal::Kind)
    }

    fn show(&self, _: &Kind) -> String {
        let pairs = self
            .0
            .iter()
            .map(|(claim, value)| format!("{claim}={value}"));
        joined(&pairs.collect::<Vec<_>>())
    }
}

impl Algorithms {
    pub(super) const FORM: &'static str = "a list of RS256, ES256, EdDSA and HS256";

    pub(super) fn of(published: &[ForeignAlgorithm], has_secret: bool) -> Self {
        let shared = has_secret.then_some(ForeignAlgorithm::HS256);
        Self(published.iter().copied().chain(shared).collect())
    }
}

impl Value for Algorithms {
    fn read(given: &Given, _: &Kind) -> Result<Self, Refusal> {
        let algorithm = |name: &str| {
            let mut all = ForeignAlgorithm::ALL.into_iter();
            all.find(|algorithm| algorithm.as_str() == name)
        };
        let found: Option<Vec<_>> = members(given)?.into_iter().map(algorithm).collect();
        found.map(Self).ok_or(Refusal::Kind)
    }

    fn show(&self, _: &Kind) -> String {
        joined(&self.0.iter().map(|it| it.as_str()).collect::<Vec<_>>())
    }
}
