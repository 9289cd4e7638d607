//! Secrets as types that can't be printed. It may not know how they are hashed.

/// A password in clear, on its way to the hash, or to the other server whose account it is of.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

impl Password {
    /// Wraps it.
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// For hashing, for signing in elsewhere, and for nothing else.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// A secret that a client presents: a refresh, takeover or request token, a ticket, an API key.
#[derive(Clone, PartialEq, Eq)]
pub struct Bearer(String);

impl Bearer {
    /// Wraps it.
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// For hashing, and for the one answer that hands it out.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// What is kept of a [`Bearer`]: SHA-256. The secret has 256 random bits, so no salt is needed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct BearerHash(pub [u8; 32]);

/// A secret that another server has too, to see that something comes from us.
#[derive(Clone, PartialEq, Eq)]
pub struct SharedSecret(Vec<u8>);

impl SharedSecret {
    /// Wraps it.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// For signing and nothing else.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

/// The address of a database, which may hold the password of the account there.
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseUrl(String);

impl DatabaseUrl {
    /// Wraps it.
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// For the driver and nothing else.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

macro_rules! redacted {
    ($($name:ident),*) => {
        $(impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(concat!(stringify!($name), "(redacted)"))
            }
        })*
    };
}
redacted!(Password, Bearer, BearerHash, SharedSecret, DatabaseUrl);
