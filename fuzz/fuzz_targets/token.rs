//! Whatever is presented as a token: it is refused, unless it was signed.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sessionwire_guard::{Algorithm, KeySet, VerificationKey};

fuzz_target!(|text: &str| {
    let mut keys = KeySet::new("issuer", "audience");
    // The example key of RFC 7517 appendix A.1; nobody here can sign with it.
    let jwk = serde_json::json!({
        "kty": "EC", "crv": "P-256",
        "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
        "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
    });
    let key = VerificationKey::from_jwk(Algorithm::ES256, &jwk).expect("it is a good key");
    keys.insert("1", key).expect("it is the first");
    assert!(keys.verify(text, 0).is_err());
});
