//! What a guard can be told. It may not know how it is carried out.

use std::time::Duration;

use reqwest::Url;

/// How long a request to the server may take.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

/// What happens to good tokens while the guard has not heard from the server for longer than
/// [`GuardSettings::max_feed_lag`]. Those that it knows to be bad are refused whatever is chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Behind {
    /// They are refused with `cannot_decide`.
    #[default]
    Refuse,
    /// The server is asked about each (RFC 7662); where it can't be asked, as [`Behind::Refuse`].
    Introspect,
    /// They are accepted. A guard that never heard from the server accepts only where a route says so
    /// itself.
    Accept,
}

/// The settings of a guard.
#[derive(Clone)]
pub struct GuardSettings {
    /// The server: `https://sessions.example`.
    pub url: String,
    /// An API key with the scope `feed`, and for [`Behind::Introspect`] and [`GuardSettings::issuers`] also
    /// `verify`.
    pub api_key: String,
    /// `iss` of good tokens.
    pub issuer: String,
    /// `aud` of good tokens.
    pub audience: String,
    /// The `iss` of other issuers whose tokens the server takes as they are (`use = "attach"`). The server is
    /// asked about such a token once, and from then on the feed decides; without them they are refused.
    pub issuers: Vec<String>,
    /// How old the guard's knowledge may be.
    pub max_feed_lag: Duration,
    /// What happens past it.
    pub behind: Behind,
    /// Verified tokens that are remembered, so that a repeated one costs no signature check.
    pub cache_size: usize,
    /// Entries that the index may have. Past it the guard can't decide.
    pub index_size_max: usize,
}

impl GuardSettings {
    /// The settings for tokens of this issuer, meant for this audience.
    pub fn new(
        url: impl Into<String>,
        api_key: impl Into<String>,
        issuer: impl Into<String>,
        audience: impl Into<String>,
    ) -> Self {
        Self {
            url: url.into(),
            api_key: api_key.into(),
            issuer: issuer.into(),
            audience: audience.into(),
            issuers: Vec::new(),
            max_feed_lag: Duration::from_secs(2),
            behind: Behind::Refuse,
            cache_size: 10_000,
            index_size_max: 1_000_000,
        }
    }

    pub(super) fn check(&self) -> Result<(), SettingsError> {
        self.address("")?;
        if self.api_key.is_empty() || !self.api_key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(SettingsError::ApiKey);
        }
        if self.max_feed_lag < Duration::from_secs(1) {
            return Err(SettingsError::MaxFeedLag);
        }
        let is_other = |iss: &String| !iss.is_empty() && *iss != self.issuer;
        if !self.issuers.iter().all(is_other) {
            return Err(SettingsError::Issuers);
        }
        Ok(())
    }

    pub(super) fn http_client() -> Result<reqwest::Client, SettingsError> {
        reqwest::Client::builder()
            .timeout(REQUEST_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|_| SettingsError::Tls)
    }

    /// The server's address with this path.
    pub(super) fn address(&self, path: &str) -> Result<Url, SettingsError> {
        let whole = format!("{}{path}", self.url.trim_end_matches('/'));
        let url = Url::parse(&whole).map_err(|_| SettingsError::Url)?;
        match url.scheme() {
            "http" | "https" if url.has_host() => Ok(url),
            _ => Err(SettingsError::Url),
        }
    }
}

impl std::fmt::Debug for GuardSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GuardSettings")
            .field("url", &self.url)
            .field("issuer", &self.issuer)
            .field("audience", &self.audience)
            .field("max_feed_lag", &self.max_feed_lag)
            .field("behind", &self.behind)
            .finish_non_exhaustive()
    }
}

/// Which setting is of no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// [`GuardSettings::url`].
    #[error("`url` must be the server's address, such as https://sessions.example")]
    Url,
    /// [`GuardSettings::api_key`].
    #[error("`api_key` must be a key of the server")]
    ApiKey,
    /// [`GuardSettings::issuers`].
    #[error("`issuers` are others than `issuer`, none of them empty")]
    Issuers,
    /// [`GuardSettings::max_feed_lag`].
    #[error("`max_feed_lag` must be at least a second: the feed's heartbeat")]
    MaxFeedLag,
    /// The system has no usable TLS.
    #[error("TLS can't be set up on this system")]
    Tls,
}

/// What one route needs.
#[derive(Clone, Debug, Default)]
pub struct Route {
    /// A permission that the token must list.
    pub requires: Option<String>,
    /// What happens past the lag; [`GuardSettings::behind`] where it is left out.
    pub behind: Option<Behind>,
}

impl Route {
    /// A route that needs this permission.
    pub fn requiring(permission: impl Into<String>) -> Self {
        Self {
            requires: Some(permission.into()),
            behind: None,
        }
    }
}
