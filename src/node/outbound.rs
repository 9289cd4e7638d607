//! Requests to other servers, by addresses that people configured.
//!
//! Unless allowed, nothing but the public network is connected to. The addresses that a name stands for
//! are judged where they are handed to the connection, so a name that changes its mind gains nothing; no
//! proxy and no redirect leads elsewhere. It may not know what is asked.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect::Policy;
use reqwest::{Client, Url};

use crate::domain::error::Error;
use crate::domain::network::is_public;

/// How we call ourselves.
const USER_AGENT: &str = concat!("Sessionwire/", env!("CARGO_PKG_VERSION"));

const NOT_PUBLIC: &str =
    "the address is not of the public network; the setting `addresses` allows it";

/// A client within these bounds.
pub(super) struct Outbound {
    http: Client,
    allow_private: bool,
}

impl Outbound {
    /// `timeout`: from the name's resolution to the answer's end.
    pub(super) fn new(allow_private: bool, timeout: Duration) -> Result<Self, Error> {
        let http = Client::builder()
            .user_agent(USER_AGENT)
            .dns_resolver(PublicOnly { allow_private })
            .no_proxy()
            .redirect(Policy::none())
            .timeout(timeout)
            .pool_max_idle_per_host(1)
            .build()
            .map_err(Error::internal)?;
        Ok(Self {
            http,
            allow_private,
        })
    }

    /// The client, for a request to this address. A number in it is no name, so no resolver sees it.
    pub(super) fn to(&self, url: &Url) -> Result<&Client, &'static str> {
        if !self.allow_private && address_in(url).is_some_and(|it| !is_public(it)) {
            return Err(NOT_PUBLIC);
        }
        Ok(&self.http)
    }
}

/// What went wrong, down to the cause, without the address: it may hold a secret.
pub(super) fn explain(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut told = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(error) = cause {
        told = format!("{told}: {error}");
        cause = error.source();
    }
    told
}

fn address_in(url: &Url) -> Option<IpAddr> {
    let host = url.host_str()?;
    host.trim_start_matches('[')
        .trim_end_matches(']')
        .parse()
        .ok()
}

/// Resolves names to addresses that may be connected to.
struct PublicOnly {
    allow_private: bool,
}

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        let allow_private = self.allow_private;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let found: Vec<SocketAddr> = found
                .filter(|address| allow_private || is_public(address.ip()))
                .collect();
            if found.is_empty() {
                return Err(NOT_PUBLIC.into());
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}
