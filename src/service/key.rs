//! Signing keys. It may not know when or by whom it is asked to look after them.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::{EncodingKey, Header, jwk::Jwk};
use serde::Serialize;
use sessionwire_guard::keys::ACCESS_TOKEN_TYP;
use sessionwire_guard::{Algorithm, Claims};

use super::{ACCESS_TOKEN_TTL_MAX, Call, Core, Done, Result, SigningKeyView};
use crate::domain::clock::Timestamp;
use crate::domain::error::Error;
use crate::domain::event::Event;
use crate::storage::{KeyState, SigningKeyRow, Tx};

/// A new key is listed this long before it signs, so that no verifier meets a token of a key that it
/// does not know.
const LISTED_BEFORE_SIGNING: Duration = Duration::from_secs(5);
/// How much longer than its last token a retired key stays listed.
const LEEWAY: Duration = Duration::from_mins(1);

/// A key that can sign.
pub(super) struct SigningKey {
    kid: String,
    algorithm: Algorithm,
    signs_from: Timestamp,
    key: EncodingKey,
}

impl Core {
    /// Makes a signing key where there is none of the configured algorithm, and loads them.
    pub(super) async fn prepare_signing_keys(&self) -> Result<()> {
        let now = self.clock.now();
        let fits = |present: &[SigningKeyRow]| {
            let newest = present.first();
            newest.is_some_and(|key| key.algorithm == self.settings.algorithm)
        };
        let present = self.look().await?.list_signing_keys(now).await?;
        if !fits(&present) {
            let signs_from = if present.is_empty() {
                now
            } else {
                now.plus(LISTED_BEFORE_SIGNING)
            };
            let row = self.make_signing_key(now, signs_from).await?;
            let mut tx = self.begin().await?;
            tx.lock_signing_keys().await?;
            // Another node may have made one since.
            if !fits(&tx.list_signing_keys(now).await?) {
                bring_into_use(&mut tx, &Call::system(), &row).await?;
            }
            self.commit(tx).await?;
        }
        self.load_signing_keys().await
    }

    /// Replaces the signing key where it has signed for as long as the settings allow, and takes in
    /// what another process, a command for instance, has changed.
    pub async fn tend_signing_keys(&self) -> Result<()> {
        let now = self.clock.now();
        let present = self.look().await?.list_signing_keys(now).await?;
        if self.is_rotation_due(&present, now) {
            let call = Call::system();
            let row = self
                .make_signing_key(now, now.plus(LISTED_BEFORE_SIGNING))
                .await?;
            let mut tx = self.begin().await?;
            tx.lock_signing_keys().await?;
            // Somebody may have rotated since.
            if self.is_rotation_due(&tx.list_signing_keys(now).await?, now) {
                bring_into_use(&mut tx, &call, &row).await?;
            }
            self.commit(tx).await?;
            return self.load_signing_keys().await;
        }
        let loaded = Arc::clone(&self.signing.read());
        let is_loaded = |row: &SigningKeyRow| loaded.iter().any(|key| key.kid == row.kid);
        // One that is gone may be in wrong hands: it signs no more.
        if present.len() == loaded.len() && present.iter().all(is_loaded) {
            Ok(())
        } else {
            self.load_signing_keys().await
        }
    }

    fn is_rotation_due(&self, present: &[SigningKeyRow], now: Timestamp) -> bool {
        let age = self.settings.signing_key_age_max;
        // The newest comes first.
        present
            .first()
            .is_some_and(|key| key.signs_from.plus(age) <= now)
    }

    /// Reads the signing keys into memory.
    pub(super) async fn load_signing_keys(&self) -> Result<()> {
        let rows = self
            .read()
            .await?
            .list_signing_keys(self.clock.now())
            .await?;
        let keys = rows
            .iter()
            .map(|row| self.open_signing_key(row))
            .collect::<Result<Vec<_>>>()?;
        *self.signing.write() = Arc::new(keys);
        Ok(())
    }

    /// The signing keys that are listed.
    pub async fn list_signing_keys(&self) -> Result<Vec<SigningKeyView>> {
        let rows = self
            .read()
            .await?
            .list_signing_keys(self.clock.now())
            .await?;
        Ok(rows.into_iter().map(view).collect())
    }

    /// Brings a new signing key into use without a gap: listed at once, signing a little later.
    pub async fn rotate_signing_key(&self, call: &Call) -> Result<Done<SigningKeyView>> {
        let now = self.clock.now();
        let row = self
            .make_signing_key(now, now.plus(LISTED_BEFORE_SIGNING))
            .await?;
        let mut tx = self.begin().await?;
        tx.lock_signing_keys().await?;
        bring_into_use(&mut tx, call, &row).await?;
        let done = self.conclude(call, tx, view(row)).await?;
        self.load_signing_keys().await?;
        Ok(done)
    }

    /// Trusts a signing key no more: it may be in wrong hands. From the receipt on nothing that it signed is
    /// genuine, whatever it says. Sessions go on, since what refreshes them was signed by no key. Where it
    /// was the newest, another one signs from now on.
    pub async fn retire_signing_key(&self, call: &Call, kid: &str) -> Result<Done<()>> {
        let now = self.clock.now();
        let next = self.make_signing_key(now, now).await?;
        let mut tx = self.begin().await?;
        tx.lock_signing_keys().await?;
        let state = tx.find_signing_key_state(kid).await?;
        let state = state.ok_or(Error::NotFound("signing key"))?;
        if state != KeyState::Retired {
            tx.retire_signing_key(kid, now).await?;
            let kid = kid.to_owned();
            tx.record(&call.cause, Event::SigningKeyRetired { kid });
        }
        if state == KeyState::Newest {
            bring_into_use(&mut tx, call, &next).await?;
        }
        let done = self.conclude(call, tx, ()).await?;
        self.load_signing_keys().await?;
        Ok(done)
    }

    /// The public halves as a JWK set (RFC 7517).
    pub async fn jwks(&self) -> Result<serde_json::Value> {
        let rows = self
            .read()
            .await?
            .list_signing_keys(self.clock.now())
            .await?;
        let keys: Vec<_> = rows.into_iter().map(|row| row.public_jwk).collect();
        Ok(serde_json::json!({ "keys": keys }))
    }

    /// An access token that says this.
    pub(super) fn sign(&self, claims: &Claims) -> Result<String> {
        self.sign_as(ACCESS_TOKEN_TYP, claims)
    }

    /// Signs claims with the newest key whose time has come.
    pub(super) fn sign_as(&self, typ: &str, claims: &impl Serialize) -> Result<String> {
        let now = self.clock.now();
        let keys = Arc::clone(&self.signing.read());
        let key = keys
            .iter()
            .find(|key| key.signs_from <= now)
            .or(keys.last())
            .ok_or_else(|| Error::internal("there is no signing key"))?;
        let mut header = Header::new(key.algorithm.jose());
        header.typ = Some(typ.into());
        header.kid = Some(key.kid.clone());
        jsonwebtoken::encode(&header, claims, &key.key).map_err(Error::internal)
    }

    async fn make_signing_key(
        &self,
        now: Timestamp,
        signs_from: Timestamp,
    ) -> Result<SigningKeyRow> {
        let algorithm = self.settings.algorithm;
        let kid = self.entropy.uuid(now).simple().to_string();
        // An RSA key takes a noticeable time.
        let private = tokio::task::spawn_blocking(move || generate(algorithm))
            .await
            .map_err(Error::internal)??;
        let key = encoding_key(algorithm, &private)?;
        let sealed = self
            .vault
            .seal(&kid, &private)
            .ok_or_else(|| Error::internal("a signing key can't be sealed"))?;
        let public_jwk = public_jwk(&kid, algorithm, &key)?;
        Ok(SigningKeyRow {
            kid,
            algorithm,
            public_jwk,
            sealed,
            created_at: now,
            signs_from,
            listed_until: None,
        })
    }

    fn open_signing_key(&self, row: &SigningKeyRow) -> Result<SigningKey> {
        let private = self
            .vault
            .open_sealed(&row.kid, &row.sealed)
            .ok_or_else(|| {
                Error::internal(
                    "the key file does not fit this database: restore the one it was made with",
                )
            })?;
        Ok(SigningKey {
            kid: row.kid.clone(),
            algorithm: row.algorithm,
            signs_from: row.signs_from,
            key: encoding_key(row.algorithm, &private)?,
        })
    }
}

/// Lists a new key, and limits how long the others stay listed.
async fn bring_into_use(tx: &mut Tx, call: &Call, row: &SigningKeyRow) -> Result<()> {
    tx.retire_signing_keys(retired_until(row.signs_from))
        .await?;
    tx.insert_signing_key(row).await?;
    let kid = row.kid.clone();
    tx.record(&call.cause, Event::SigningKeyRotated { kid });
    Ok(())
}

fn retired_until(signs_from: Timestamp) -> Timestamp {
    signs_from.plus(ACCESS_TOKEN_TTL_MAX).plus(LEEWAY)
}

fn generate(algorithm: Algorithm) -> Result<Vec<u8>> {
    let failed = |_| Error::internal("a signing key can't be generated");
    match algorithm {
        Algorithm::ES256 => {
            let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map_err(failed)?;
            Ok(pair.to_pkcs8v1().map_err(failed)?.as_ref().to_vec())
        }
        Algorithm::EdDSA => {
            let pair = Ed25519KeyPair::generate().map_err(failed)?;
            Ok(pair.to_pkcs8v1().map_err(failed)?.as_ref().to_vec())
        }
        Algorithm::RS256 => {
            let size = aws_lc_rs::rsa::KeySize::Rsa3072;
            let pair = aws_lc_rs::rsa::KeyPair::generate(size).map_err(failed)?;
            let der: Pkcs8V1Der<'_> = pair.as_der().map_err(failed)?;
            Ok(der.as_ref().to_vec())
        }
    }
}

fn encoding_key(algorithm: Algorithm, pkcs8: &[u8]) -> Result<EncodingKey> {
    match algorithm {
        Algorithm::ES256 => Ok(EncodingKey::from_ec_der(pkcs8)),
        Algorithm::EdDSA => Ok(EncodingKey::from_ed_der(pkcs8)),
        // The library takes bare RSA keys as DER, and unwraps PKCS#8 only from PEM.
        Algorithm::RS256 => {
            let body = STANDARD.encode(pkcs8);
            let pem = format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n");
            EncodingKey::from_rsa_pem(pem.as_bytes()).map_err(Error::internal)
        }
    }
}

fn public_jwk(kid: &str, algorithm: Algorithm, key: &EncodingKey) -> Result<serde_json::Value> {
    let mut jwk = Jwk::from_encoding_key(key, algorithm.jose()).map_err(Error::internal)?;
    jwk.common.key_id = Some(kid.to_owned());
    jwk.common.public_key_use = Some(jsonwebtoken::jwk::PublicKeyUse::Signature);
    serde_json::to_value(jwk).map_err(Error::internal)
}

fn view(row: SigningKeyRow) -> SigningKeyView {
    SigningKeyView {
        kid: row.kid,
        algorithm: row.algorithm,
        created_at: row.created_at,
        signs_from: row.signs_from,
        listed_until: row.listed_until,
    }
}
