//! What a token of a service says: a client that stands for an API key for a few minutes, and for no person
//! (RFC 9068, RFC 6749 section 4.4). It may not know how it is signed.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::access::Scope;
use super::id::{ApiKeyId, Seq};

/// Without `sid`, and with the server itself as its audience: services that verify tokens refuse it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceClaims {
    /// Who issued it, and whom it is meant for.
    pub iss: String,
    /// The same as `iss`.
    pub aud: String,
    /// The API key.
    pub sub: ApiKeyId,
    /// The API key.
    pub client_id: ApiKeyId,
    /// When it was issued; says nothing about whether it is good.
    pub iat: i64,
    /// When it stops being good, whatever else happens.
    pub exp: i64,
    /// This token's own id.
    pub jti: Uuid,
    /// Which of the key's scopes it has, with spaces between them.
    pub scope: String,
    /// How much of the log it has seen.
    pub as_of: Seq,
}

impl ServiceClaims {
    /// What it may do. Words that mean nothing here allow nothing.
    pub fn scopes(&self) -> Vec<Scope> {
        self.scope.split(' ').filter_map(Scope::named).collect()
    }
}

/// Scopes as OAuth writes them.
pub fn joined(scopes: &[Scope]) -> String {
    let names: Vec<_> = scopes.iter().map(|scope| scope.as_str()).collect();
    names.join(" ")
}

/// Those that are asked for, of those that there are; `None` where there is another among them, or none.
pub fn narrowed(asked: &str, held: &[Scope]) -> Option<Vec<Scope>> {
    let mut scopes = asked
        .split(' ')
        .filter(|word| !word.is_empty())
        .map(|word| Scope::named(word).filter(|scope| held.contains(scope)))
        .collect::<Option<Vec<_>>>()?;
    scopes.sort();
    scopes.dedup();
    (!scopes.is_empty()).then_some(scopes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_no_more_than_its_key() {
        let held = [Scope::Sessions, Scope::Verify];
        let asked = |text: &str| narrowed(text, &held).map(|scopes| joined(&scopes));
        assert_eq!(asked("verify"), Some("verify".to_owned()));
        assert_eq!(
            asked("verify  sessions verify"),
            Some("sessions verify".to_owned())
        );
        for refused in [
            "",
            " ",
            "admin",
            "verify admin",
            "Verify",
            "verify,sessions",
        ] {
            assert_eq!(asked(refused), None, "{refused}");
        }
    }
}
