//! Is a token genuine: signature, type, issuer, audience, expiry, by the rules of RFC 8725.
//!
//! The algorithm comes from the key and never from the header. Headers that bring their own key or
//! ask for extensions are refused, not ignored. It may not know whether the session has ended: that
//! is [`crate::revocation`].

use std::collections::HashMap;
use std::sync::Arc;

use jsonwebtoken::dangerous::insecure_decode_claims;
use jsonwebtoken::{DecodingKey, Validation, decode, decode_header};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};

use crate::claims::Claims;

/// The longest token that is looked at, in bytes. A token with two hundred groups fits.
pub const TOKEN_BYTES_MAX: usize = 16 * 1024;

/// The `typ` of an access token (RFC 9068 section 2.1).
pub const ACCESS_TOKEN_TYP: &str = "at+jwt";

/// The signature algorithms that a key may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Algorithm {
    /// ECDSA over P-256 with SHA-256.
    ES256,
    /// Ed25519.
    #[serde(rename = "EdDSA")]
    EdDSA,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    RS256,
}

impl Algorithm {
    /// The name in a JOSE header.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ES256 => "ES256",
            Self::EdDSA => "EdDSA",
            Self::RS256 => "RS256",
        }
    }

    /// The same algorithm in the words of the JOSE library.
    pub fn jose(self) -> jsonwebtoken::Algorithm {
        match self {
            Self::ES256 => jsonwebtoken::Algorithm::ES256,
            Self::EdDSA => jsonwebtoken::Algorithm::EdDSA,
            Self::RS256 => jsonwebtoken::Algorithm::RS256,
        }
    }
}

impl std::str::FromStr for Algorithm {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "ES256" => Ok(Self::ES256),
            "EdDSA" => Ok(Self::EdDSA),
            "RS256" => Ok(Self::RS256),
            _ => Err(KeyError::UnknownAlgorithm),
        }
    }
}

/// A public key and the one algorithm it may be used with.
#[derive(Clone)]
pub struct VerificationKey {
    algorithm: Algorithm,
    key: DecodingKey,
}

impl VerificationKey {
    /// Reads a public JWK (RFC 7517). RSA keys below 2048 bits are refused.
    pub fn from_jwk(algorithm: Algorithm, jwk: &serde_json::Value) -> Result<Self, KeyError> {
        if algorithm == Algorithm::RS256 {
            let modulus = jwk
                .get("n")
                .and_then(serde_json::Value::as_str)
                .unwrap_or_default();
            if modulus.len() < 2048 / 6 {
                return Err(KeyError::Weak);
            }
        }
        let jwk = serde_json::from_value(jwk.clone()).map_err(|_| KeyError::Unreadable)?;
        let key = DecodingKey::from_jwk(&jwk).map_err(|_| KeyError::Unreadable)?;
        Ok(Self { algorithm, key })
    }

    /// The one algorithm.
    pub(crate) fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    pub(crate) fn decoding_key(&self) -> &DecodingKey {
        &self.key
    }
}

/// Why a key can't be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The JWK can't be read.
    #[error("the key can't be read as a JWK")]
    Unreadable,
    /// The algorithm is none of ES256, EdDSA and RS256.
    #[error("the algorithm is not one of ES256, EdDSA, RS256")]
    UnknownAlgorithm,
    /// An RSA key below 2048 bits.
    #[error("the RSA key is shorter than 2048 bits")]
    Weak,
    /// A shared secret below 32 bytes.
    #[error("the shared secret is shorter than 32 bytes")]
    ShortSecret,
    /// Two keys of one set share a `kid`.
    #[error("two keys have the same kid")]
    DuplicateKid,
}

/// Why a token is not genuine. The order of the contract: invalid before expired.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// Malformed, foreign, forged, of another type or for somebody else.
    #[error("the token is not valid")]
    Invalid,
    /// Genuine, but its time is over.
    #[error("the token has expired")]
    Expired,
}

/// The keys, issuer and audience that a genuine token has.
#[derive(Clone)]
pub struct KeySet {
    issuer: String,
    audience: String,
    keys: HashMap<Arc<str>, VerificationKey>,
}

impl KeySet {
    /// An empty set for tokens of this issuer, meant for this audience.
    pub fn new(issuer: impl Into<String>, audience: impl Into<String>) -> Self {
        Self {
            issuer: issuer.into(),
            audience: audience.into(),
            keys: HashMap::new(),
        }
    }

    /// Adds a key under its `kid`.
    pub fn insert(
        &mut self,
        kid: impl Into<Arc<str>>,
        key: VerificationKey,
    ) -> Result<(), KeyError> {
        match self.keys.entry(kid.into()) {
            std::collections::hash_map::Entry::Occupied(_) => Err(KeyError::DuplicateKid),
            std::collections::hash_map::Entry::Vacant(slot) => {
                slot.insert(key);
                Ok(())
            }
        }
    }

    /// Whether there is a key of this name.
    pub fn has(&self, kid: &str) -> bool {
        self.keys.contains_key(kid)
    }

    /// Whether the token names a key of this set. A genuine token may not while its issuer's new key has
    /// not been fetched.
    pub fn has_key_of(&self, token: &str) -> bool {
        let kid = decode_header(token).ok().and_then(|header| header.kid);
        kid.is_some_and(|kid| self.has(&kid))
    }

    /// Whether the token names a key at all.
    pub fn names_a_key(token: &str) -> bool {
        token.len() <= TOKEN_BYTES_MAX
            && decode_header(token).is_ok_and(|header| header.kid.is_some() && is_plain(&header))
    }

    /// Checks everything but revocation. `now` is whole seconds since the Unix epoch.
    pub fn verify(&self, token: &str, now: i64) -> Result<Claims, Rejection> {
        let claims = self.verify_signed(token)?;
        if claims.exp <= now {
            Err(Rejection::Expired)
        } else {
            Ok(claims)
        }
    }

    /// As [`Self::verify`], but an expired token is still read: a sign-out may come late.
    pub fn verify_signed(&self, token: &str) -> Result<Claims, Rejection> {
        let (kid, claims) = self.open::<Claims>(token, &self.audience)?;
        Ok(Claims {
            kid: Some(kid),
            ..claims
        })
    }

    /// The claims of a token that this issuer signed for itself, and not for its services: those of a
    /// client that is no person, and the key that vouches for them. `None`: it doesn't say that it is one.
    pub fn verify_own<T: DeserializeOwned>(
        &self,
        token: &str,
    ) -> Option<Result<(Arc<str>, T), Rejection>> {
        #[derive(Deserialize)]
        struct Said {
            iss: String,
            sid: Option<IgnoredAny>,
        }
        let fits = token.len() <= TOKEN_BYTES_MAX;
        let said: Said = fits.then(|| insecure_decode_claims(token).ok()).flatten()?;
        let is_one = said.iss == self.issuer && said.sid.is_none();
        is_one.then(|| self.open(token, &self.issuer))
    }

    fn open<T: DeserializeOwned>(
        &self,
        token: &str,
        audience: &str,
    ) -> Result<(Arc<str>, T), Rejection> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(Rejection::Invalid);
        }
        let header = decode_header(token).map_err(|_| Rejection::Invalid)?;
        if !is_plain(&header) {
            return Err(Rejection::Invalid);
        }
        let (kid, key) = header
            .kid
            .as_deref()
            .and_then(|kid| self.keys.get_key_value(kid))
            .ok_or(Rejection::Invalid)?;
        let validation = self.validation(key.algorithm, audience);
        let verified = decode::<T>(token, &key.key, &validation).map_err(|_| Rejection::Invalid)?;
        Ok((Arc::clone(kid), verified.claims))
    }

    fn validation(&self, algorithm: Algorithm, audience: &str) -> Validation {
        let mut validation = Validation::new(algorithm.jose());
        validation.set_issuer(&[&self.issuer]);
        validation.set_audience(&[audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        // The library would read the system's clock; `verify` compares with the time it was given.
        validation.validate_exp = false;
        validation
    }
}

/// No header that brings a key (RFC 8725 section 3.10) or asks for an extension.
fn is_plain(header: &jsonwebtoken::Header) -> bool {
    let typ = header.typ.as_deref().unwrap_or_default();
    let typ_fits = typ.eq_ignore_ascii_case(ACCESS_TOKEN_TYP)
        || typ.eq_ignore_ascii_case("application/at+jwt");
    typ_fits && brings_nothing(header) && header.extras.inner().is_empty()
}

/// No key, no extension, nothing within.
pub(crate) fn brings_nothing(header: &jsonwebtoken::Header) -> bool {
    header.cty.is_none()
        && header.jku.is_none()
        && header.jwk.is_none()
        && header.x5u.is_none()
        && header.x5c.is_none()
        && header.crit.is_none()
        && header.zip.is_none()
        && header.enc.is_none()
}
