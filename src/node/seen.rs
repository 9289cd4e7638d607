//! A token as it is brought, and what is remembered of it. It may not know whether it still holds.
//!
//! Who calls brings the same token with each request, so its signature is verified once. A socket brings it once, so
//! it is not remembered for that: of fifteen thousand who connect every one would take room for nothing.

use std::sync::Arc;

use sessionwire_guard::keys::TOKEN_BYTES_MAX;
use sessionwire_guard::{Claims, Fingerprint, KeySet, Verified, fingerprint};

/// Tokens of which it is remembered that they are genuine, and what they say.
const REMEMBERED_MAX: usize = 20_000;

/// A token that is to be looked at.
pub struct Seen<'a> {
    text: &'a str,
    /// What it is remembered by; nothing where it comes once.
    name: Option<Fingerprint>,
    known: Option<Arc<Claims>>,
}

impl<'a> Seen<'a> {
    /// One that comes once.
    pub fn once(text: &'a str) -> Self {
        Self {
            text,
            name: None,
            known: None,
        }
    }

    /// The token.
    pub fn text(&self) -> &'a str {
        self.text
    }

    /// Whether it was found before to be one of ours for a person.
    pub fn is_known(&self) -> bool {
        self.known.is_some()
    }

    pub(super) fn known(&self) -> Option<&Arc<Claims>> {
        self.known.as_ref()
    }

    /// What it is remembered by.
    pub fn name(&self) -> Fingerprint {
        self.name.unwrap_or_else(|| fingerprint(self.text))
    }
}

/// What is remembered of tokens.
pub(super) struct Memory(Verified);

impl Memory {
    pub(super) fn new() -> Self {
        Self(Verified::new(REMEMBERED_MAX))
    }

    /// A token, with what is remembered of it. Nothing is where these keys lack the one that vouched for it: a key's
    /// name is never another's.
    pub(super) fn look_up<'a>(&self, text: &'a str, keys: Option<&KeySet>) -> Seen<'a> {
        if text.len() > TOKEN_BYTES_MAX {
            // None of ours is so long.
            return Seen::once(text);
        }
        let name = fingerprint(text);
        let vouched = |claims: &Arc<Claims>| {
            let kid = claims.kid.as_deref();
            kid.is_some_and(|kid| keys.is_some_and(|keys| keys.has(kid)))
        };
        Seen {
            text,
            name: Some(name),
            known: self.0.get(&name).filter(vouched),
        }
    }

    /// It was found genuine.
    pub(super) fn remember(&self, seen: &Seen<'_>, claims: &Arc<Claims>) {
        if let Some(name) = seen.name {
            self.0.put(name, Arc::clone(claims));
        }
    }
}
