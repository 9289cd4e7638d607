//! The master key: kept where the operator keeps secrets, it encrypts the one key in the database from which
//! all others are derived. A new master key is a new encryption of that one row, and nobody is signed out by
//! it. It may not know where the master key comes from.

use std::path::Path;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};

use super::vault::{DataKey, KEY_LEN, KeyFileError, Vault};
use crate::domain::clock::{Entropy, Timestamp};
use crate::domain::error::Error;
use crate::storage::Store;

/// What the sealed key is bound to, so that no other sealed thing passes for it.
const NAME: &[u8] = b"sessionwire data key";

/// Encrypts the data key.
pub struct MasterKey(RandomizedNonceKey);

/// Why the secrets can't be had.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The key file can't be used.
    #[error(transparent)]
    KeyFile(#[from] KeyFileError),
    /// What was given is no key.
    #[error("the master key must be 32 bytes in base64 or hexadecimal, and nothing else")]
    Malformed,
    /// It is another one.
    #[error("the master key is not the one that this database's keys are encrypted under")]
    Wrong,
    /// There is none.
    #[error(
        "this database's keys are encrypted under a master key: set `master_key_file`, \
         `master_key_env` or `master_key_command`"
    )]
    Missing,
    /// The key file of before is needed once more.
    #[error(
        "this database's keys were made with a key file that is not in `data_dir`: put it there \
         for this start, which takes it into the database under the master key"
    )]
    KeyFileGone,
    /// There is nothing to encrypt anew.
    #[error("this database's keys are not encrypted under a master key yet: start with one first")]
    NotSealed,
    /// Somebody else did so at the same time.
    #[error("the master key was changed by somebody else meanwhile; nothing was done")]
    Raced,
    /// The database can't be used.
    #[error("the keys can't be read or kept: {0}")]
    Database(Error),
}

impl From<Error> for VaultError {
    fn from(error: Error) -> Self {
        Self::Database(error)
    }
}

impl From<crate::storage::Error> for VaultError {
    fn from(error: crate::storage::Error) -> Self {
        Self::Database(error.into())
    }
}

impl MasterKey {
    /// Reads it: 32 bytes in any base64, as key managers print them, or in hexadecimal.
    pub fn parse(text: &str) -> Result<Self, VaultError> {
        let text = text.trim();
        let key = hexadecimal(text)
            .or_else(|| base64_of_any_kind(text))
            .filter(|key| key.len() == KEY_LEN)
            .ok_or(VaultError::Malformed)?;
        let key = RandomizedNonceKey::new(&AES_256_GCM, &key).map_err(|_| VaultError::Malformed)?;
        Ok(Self(key))
    }

    fn seal(&self, key: &DataKey) -> Result<Vec<u8>, VaultError> {
        let mut sealed = key.0.to_vec();
        let nonce = self
            .0
            .seal_in_place_append_tag(Aad::from(NAME), &mut sealed)
            .map_err(|_| VaultError::Malformed)?;
        let mut out = nonce.as_ref().to_vec();
        out.append(&mut sealed);
        Ok(out)
    }

    fn open(&self, sealed: &[u8]) -> Result<DataKey, VaultError> {
        let (nonce, body) = sealed
            .split_at_checked(NONCE_LEN)
            .ok_or(VaultError::Wrong)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| VaultError::Wrong)?;
        let mut body = body.to_vec();
        let key = self.0.open_in_place(nonce, Aad::from(NAME), &mut body);
        let key: &[u8] = key.map_err(|_| VaultError::Wrong)?;
        Ok(DataKey(key.try_into().map_err(|_| VaultError::Wrong)?))
    }
}

fn hexadecimal(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    if digits.len() != 2 * KEY_LEN {
        return None;
    }
    let value = |digit: u8| char::from(digit).to_digit(16);
    let byte = |pair: &[u8]| match pair {
        [high, low] => u8::try_from(value(*high)? * 16 + value(*low)?).ok(),
        _ => None,
    };
    digits.chunks(2).map(byte).collect()
}

fn base64_of_any_kind(text: &str) -> Option<Vec<u8>> {
    [STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD]
        .iter()
        .find_map(|kind| kind.decode(text).ok())
}

impl Vault {
    /// The secrets of this database: by the key in it, which the master key opens, or where there is no
    /// master key by the key file. The first start with a master key takes the key file's key into the
    /// database, or makes a key where there never was one; from then on no file is needed.
    pub async fn unlock(
        store: &Store,
        master: Option<&MasterKey>,
        key_file: &Path,
        entropy: &dyn Entropy,
    ) -> Result<Self, VaultError> {
        let sealed = store.read().await?.find_data_key().await?;
        let key = match (sealed, master) {
            (Some(sealed), Some(master)) => master.open(&sealed)?,
            (Some(_), None) => return Err(VaultError::Missing),
            (None, None) => DataKey::in_file(key_file, entropy)?,
            (None, Some(master)) => take_in(store, master, key_file, entropy).await?,
        };
        Ok(Self::from_key(&key)?)
    }
}

async fn take_in(
    store: &Store,
    master: &MasterKey,
    key_file: &Path,
    entropy: &dyn Entropy,
) -> Result<DataKey, VaultError> {
    let key = match DataKey::read_file(key_file)? {
        Some(key) => key,
        None if store.read().await?.has_signing_keys().await? => {
            return Err(VaultError::KeyFileGone);
        }
        None => DataKey::new(entropy),
    };
    let mut tx = store.begin().await?;
    tx.insert_data_key(&master.seal(&key)?).await?;
    // No event tells of it: it changes nothing that anybody decides by.
    store.commit(tx, Timestamp::default()).await?;
    // Of several nodes that start for the first time one's key stands.
    let sealed = store.read().await?.find_data_key().await?;
    tracing::info!(
        "the keys are encrypted under the master key; a key file is not needed any more"
    );
    master.open(&sealed.ok_or(VaultError::NotSealed)?)
}

/// Encrypts the data key under another master key. Servers that run go on; those that start need the new one.
pub async fn rewrap(store: &Store, old: &MasterKey, new: &MasterKey) -> Result<(), VaultError> {
    let sealed = store.read().await?.find_data_key().await?;
    let sealed = sealed.ok_or(VaultError::NotSealed)?;
    let key = old.open(&sealed)?;
    let mut tx = store.begin().await?;
    let replaced = tx.replace_data_key(&sealed, &new.seal(&key)?).await?;
    store.commit(tx, Timestamp::default()).await?;
    if replaced {
        Ok(())
    } else {
        Err(VaultError::Raced)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_comes_in_the_forms_that_key_managers_print() {
        let bytes = [0xfb_u8; 32];
        let hex = "fb".repeat(32);
        for text in [
            STANDARD.encode(bytes),
            URL_SAFE_NO_PAD.encode(bytes),
            format!("  {hex}\n"),
            hex.to_uppercase(),
        ] {
            let master = MasterKey::parse(&text).ok().unwrap();
            let sealed = master.seal(&DataKey([7; 32])).unwrap();
            let again = MasterKey::parse(&STANDARD.encode(bytes)).ok().unwrap();
            assert_eq!(again.open(&sealed).unwrap().0, [7; 32]);
        }
        for wrong in [
            "",
            "fb",
            "not a key",
            &"g".repeat(64),
            &STANDARD.encode([1; 31]),
        ] {
            assert!(MasterKey::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn another_key_or_a_torn_seal_opens_nothing() {
        let master = |byte: u8| MasterKey::parse(&STANDARD.encode([byte; 32])).ok().unwrap();
        let sealed = master(1).seal(&DataKey([7; 32])).unwrap();
        assert!(matches!(master(2).open(&sealed), Err(VaultError::Wrong)));
        for end in 0..sealed.len() {
            assert!(matches!(
                master(1).open(&sealed[..end]),
                Err(VaultError::Wrong)
            ));
        }
        let mut torn = sealed.clone();
        torn[20] ^= 1;
        assert!(matches!(master(1).open(&torn), Err(VaultError::Wrong)));
    }
}
