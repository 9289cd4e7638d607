//! A key set as it is published (RFC 7517): read with suspicion. It may not know where it comes from.
//!
//! A key that can't be used is left out, so that a new kind of key takes nobody's tokens away; two keys of
//! one `kid` are both left out, since nobody can say which is meant.

use serde::Deserialize;
use serde_json::Value;

use crate::keys::{Algorithm, KeyError, KeySet, VerificationKey};

/// Keys of one set. A set of more is none.
pub const KEYS_MAX: usize = 100;

#[derive(Deserialize)]
struct Jwks {
    keys: Vec<Value>,
}

impl KeySet {
    /// The keys of a published set, for tokens of this issuer, meant for this audience.
    ///
    /// # Errors
    /// [`KeyError::Unreadable`] where it is no key set, or has more than [`KEYS_MAX`] keys.
    pub fn from_jwks(
        issuer: impl Into<String>,
        audience: impl Into<String>,
        jwks: &Value,
    ) -> Result<Self, KeyError> {
        let mut set = Self::new(issuer, audience);
        for (kid, key) in usable_keys(jwks)? {
            set.insert(kid, key)?;
        }
        Ok(set)
    }
}

/// The keys of a published set that can be used, with their names.
pub(crate) fn usable_keys(jwks: &Value) -> Result<Vec<(String, VerificationKey)>, KeyError> {
    let Jwks { keys } = Jwks::deserialize(jwks).map_err(|_| KeyError::Unreadable)?;
    if keys.len() > KEYS_MAX {
        return Err(KeyError::Unreadable);
    }
    let kids: Vec<&str> = keys.iter().map(|key| text(key, "kid")).collect();
    let named = keys.iter().zip(&kids).filter(|(_, kid)| {
        let is_alone = kids.iter().filter(|other| other == kid).count() == 1;
        !kid.is_empty() && is_alone
    });
    let usable = named.filter_map(|(key, kid)| Some(((*kid).to_owned(), read(key).ok()?)));
    Ok(usable.collect())
}

fn read(jwk: &Value) -> Result<VerificationKey, KeyError> {
    if !matches!(text(jwk, "use"), "" | "sig") {
        return Err(KeyError::UnknownAlgorithm);
    }
    let algorithm = match (text(jwk, "alg"), text(jwk, "kty"), text(jwk, "crv")) {
        ("" | "ES256", "EC", "P-256") => Algorithm::ES256,
        ("" | "EdDSA", "OKP", "Ed25519") => Algorithm::EdDSA,
        ("" | "RS256", "RSA", _) => Algorithm::RS256,
        _ => return Err(KeyError::UnknownAlgorithm),
    };
    VerificationKey::from_jwk(algorithm, jwk)
}

fn text<'a>(jwk: &'a Value, member: &str) -> &'a str {
    jwk.get(member).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_no_key_set_is_refused() {
        let many = json!({ "keys": vec![json!({}); KEYS_MAX + 1] });
        for wrong in [json!({}), json!([]), json!({ "keys": {} }), many] {
            assert!(KeySet::from_jwks("i", "a", &wrong).is_err(), "{wrong}");
        }
        assert!(KeySet::from_jwks("i", "a", &json!({ "keys": [] })).is_ok());
    }
}
