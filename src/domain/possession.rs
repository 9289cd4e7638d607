//! A client's word that it holds a key (DPoP, RFC 9449), as it came with a request, and what about the
//! request it has to fit. It may not know whether the proof came before, nor HTTP.

use std::sync::{Arc, OnceLock};

use sessionwire_guard::dpop::Proof;

use super::error::Error;

/// How far a proof's time may be from ours, in seconds: clocks of clients are not set by us.
pub const PROOF_WINDOW_S: i64 = 60;

/// The address that a request came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The method.
    pub method: String,
    /// `https` or `http`; `None`: behind a proxy that does not say, so that either fits.
    pub scheme: Option<String>,
    /// The host, with a port where it is not the scheme's own.
    pub authority: String,
    /// The path, without the query.
    pub path: String,
}

impl Place {
    /// Whether a proof is for a request to here (RFC 9449 section 4.3): the query is not compared, the names of
    /// scheme and host are of any case, and a port that is the scheme's own may be left out.
    pub fn fits(&self, htm: &str, htu: &str) -> bool {
        let Some((scheme, rest)) = htu.split_once("://") else {
            return false;
        };
        let rest = rest.split(['?', '#']).next().unwrap_or_default();
        let start = rest.find('/').unwrap_or(rest.len());
        let (authority, path) = rest.split_at(start);
        // A socket's address may be written as a browser writes it.
        let scheme = match scheme.to_ascii_lowercase().as_str() {
            "http" | "ws" => "http",
            "https" | "wss" => "https",
            _ => return false,
        };
        let path = if path.is_empty() { "/" } else { path };
        htm == self.method
            && self.scheme.as_deref().is_none_or(|own| own == scheme)
            && bare(authority, scheme) == bare(&self.authority, scheme)
            && path == self.path
    }
}

/// The authority without the port that goes without saying.
fn bare(authority: &str, scheme: &str) -> String {
    let authority = authority.to_ascii_lowercase();
    let own_port = if scheme == "https" { ":443" } else { ":80" };
    match authority.strip_suffix(own_port) {
        Some(host) => host.to_owned(),
        None => authority,
    }
}

/// A proof as it came; shared by all who look at the request.
#[derive(Clone, Debug)]
pub struct KeyProof {
    /// The proof.
    pub text: String,
    /// Where it has to be for.
    pub place: Place,
    held: Arc<OnceLock<Held>>,
}

/// What a proof was found to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The thumbprint of the key.
    pub jkt: String,
    /// The hash of the token that it went along with.
    pub ath: Option<String>,
}

/// What a request brings to show that it comes from whoever was given the token.
#[derive(Clone, Debug, Default)]
pub struct Possession {
    /// The proof, where there is one.
    pub proof: Option<KeyProof>,
    /// Whether the token was said to be a bound one.
    pub is_declared: bool,
}

impl KeyProof {
    /// One that came with a request to `place`.
    pub fn new(text: String, place: Place) -> Self {
        Self {
            text,
            place,
            held: Arc::default(),
        }
    }

    /// What it was found to show before, in the same request.
    pub fn known(&self) -> Option<&Held> {
        self.held.get()
    }

    /// Remembers what it shows.
    pub fn learn(&self, held: Held) {
        drop(self.held.set(held));
    }

    /// Reads it, and checks all but whether it came before.
    pub fn open(&self, now_s: i64, ath: Option<&str>) -> Result<Proof, Error> {
        let proof = Proof::open(&self.text).map_err(|_| {
            Error::ProofInvalid("the DPoP proof is not a genuine one: see RFC 9449 section 4.2")
        })?;
        if !self.place.fits(&proof.htm, &proof.htu) {
            return Err(Error::ProofInvalid(
                "the DPoP proof is for another request: see `htm` and `htu`",
            ));
        }
        if proof.iat.abs_diff(now_s) > PROOF_WINDOW_S.unsigned_abs() {
            return Err(Error::ProofInvalid(
                "the DPoP proof is too old, or its `iat` lies ahead: make a new one for each request",
            ));
        }
        if ath.is_some() && proof.ath.as_deref() != ath {
            return Err(Error::ProofInvalid(
                "the DPoP proof is for another token: see `ath`",
            ));
        }
        Ok(proof)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(scheme: Option<&str>, authority: &str) -> Place {
        Place {
            method: "GET".to_owned(),
            scheme: scheme.map(str::to_owned),
            authority: authority.to_owned(),
            path: "/v1/me".to_owned(),
        }
    }

    #[test]
    fn an_address_is_compared_as_an_address() {
        let here = place(Some("https"), "app.example");
        for same in [
            "https://app.example/v1/me",
            "HTTPS://App.Example:443/v1/me?limit=1#x",
            "wss://app.example/v1/me",
        ] {
            assert!(here.fits("GET", same), "{same}");
        }
        for other in [
            "http://app.example/v1/me",
            "https://app.example:8443/v1/me",
            "https://app.example.evil/v1/me",
            "https://app.example@evil/v1/me",
            "https://app.example/v1/me/",
            "https://app.example/v1/ME",
            "https://app.example",
            "ftp://app.example/v1/me",
            "/v1/me",
            "",
        ] {
            assert!(!here.fits("GET", other), "{other}");
        }
        assert!(!here.fits("POST", "https://app.example/v1/me"));
        assert!(!here.fits("get", "https://app.example/v1/me"));
    }

    #[test]
    fn behind_a_silent_proxy_either_scheme_fits() {
        let here = place(None, "app.example:7400");
        assert!(here.fits("GET", "https://app.example:7400/v1/me"));
        assert!(here.fits("GET", "http://app.example:7400/v1/me"));
        assert!(!here.fits("GET", "https://app.example/v1/me"));
    }
}
