//! Proofs that whoever sends a token holds the key that it is bound to (DPoP, RFC 9449): is one genuine, and
//! what does it say. It may not know whether that fits the request, nor whether the proof came before.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{Jwk, ThumbprintHash};
use jsonwebtoken::{Validation, decode, decode_header};
use serde::Deserialize;
use serde_json::Value;

use crate::keys::{Algorithm, VerificationKey};

/// The longest proof that is looked at, in bytes: one with an RSA key of 8192 bits fits.
pub const PROOF_BYTES_MAX: usize = 8 * 1024;

/// The `typ` of a proof.
const PROOF_TYP: &str = "dpop+jwt";
/// The longest `jti`, in bytes.
const JTI_BYTES_MAX: usize = 256;

/// The algorithms that a client's key may have.
pub const PROOF_ALGORITHMS: [Algorithm; 3] = [Algorithm::ES256, Algorithm::EdDSA, Algorithm::RS256];

/// What a JWK may hold here besides `kty`: public parts, and words about its use. A private part is refused,
/// not ignored: who sends one has given the key away.
const PUBLIC_MEMBERS: [&str; 10] = [
    "kty", "crv", "x", "y", "n", "e", "alg", "use", "kid", "key_ops",
];
/// Members of no consequence that browsers write.
const HARMLESS_MEMBERS: [&str; 1] = ["ext"];

/// A genuine proof, and what it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// The SHA-256 thumbprint of the key that made it (RFC 7638), in base64url.
    pub jkt: String,
    /// The method of the request that it is for.
    pub htm: String,
    /// The address of that request.
    pub htu: String,
    /// When it was made, in seconds since the Unix epoch, by its maker's clock.
    pub iat: i64,
    /// Its own id.
    pub jti: String,
    /// The hash of the token that it goes along with.
    pub ath: Option<String>,
}

/// It is no genuine proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the proof is not genuine")]
pub struct NoProof;

#[derive(Deserialize)]
struct Said {
    htm: String,
    htu: String,
    iat: i64,
    jti: String,
    ath: Option<String>,
}

impl Proof {
    /// Reads a proof, and checks that the key that it brings signed it.
    pub fn open(text: &str) -> Result<Self, NoProof> {
        if text.len() > PROOF_BYTES_MAX {
            return Err(NoProof);
        }
        let header = decode_header(text).map_err(|_| NoProof)?;
        let brings_more = header.cty.is_some()
            || header.jku.is_some()
            || header.x5u.is_some()
            || header.x5c.is_some()
            || header.crit.is_some()
            || header.zip.is_some()
            || header.enc.is_some();
        if header.typ.as_deref() != Some(PROOF_TYP) || brings_more {
            return Err(NoProof);
        }
        let algorithm = PROOF_ALGORITHMS
            .into_iter()
            .find(|algorithm| algorithm.jose() == header.alg)
            .ok_or(NoProof)?;
        let jwk = public_key(text)?;
        let key = VerificationKey::from_jwk(algorithm, &jwk).map_err(|_| NoProof)?;
        let mut validation = Validation::new(algorithm.jose());
        validation.required_spec_claims.clear();
        validation.validate_aud = false;
        // Whether it is fresh is for whoever knows the time.
        validation.validate_exp = false;
        let said = decode::<Said>(text, key.decoding_key(), &validation);
        let said = said.map_err(|_| NoProof)?.claims;
        if !(1..=JTI_BYTES_MAX).contains(&said.jti.len()) {
            return Err(NoProof);
        }
        let jwk: Jwk = serde_json::from_value(jwk).map_err(|_| NoProof)?;
        let jkt = jwk
            .thumbprint(ThumbprintHash::SHA256)
            .map_err(|_| NoProof)?;
        Ok(Self {
            jkt,
            htm: said.htm,
            htu: said.htu,
            iat: said.iat,
            jti: said.jti,
            ath: said.ath,
        })
    }
}

/// The key in a proof's header, with public parts alone.
fn public_key(text: &str) -> Result<Value, NoProof> {
    let (head, _) = text.split_once('.').ok_or(NoProof)?;
    let head = URL_SAFE_NO_PAD.decode(head).map_err(|_| NoProof)?;
    let mut head: Value = serde_json::from_slice(&head).map_err(|_| NoProof)?;
    let jwk = head.get_mut("jwk").map(Value::take).ok_or(NoProof)?;
    let members = jwk.as_object().ok_or(NoProof)?;
    let is_known = |name: &String| {
        PUBLIC_MEMBERS
            .iter()
            .chain(&HARMLESS_MEMBERS)
            .any(|it| it == name)
    };
    if members.keys().all(is_known) {
        Ok(jwk)
    } else {
        Err(NoProof)
    }
}
