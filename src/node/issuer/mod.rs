//! Other issuers: is a token of theirs genuine, and what does it prove? It may not know what becomes of it.
//!
//! Read `keys` next (how they are kept fresh), then `fetch` (how they are asked for).

mod fetch;
mod keys;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};
use sessionwire_guard::foreign::claimed_issuer;
use sessionwire_guard::{ForeignAlgorithm, TokenKind};
use tokio::task::JoinHandle;

use crate::domain::clock::Clock;
use crate::domain::error::Error;
use crate::domain::issuer::{IssuerRules, Logout, Proof};
use crate::domain::secret::SharedSecret;

pub use fetch::{KeyAddress, Published};
use keys::Keys;

/// An issuer, as it was configured.
#[derive(Clone, Debug)]
pub struct IssuerSpec {
    /// How its tokens are read.
    pub rules: IssuerRules,
    /// What its tokens may be signed with.
    pub algorithms: Vec<ForeignAlgorithm>,
    /// Where its published keys are; none where it only shares a secret.
    pub published: Option<Published>,
    /// The secret that it shares.
    pub secret: Option<SharedSecret>,
    /// Whether addresses that are not public are connected to.
    pub allow_private: bool,
    /// How long a request may take.
    pub timeout: Duration,
    /// Between two fetches where nobody asks for one.
    pub refresh: Duration,
}

/// The issuers; cloning shares them. Their tasks end with the last handle.
#[derive(Clone, Default)]
pub struct Issuers {
    by_iss: Arc<HashMap<String, Issuer>>,
    _tasks: Arc<Tasks>,
}

struct Issuer {
    rules: IssuerRules,
    keys: Arc<Keys>,
}

#[derive(Default)]
struct Tasks(Vec<JoinHandle<()>>);

impl Drop for Tasks {
    fn drop(&mut self) {
        for task in &self.0 {
            task.abort();
        }
    }
}

impl Issuers {
    /// Starts fetching their keys. Inside a tokio runtime only.
    pub fn start(specs: Vec<IssuerSpec>, clock: &Arc<dyn Clock>) -> Result<Self, Error> {
        let mut by_iss = HashMap::new();
        let mut tasks = Vec::new();
        for spec in specs {
            let keys = Arc::new(Keys::new(&spec, Arc::clone(clock))?);
            tasks.extend(keys.keep_fresh());
            let rules = spec.rules;
            by_iss.insert(rules.issuer.clone(), Issuer { rules, keys });
        }
        Ok(Self {
            by_iss: Arc::new(by_iss),
            _tasks: Arc::new(Tasks(tasks)),
        })
    }

    /// The `iss` of an issuer by what it is called here.
    pub fn iss(&self, name: &str) -> Option<&str> {
        let mut rules = self.by_iss.values().map(|issuer| &issuer.rules);
        let found = rules.find(|rules| rules.name == name)?;
        Some(&found.issuer)
    }

    /// Whether a token says that it is of an issuer whose tokens are taken as they are.
    pub fn attaches(&self, token: &str) -> bool {
        let any = self.by_iss.values().any(|issuer| issuer.rules.attaches);
        let whose = any.then(|| claimed_issuer(token)).flatten();
        let issuer = whose.and_then(|iss| self.by_iss.get(&iss));
        issuer.is_some_and(|issuer| issuer.rules.attaches)
    }

    /// What a token proves, if it is genuine, now.
    pub async fn verify(&self, token: &str, clock: &dyn Clock) -> Result<Proof, Error> {
        let (issuer, claims) = self.open(token, TokenKind::Access).await?;
        issuer.rules.read(&claims, clock.now())
    }

    /// Who signed out at an issuer, by the name that it has here, if its word is genuine, now.
    pub async fn hear_logout(
        &self,
        name: &str,
        token: &str,
        clock: &dyn Clock,
    ) -> Result<Logout, Error> {
        let iss = self.iss(name).ok_or(Error::NotFound("issuer"))?;
        let (issuer, claims) = self.open(token, TokenKind::Logout).await?;
        if issuer.rules.issuer != iss {
            return Err(Error::TokenInvalid);
        }
        issuer.rules.read_logout(&claims, clock.now())
    }

    async fn open(
        &self,
        token: &str,
        kind: TokenKind,
    ) -> Result<(&Issuer, Map<String, Value>), Error> {
        let issuer = claimed_issuer(token).and_then(|iss| self.by_iss.get(&iss));
        let issuer = issuer.ok_or(Error::TokenInvalid)?;
        Ok((issuer, issuer.keys.open(token, kind).await?))
    }
}
