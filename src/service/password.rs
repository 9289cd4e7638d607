//! Passwords: argon2id, with a bound on memory and on who may wait. It may not know users.

use std::sync::Arc;

use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _, phc::PasswordHash};
use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Result;
use crate::domain::clock::Entropy;
use crate::domain::error::Error;
use crate::domain::secret::Password;

/// How many may wait for a hash; more are told to come back.
const QUEUE: usize = 1024;

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
    running: Arc<Semaphore>,
    queue: Arc<Semaphore>,
    /// Verified where there is no user, so that an unknown name costs the same time.
    nobody: Arc<str>,
}

/// The right to hash: held while a failure is looked up and counted, so that no more failures slip
/// past the limit than hashes run at once.
pub(super) struct Turn {
    _queue: OwnedSemaphorePermit,
    _running: OwnedSemaphorePermit,
}

impl Hasher {
    pub(super) fn new(settings: &PasswordSettings, entropy: &dyn Entropy) -> Result<Self> {
        let params = Params::new(settings.memory_kib, settings.iterations, 1, None)
            .map_err(|error| Error::internal(error.to_string()))?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let nobody = hash_of_nobody(settings, entropy);
        Ok(Self {
            argon2,
            running: Arc::new(Semaphore::new(settings.concurrency)),
            queue: Arc::new(Semaphore::new(QUEUE)),
            nobody: nobody.into(),
        })
    }

    /// Waits for a turn, unless too many wait.
    pub(super) async fn turn(&self) -> Result<Turn> {
        let queue = Arc::clone(&self.queue)
            .try_acquire_owned()
            .map_err(|_| Error::RateLimited { retry_after_s: 1 })?;
        let running = Arc::clone(&self.running)
            .acquire_owned()
            .await
            .map_err(Error::internal)?;
        Ok(Turn {
            _queue: queue,
            _running: running,
        })
    }

    /// Hashes a password that is being set.
    pub(super) async fn hash(&self, password: &Password, entropy: &dyn Entropy) -> Result<String> {
        let turn = self.turn().await?;
        let mut salt = [0; 16];
        entropy.fill(&mut salt);
        let (argon2, password) = (self.argon2.clone(), password.clone());
        let hashed = tokio::task::spawn_blocking(move || {
            hash_now(&argon2, password.expose().as_bytes(), &salt)
        })
        .await
        .map_err(Error::internal)?;
        drop(turn);
        hashed
    }

    /// Whether a password is the one of this hash. Without a hash it costs the same and is not.
    pub(super) async fn verify(
        &self,
        _turn: &Turn,
        password: &Password,
        hash: Option<&str>,
    ) -> Result<bool> {
        let exists = hash.is_some();
        let hash: Arc<str> = hash.map_or_else(|| Arc::clone(&self.nobody), Arc::from);
        let (argon2, password) = (self.argon2.clone(), password.clone());
        let matches = tokio::task::spawn_blocking(move || {
            let parsed =
                PasswordHash::new(&hash).map_err(|error| Error::internal(error.to_string()))?;
            Ok::<_, Error>(
                argon2
                    .verify_password(password.expose().as_bytes(), &parsed)
                    .is_ok(),
            )
        })
        .await
        .map_err(Error::internal)??;
        Ok(matches && exists)
    }
}

fn hash_now(argon2: &Argon2<'_>, password: &[u8], salt: &[u8]) -> Result<String> {
    argon2
        .hash_password_with_salt(password, salt)
        .map(|hash| hash.to_string())
        .map_err(|error| Error::internal(error.to_string()))
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
        let somebody = hash_now(&hasher.argon2, b"correct horse", &[7; 16]).unwrap();
        let somebody = PasswordHash::new(&somebody).unwrap();
        assert_eq!(nobody.algorithm, somebody.algorithm);
        assert_eq!(nobody.version, somebody.version);
        assert_eq!(nobody.params, somebody.params);
        let length = |hash: &PasswordHash| hash.hash.map(|it| it.len());
        assert_eq!(length(&nobody), length(&somebody));
    }
}
