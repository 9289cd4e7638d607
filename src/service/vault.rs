//! What follows from the data key: refresh tokens are derived from it, private keys are sealed with it.
//!
//! It lies outside the database, or in it under a master key, so a copy of the database gives nobody a token. It may not
//! know what the secrets are for.

use std::io::{Read as _, Write as _};
use std::path::Path;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::{digest, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;

use crate::domain::clock::Entropy;
use crate::domain::id::{SessionId, TakeoverRequestId};
use crate::domain::secret::{Bearer, BearerHash};

pub(super) const KEY_LEN: usize = 32;
const MAC_LEN: usize = 32;
const REFRESH_PREFIX: &str = "swr_";
const REFRESH_LEN: usize = 16 + 4 + MAC_LEN;

/// What comes before a bearer, so that a leaked one is recognised for what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BearerKind {
    Takeover,
    Request,
    Ticket,
    ApiKey,
}

impl BearerKind {
    fn prefix(self) -> &'static str {
        match self {
            Self::Takeover => "swt_",
            Self::Request => "swq_",
            Self::Ticket => "sws_",
            Self::ApiKey => "swk_",
        }
    }
}

/// Why the key file can't be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// It can't be read or made.
    #[error("the key file can't be read or made: {0}")]
    Io(#[from] std::io::Error),
    /// It is not a key file.
    #[error("the key file does not hold a key; restore it from a backup")]
    Malformed,
    /// Others can read it.
    #[error("the key file can be read by others; set its mode to 0600")]
    Exposed,
}

/// What all secrets are derived from: in a file beside the database, or in it under a master key.
pub(super) struct DataKey(pub(super) [u8; KEY_LEN]);

impl DataKey {
    /// A new one.
    pub(super) fn new(entropy: &dyn Entropy) -> Self {
        let mut key = [0; KEY_LEN];
        entropy.fill(&mut key);
        Self(key)
    }

    /// That of the key file; makes the file, with mode 0600, where it is missing.
    pub(super) fn in_file(path: &Path, entropy: &dyn Entropy) -> Result<Self, KeyFileError> {
        match Self::read_file(path)? {
            Some(key) => Ok(key),
            None => Self::make_file(path, entropy),
        }
    }

    /// That of the key file, where there is one.
    pub(super) fn read_file(path: &Path) -> Result<Option<Self>, KeyFileError> {
        match std::fs::File::open(path) {
            Ok(file) => Self::read(file).map(Some),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn read(mut file: std::fs::File) -> Result<Self, KeyFileError> {
        use std::os::unix::fs::PermissionsExt as _;
        if file.metadata()?.permissions().mode() & 0o077 != 0 {
            return Err(KeyFileError::Exposed);
        }
        let mut text = String::new();
        (&mut file).take(256).read_to_string(&mut text)?;
        let bytes = BASE64
            .decode(text.trim())
            .map_err(|_| KeyFileError::Malformed)?;
        let key = bytes.try_into().map_err(|_| KeyFileError::Malformed)?;
        Ok(Self(key))
    }

    fn make_file(path: &Path, entropy: &dyn Entropy) -> Result<Self, KeyFileError> {
        use std::os::unix::fs::OpenOptionsExt as _;
        let key = Self::new(entropy);
        let mut file = std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)?;
        writeln!(file, "{}", BASE64.encode(key.0))?;
        file.sync_all()?;
        Ok(key)
    }
}

/// The keys derived from it. Boxed, since they are large and go from hand to hand.
pub struct Vault(Box<Keys>);

struct Keys {
    refresh: hmac::Key,
    takeover: hmac::Key,
    sealing: RandomizedNonceKey,
    bus: hmac::Tag,
    values: hmac::Key,
}

impl Vault {
    /// The secrets that follow from this key.
    pub(super) fn from_key(key: &DataKey) -> Result<Self, KeyFileError> {
        let root = hmac::Key::new(hmac::HMAC_SHA256, &key.0);
        let derive = |purpose: &str| hmac::sign(&root, purpose.as_bytes());
        let sealing = RandomizedNonceKey::new(&AES_256_GCM, derive("signing keys").as_ref())
            .map_err(|_| KeyFileError::Malformed)?;
        Ok(Self(Box::new(Keys {
            refresh: hmac::Key::new(hmac::HMAC_SHA256, derive("refresh tokens").as_ref()),
            takeover: hmac::Key::new(hmac::HMAC_SHA256, derive("takeover tokens").as_ref()),
            sealing,
            bus: derive("bus"),
            values: hmac::Key::new(hmac::HMAC_SHA256, derive("values of sessions").as_ref()),
        })))
    }

    /// What the nodes that share this key know each other by.
    pub fn bus_secret(&self) -> Vec<u8> {
        self.0.bus.as_ref().to_vec()
    }

    /// The refresh token of this number: 256 bits that only the key file can give. Nothing of it is
    /// kept, and the same one can be handed out again.
    pub(super) fn refresh_token(&self, session: SessionId, generation: u32) -> Bearer {
        let mut bytes = Vec::with_capacity(REFRESH_LEN);
        bytes.extend_from_slice(session.0.as_bytes());
        bytes.extend_from_slice(&generation.to_be_bytes());
        let mac = hmac::sign(&self.0.refresh, &bytes);
        bytes.extend_from_slice(mac.as_ref());
        Bearer::new(format!("{REFRESH_PREFIX}{}", BASE64.encode(bytes)))
    }

    /// Which refresh token this is, if it is one of ours. Compared in constant time.
    pub(super) fn read_refresh_token(&self, token: &Bearer) -> Option<(SessionId, u32)> {
        let encoded = token.expose().strip_prefix(REFRESH_PREFIX)?;
        if encoded.len() > 2 * REFRESH_LEN {
            return None;
        }
        let bytes = BASE64
            .decode(encoded)
            .ok()
            .filter(|bytes| bytes.len() == REFRESH_LEN)?;
        let (body, mac) = bytes.split_at(REFRESH_LEN - MAC_LEN);
        hmac::verify(&self.0.refresh, body, mac).ok()?;
        let (session, generation) = body.split_at(16);
        Some((
            SessionId(uuid::Uuid::from_slice(session).ok()?),
            u32::from_be_bytes(generation.try_into().ok()?),
        ))
    }

    /// The takeover token that follows an unanswered request: the same one however often it is asked
    /// for.
    pub(super) fn takeover_token(&self, request: TakeoverRequestId) -> Bearer {
        let mac = hmac::sign(&self.0.takeover, request.0.as_bytes());
        Bearer::new(format!(
            "{}{}",
            BearerKind::Takeover.prefix(),
            BASE64.encode(mac.as_ref())
        ))
    }

    /// Encrypts what may lie in the database.
    pub(super) fn seal(&self, name: &str, secret: &[u8]) -> Option<Vec<u8>> {
        let mut sealed = secret.to_vec();
        let nonce = self
            .0
            .sealing
            .seal_in_place_append_tag(Aad::from(name.as_bytes()), &mut sealed)
            .ok()?;
        let mut out = nonce.as_ref().to_vec();
        out.append(&mut sealed);
        Some(out)
    }

    /// Decrypts it.
    pub(super) fn open_sealed(&self, name: &str, sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, body) = sealed.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut body = body.to_vec();
        let length = self
            .0
            .sealing
            .open_in_place(nonce, Aad::from(name.as_bytes()), &mut body)
            .ok()?
            .len();
        body.truncate(length);
        Some(body)
    }
}

impl Vault {
    /// The value of the cookie that a session's tokens are bound to: as random as the key file, so that it
    /// need not be kept.
    pub(super) fn binding_cookie(&self, session: SessionId) -> Bearer {
        self.session_value("binding cookie", session)
    }

    /// What a page of ours reads from one cookie and repeats in a header, where the browser says nothing of
    /// who asked.
    pub(super) fn csrf_token(&self, session: SessionId) -> Bearer {
        self.session_value("csrf token", session)
    }

    fn session_value(&self, purpose: &str, session: SessionId) -> Bearer {
        let mut context = hmac::Context::with_key(&self.0.values);
        context.update(purpose.as_bytes());
        context.update(session.0.as_bytes());
        Bearer::new(BASE64.encode(context.sign()))
    }
}

/// A new secret of 256 random bits.
pub(super) fn new_bearer(kind: BearerKind, entropy: &dyn Entropy) -> Bearer {
    let mut bytes = [0; 32];
    entropy.fill(&mut bytes);
    Bearer::new(format!("{}{}", kind.prefix(), BASE64.encode(bytes)))
}

/// What is kept of it.
pub(super) fn hash(bearer: &Bearer) -> BearerHash {
    BearerHash(sha256(bearer.expose().as_bytes()))
}

/// SHA-256.
pub(super) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    out
}
