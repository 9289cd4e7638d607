//! Asks an issuer for its keys: by its discovery document (OpenID Connect Discovery 1.0), or at their own
//! address. Bounded in time, size and where it leads. It may not know what keys are good for.

use std::time::Duration;

use reqwest::Url;
use serde::Deserialize;
use serde_json::Value;

use crate::domain::error::Error;
use crate::node::outbound::{Outbound, explain};

/// The largest answer, in bytes.
const BYTES_MAX: usize = 256 * 1024;
/// What an issuer's own account of itself is found under.
const DISCOVERY: &str = "/.well-known/openid-configuration";

/// Where an issuer's published keys are.
#[derive(Clone, Debug)]
pub enum Published {
    /// Here, as they were configured.
    Here(Value),
    /// There, to be asked for.
    At(KeyAddress),
}

/// Whom to ask.
#[derive(Clone, Debug)]
pub enum KeyAddress {
    /// The issuer tells where they are.
    Discovered {
        /// Its `iss`.
        issuer: String,
    },
    /// They are here.
    Direct {
        /// The address.
        url: String,
    },
}

/// Asks.
pub(super) struct Fetcher {
    outbound: Outbound,
    allow_plain: bool,
    address: KeyAddress,
    timeout: Duration,
}

#[derive(Deserialize)]
struct Discovered {
    issuer: String,
    jwks_uri: String,
}

impl Fetcher {
    pub(super) fn new(
        address: KeyAddress,
        allow_private: bool,
        timeout: Duration,
    ) -> Result<Self, Error> {
        Ok(Self {
            outbound: Outbound::new(allow_private, timeout)?,
            allow_plain: allow_private,
            address,
            timeout,
        })
    }

    /// The key set, or what went wrong, in words for whoever runs the server.
    pub(super) async fn fetch(&self) -> Result<Value, String> {
        let whole = async {
            match &self.address {
                KeyAddress::Direct { url } => self.ask(url).await,
                KeyAddress::Discovered { issuer } => self.ask(&self.discover(issuer).await?).await,
            }
        };
        let outcome = tokio::time::timeout(self.timeout, whole).await;
        outcome.map_err(|_| "it took too long".to_owned())?
    }

    async fn discover(&self, issuer: &str) -> Result<String, String> {
        let url = format!("{}{DISCOVERY}", issuer.trim_end_matches('/'));
        let found = serde_json::from_value::<Discovered>(self.ask(&url).await?);
        let found = found.map_err(|_| "the discovery document names no `jwks_uri`".to_owned())?;
        if found.issuer == issuer {
            Ok(found.jwks_uri)
        } else {
            Err("the discovery document is of another issuer".to_owned())
        }
    }

    async fn ask(&self, url: &str) -> Result<Value, String> {
        let url: Url = url.parse().map_err(|_| "the address can't be read")?;
        if url.scheme() != "https" && !(self.allow_plain && url.scheme() == "http") {
            return Err("the address is not https; the setting `addresses` allows http".to_owned());
        }
        let http = self.outbound.to(&url)?;
        let mut answer = http.get(url).send().await.map_err(explain)?;
        if !answer.status().is_success() {
            return Err(format!("the answer was {}", answer.status().as_u16()));
        }
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(explain)? {
            if body.len() + chunk.len() > BYTES_MAX {
                return Err(format!("the answer is larger than {BYTES_MAX} bytes"));
            }
            body.extend_from_slice(&chunk);
        }
        serde_json::from_slice(&body).map_err(|_| "the answer is not JSON".to_owned())
    }
}
