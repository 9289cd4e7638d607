//! Tokens that others signed: is the signature right, by a key of their issuer? What they say is for the
//! caller to judge. It may not know who the issuers are or where their keys come from.
//!
//! As in [`crate::keys`] the algorithm comes from the key and never from the header: a public key can't be
//! taken for the secret of an HMAC, since the two are never looked for in the same place.

use std::collections::HashMap;

use jsonwebtoken::dangerous::insecure_decode_claims;
use jsonwebtoken::{DecodingKey, Header, Validation, decode, decode_header};
use serde_json::{Map, Value};

use crate::jwks::usable_keys;
use crate::keys::{Algorithm, KeyError, TOKEN_BYTES_MAX, VerificationKey, brings_nothing};

/// The shortest shared secret, in bytes (RFC 7518 section 3.2).
pub const SECRET_BYTES_MIN: usize = 32;

/// The algorithms that an issuer's tokens may be signed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForeignAlgorithm {
    /// By a published key.
    Public(Algorithm),
    /// HMAC with SHA-256, by a secret that the issuer shares.
    HS256,
}

impl ForeignAlgorithm {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::Public(Algorithm::RS256),
        Self::Public(Algorithm::ES256),
        Self::Public(Algorithm::EdDSA),
        Self::HS256,
    ];

    /// The name in a JOSE header.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Public(algorithm) => algorithm.as_str(),
            Self::HS256 => "HS256",
        }
    }

    fn jose(self) -> jsonwebtoken::Algorithm {
        match self {
            Self::Public(algorithm) => algorithm.jose(),
            Self::HS256 => jsonwebtoken::Algorithm::HS256,
        }
    }
}

/// What a token is for, by the `typ` of its header, so that one kind is not taken for another (RFC 8725
/// section 3.11).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// Says who somebody is.
    Access,
    /// Says who signed out (OpenID Connect Back-Channel Logout 1.0 section 2.4).
    Logout,
}

impl TokenKind {
    /// Many issuers say no more than that it is a JWT, or nothing.
    fn takes(self, typ: Option<&str>) -> bool {
        let typ = typ.unwrap_or("JWT").to_ascii_lowercase();
        let own = match self {
            Self::Access => "at+jwt",
            Self::Logout => "logout+jwt",
        };
        let typ = typ.strip_prefix("application/").unwrap_or(&typ);
        typ == "jwt" || typ == own
    }
}

/// Why a token could not be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unopened {
    /// Malformed or forged.
    #[error("the token is not valid")]
    Invalid,
    /// It names a key that is not there, which may be one that its issuer made since.
    #[error("the token names a key that is not known")]
    UnknownKey,
}

/// The keys of one issuer.
#[derive(Clone)]
pub struct ForeignKeys {
    published: HashMap<String, VerificationKey>,
    secret: Option<DecodingKey>,
}

impl ForeignKeys {
    /// The keys of a published set that are of these algorithms, and none where there is no set; and the
    /// secret that the issuer shares, where there is one.
    ///
    /// # Errors
    /// [`KeyError::Unreadable`] where it is no key set or has too many keys, [`KeyError::ShortSecret`].
    pub fn new(
        jwks: Option<&Value>,
        secret: Option<&[u8]>,
        allowed: &[ForeignAlgorithm],
    ) -> Result<Self, KeyError> {
        let keys = jwks.map(usable_keys).transpose()?.unwrap_or_default();
        let allows =
            |key: &VerificationKey| allowed.contains(&ForeignAlgorithm::Public(key.algorithm()));
        if secret.is_some_and(|secret| secret.len() < SECRET_BYTES_MIN) {
            return Err(KeyError::ShortSecret);
        }
        let secret = secret.filter(|_| allowed.contains(&ForeignAlgorithm::HS256));
        Ok(Self {
            published: keys.into_iter().filter(|(_, key)| allows(key)).collect(),
            secret: secret.map(DecodingKey::from_secret),
        })
    }

    /// How many published keys there are.
    pub fn published(&self) -> usize {
        self.published.len()
    }

    /// Whether nothing can be opened with them.
    pub fn is_empty(&self) -> bool {
        self.published.is_empty() && self.secret.is_none()
    }

    /// What a genuine token says.
    ///
    /// # Errors
    /// Where it is not genuine, or nobody can tell yet.
    pub fn open(&self, token: &str, kind: TokenKind) -> Result<Map<String, Value>, Unopened> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(Unopened::Invalid);
        }
        let header = decode_header(token).map_err(|_| Unopened::Invalid)?;
        if !kind.takes(header.typ.as_deref()) || !brings_nothing(&header) {
            return Err(Unopened::Invalid);
        }
        let (key, algorithm) = self.key_of(&header)?;
        let mut validation = Validation::new(algorithm.jose());
        // Times, audience and issuer are judged by whoever knows them.
        validation.required_spec_claims.clear();
        validation.validate_exp = false;
        validation.validate_aud = false;
        let opened = decode::<Map<String, Value>>(token, key, &validation);
        opened.map(|it| it.claims).map_err(|_| Unopened::Invalid)
    }

    fn key_of(&self, header: &Header) -> Result<(&DecodingKey, ForeignAlgorithm), Unopened> {
        if header.alg == jsonwebtoken::Algorithm::HS256 {
            let secret = self.secret.as_ref().ok_or(Unopened::Invalid)?;
            return Ok((secret, ForeignAlgorithm::HS256));
        }
        let kid = header.kid.as_deref().ok_or(Unopened::Invalid)?;
        let key = self.published.get(kid).ok_or(Unopened::UnknownKey)?;
        let algorithm = ForeignAlgorithm::Public(key.algorithm());
        Ok((key.decoding_key(), algorithm))
    }
}

/// What a token says about itself before anybody has opened it: a hint where to look for its keys or whom to
/// ask, and no more than that.
#[derive(Clone, Debug, PartialEq)]
pub struct Hint {
    /// Whose it says that it is.
    pub iss: String,
    /// Until when it says that it is good.
    exp: Option<f64>,
}

impl Hint {
    /// Of a text that has the form of a token.
    pub fn of(token: &str) -> Option<Self> {
        let fits = token.len() <= TOKEN_BYTES_MAX && token.split('.').count() == 3;
        let said: Option<Map<String, Value>> =
            fits.then(|| insecure_decode_claims(token).ok()).flatten();
        let said = said?;
        Some(Self {
            iss: said.get("iss")?.as_str()?.to_owned(),
            exp: said.get("exp").and_then(Value::as_f64),
        })
    }

    /// Whether it says that its time was over so many seconds ago at least. `now`: seconds since the Unix epoch.
    pub fn is_over_since(&self, now: i64, seconds: i64) -> bool {
        let by = now.saturating_sub(seconds);
        #[expect(
            clippy::cast_precision_loss,
            reason = "seconds of any year that matters fit"
        )]
        self.exp.is_some_and(|exp| exp <= by as f64)
    }
}

/// Whose token it says that it is.
pub fn claimed_issuer(token: &str) -> Option<String> {
    Hint::of(token).map(|hint| hint.iss)
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::{EncodingKey, encode};
    use serde_json::json;

    use super::*;

    const SECRET: &[u8] = b"thirty-two bytes are the minimum";

    fn signed(header: &Header, secret: &[u8]) -> String {
        let claims = json!({ "iss": "https://issuer.example", "sub": "1" });
        encode(header, &claims, &EncodingKey::from_secret(secret)).unwrap()
    }

    fn with_secret() -> ForeignKeys {
        ForeignKeys::new(None, Some(SECRET), &ForeignAlgorithm::ALL).unwrap()
    }

    #[test]
    fn a_secret_opens_what_it_signed() {
        let keys = with_secret();
        let token = signed(&Header::default(), SECRET);
        assert_eq!(keys.open(&token, TokenKind::Access).unwrap()["sub"], "1");
        assert_eq!(claimed_issuer(&token).unwrap(), "https://issuer.example");
        let forged = signed(&Header::default(), b"another secret of thirty-two bytes");
        assert_eq!(
            keys.open(&forged, TokenKind::Access),
            Err(Unopened::Invalid)
        );
    }

    #[test]
    fn hints_are_those_of_the_vectors() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/vectors/foreign.json");
        let vectors = std::fs::read_to_string(path).unwrap();
        let vectors: Value = serde_json::from_str(&vectors).unwrap();
        let now = vectors["now"].as_i64().unwrap();
        for case in vectors["hints"].as_array().unwrap() {
            let hint = Hint::of(case["token"].as_str().unwrap());
            let iss = hint.as_ref().map(|hint| hint.iss.as_str());
            assert_eq!(iss, case["iss"].as_str(), "{}", case["name"]);
            let over = hint.is_some_and(|hint| hint.is_over_since(now, 0));
            assert_eq!(over, case["over"], "{}", case["name"]);
        }
    }

    #[test]
    fn an_algorithm_that_is_not_allowed_opens_nothing() {
        let allowed = [ForeignAlgorithm::Public(Algorithm::RS256)];
        let keys = ForeignKeys::new(None, Some(SECRET), &allowed).unwrap();
        let token = signed(&Header::default(), SECRET);
        assert_eq!(keys.open(&token, TokenKind::Access), Err(Unopened::Invalid));
    }

    #[test]
    fn a_short_secret_is_refused() {
        let short = ForeignKeys::new(None, Some(&SECRET[1..]), &ForeignAlgorithm::ALL);
        assert_eq!(short.err(), Some(KeyError::ShortSecret));
    }

    #[test]
    fn one_kind_is_not_taken_for_another() {
        let keys = with_secret();
        for (typ, access, logout) in [
            (None, true, true),
            (Some("JWT"), true, true),
            (Some("at+jwt"), true, false),
            (Some("application/at+jwt"), true, false),
            (Some("logout+jwt"), false, true),
            (Some("dpop+jwt"), false, false),
        ] {
            let header = Header {
                typ: typ.map(str::to_owned),
                ..Header::default()
            };
            let token = signed(&header, SECRET);
            let opens = |kind| keys.open(&token, kind).is_ok();
            assert_eq!(opens(TokenKind::Access), access, "{typ:?}");
            assert_eq!(opens(TokenKind::Logout), logout, "{typ:?}");
        }
    }

    #[test]
    fn a_header_that_brings_a_key_is_refused() {
        let brought = Header {
            jku: Some("https://evil.example/jwks.json".to_owned()),
            ..Header::default()
        };
        let token = signed(&brought, SECRET);
        assert_eq!(
            with_secret().open(&token, TokenKind::Access),
            Err(Unopened::Invalid)
        );
    }
}
