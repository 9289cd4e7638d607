//! Where the master key comes from, as it is configured.

use super::given::Given;
use super::setting::Kind;
use super::value::{Refusal, Value, joined};

/// A program and its arguments; no shell reads them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MasterKeyCommand(Vec<String>);

impl MasterKeyCommand {
    pub(super) const fn none() -> Self {
        Self(Vec::new())
    }

    /// The program and its arguments; `None` where there is no command.
    pub fn parts(&self) -> Option<(&str, &[String])> {
        let (program, arguments) = self.0.split_first()?;
        Some((program, arguments))
    }
}

impl Value for MasterKeyCommand {
    fn read(given: &Given, _: &Kind) -> Result<Self, Refusal> {
        let members = given.list().ok_or(Refusal::Kind)?;
        let is_fine = |part: &&str| !part.contains('\0');
        let starts = members.first().is_none_or(|program| !program.is_empty());
        if starts && members.iter().all(is_fine) {
            Ok(Self(members.into_iter().map(str::to_owned).collect()))
        } else {
            Err(Refusal::Kind)
        }
    }

    fn show(&self, _: &Kind) -> String {
        joined(&self.0)
    }
}
