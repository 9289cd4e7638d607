//! A signing key of a test's own.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{EncodingKey, Header};
use sessionwire_guard::{Algorithm, Claims, VerificationKey};

use super::support::KID;

/// Signs.
pub(crate) struct Signer {
    key: EncodingKey,
    jwk: serde_json::Value,
}

impl Signer {
    /// A new key.
    pub(crate) fn new() -> Self {
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let document = EcdsaKeyPair::generate_pkcs8(algorithm, &SystemRandom::new()).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref()).unwrap();
        // An uncompressed point: a byte that says so, then x and y.
        let point = pair.public_key().as_ref();
        let jwk = serde_json::json!({
            "kty": "EC",
            "crv": "P-256",
            "x": URL_SAFE_NO_PAD.encode(&point[1..33]),
            "y": URL_SAFE_NO_PAD.encode(&point[33..65]),
        });
        Self {
            key: EncodingKey::from_ec_der(document.as_ref()),
            jwk,
        }
    }

    /// The other half.
    pub(crate) fn verification_key(&self) -> VerificationKey {
        VerificationKey::from_jwk(Algorithm::ES256, &self.jwk).unwrap()
    }

    /// A token that says so.
    pub(crate) fn sign(&self, claims: &Claims) -> String {
        let mut header = Header::new(jsonwebtoken::Algorithm::ES256);
        header.typ = Some("at+jwt".into());
        header.kid = Some(KID.into());
        jsonwebtoken::encode(&header, claims, &self.key).unwrap()
    }
}
