//! Passwords: argon2id, with a bound on memory and on who may wait. It may not know users.

use std::sync::Arc;

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use super::Result;
use super::hash_turns::{Memory, Turn, Turns};
use crate::domain::clock::Entropy;
use crate::domain::error::Error;
use crate::domain::secret::Password;

/// How passwords are hashed.
#[derive(Clone, Copy, Debug)]
pub struct PasswordSettings {
    /// How many hashes at once; each takes the memory below.
    pub concurrency: usize,
    /// Memory of one hash, in KiB.
    pub memory_kib: u32,
    /// Passes over the memory.
    pub iterations: u32,
}

pub(super) struct Hasher {
    argon2: Argon2<'static>,
    turns: Turns,
    /// Verified where there is no user, so that an unknown name costs the same time.
    nobody: Arc<str>,
}

impl Hasher {
    pub(super) fn new(settings: &PasswordSettings, entropy: &dyn Entropy) -> Result<Self> {
        let params = Params::new(settings.memory_kib, settings.iterations, 1, None);
        let params = params.map_err(told)?;
        Ok(Self {
            argon2: Argon2::new(Algorithm::Argon2id, Version::V0x13, params),
            turns: Turns::new(settings.concurrency),
            nobody: hash_of_nobody(settings, entropy).into(),
        })
    }

    /// Waits for a turn, unless too many wait.
    pub(super) async fn turn(&self) -> Result<Turn> {
        self.turns.next().await
    }

    /// Hashes a password that is being set.
    pub(super) async fn hash(&self, password: &Password, entropy: &dyn Entropy) -> Result<String> {
        let mut turn = self.turn().await?;
        let mut salt = [0; 16];
        entropy.fill(&mut salt);
        let (argon2, password) = (self.argon2.clone(), password.clone());
        let hash = move |memory: &mut Memory| {
            let salt = Salt::new(&salt).map_err(told)?;
            hash_now(&argon2, password.expose().as_bytes(), salt, memory)
        };
        let hash = turn.compute(hash).await??;
        Ok(hash.to_string())
    }

    /// Whether a password is the one of this hash. Without a hash it costs the same and is not.
    pub(super) async fn verify(
        &self,
        turn: &mut Turn,
        password: &Password,
        hash: Option<&str>,
    ) -> Result<bool> {
        let exists = hash.is_some();
        let hash: Arc<str> = hash.map_or_else(|| Arc::clone(&self.nobody), Arc::from);
        let password = password.clone();
        let verify = move |memory: &mut Memory| is_of(password.expose().as_bytes(), &hash, memory);
        Ok(turn.compute(verify).await?? && exists)
    }
}

fn hash_now(
    argon2: &Argon2<'_>,
    password: &[u8],
    salt: Salt,
    memory: &mut Memory,
) -> Result<PasswordHash> {
    let params = argon2.params();
    let mut output = [0; Params::DEFAULT_OUTPUT_LEN];
    let blocks = memory.blocks(params.block_count());
    argon2
        .hash_password_into_with_memory(password, &salt, &mut output, blocks)
        .map_err(told)?;
    Ok(PasswordHash {
        algorithm: Algorithm::Argon2id.ident(),
        version: Some(Version::V0x13.into()),
        params: ParamsString::try_from(params).map_err(told)?,
        salt: Some(salt),
        hash: Some(Output::new(&output).map_err(told)?),
    })
}

/// Whether a password gives this hash, with the parameters that were in force when it was set.
fn is_of(password: &[u8], hash: &str, memory: &mut Memory) -> Result<bool> {
    let hash = PasswordHash::new(hash).map_err(told)?;
    let (Some(salt), Some(expected)) = (hash.salt, hash.hash) else {
        return Ok(false);
    };
    let params = Params::try_from(&hash).map_err(told)?;
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let computed = hash_now(&argon2, password, salt, memory)?;
    // In constant time: see `Output`.
    Ok(computed.hash == Some(expected))
}

fn told(error: impl std::fmt::Display) -> Error {
    Error::internal(error.to_string())
}

/// What no password gives, since nobody knows one that would. Nothing is hashed for it.
fn hash_of_nobody(settings: &PasswordSettings, entropy: &dyn Entropy) -> String {
    let (mut salt, mut output) = ([0; 16], [0; 32]);
    entropy.fill(&mut salt);
    entropy.fill(&mut output);
    let (salt, output) = (STANDARD_NO_PAD.encode(salt), STANDARD_NO_PAD.encode(output));
    let (memory, passes) = (settings.memory_kib, settings.iterations);
    format!("$argon2id$v=19$m={memory},t={passes},p=1${salt}${output}")
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Sevens;

    impl Entropy for Sevens {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(7);
        }
    }

    #[test]
    fn nobody_costs_as_much_as_somebody() {
        let settings = PasswordSettings {
            concurrency: 1,
            memory_kib: 64,
            iterations: 3,
        };
        let nobody = hash_of_nobody(&settings, &Sevens);
        let nobody = PasswordHash::new(&nobody).unwrap();
        let hasher = Hasher::new(&settings, &Sevens).unwrap();
        let salt = Salt::new(&[7; 16]).unwrap();
        let mut memory = Memory::default();
        let somebody = hash_now(&hasher.argon2, b"correct horse", salt, &mut memory).unwrap();
        assert_eq!(nobody.algorithm, somebody.algorithm);
        assert_eq!(nobody.version, somebody.version);
        assert_eq!(nobody.params, somebody.params);
        let length = |hash: &PasswordHash| hash.hash.map(|it| it.len());
        assert_eq!(length(&nobody), length(&somebody));
    }

    #[tokio::test]
    async fn a_password_is_good_after_the_parameters_changed() {
        let hasher = |memory_kib, iterations| {
            let settings = PasswordSettings {
                concurrency: 1,
                memory_kib,
                iterations,
            };
            Hasher::new(&settings, &Sevens).unwrap()
        };
        let (old, new) = (hasher(64, 1), hasher(32, 2));
        let (right, wrong) = ["correct horse", "wrong horse"]
            .map(|it| Password::new(it.to_owned()))
            .into();
        let hash = old.hash(&right, &Sevens).await.unwrap();
        let mut turn = new.turn().await.unwrap();
        assert!(new.verify(&mut turn, &right, Some(&hash)).await.unwrap());
        assert!(!new.verify(&mut turn, &wrong, Some(&hash)).await.unwrap());
        assert!(!new.verify(&mut turn, &right, None).await.unwrap());
    }
}
