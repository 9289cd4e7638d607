//! How the tokens of well-known providers are made. It may not know who uses them.

use sessionwire_guard::Algorithm;
use sessionwire_guard::ForeignAlgorithm::{self, Public};

/// A well-known provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preset {
    /// Amazon Cognito user pools.
    Cognito,
    /// Auth0.
    Auth0,
    /// Keycloak.
    Keycloak,
    /// Firebase Authentication.
    Firebase,
    /// Supabase Auth.
    Supabase,
}

impl Preset {
    /// Every one.
    pub const ALL: [Self; 5] = [
        Self::Cognito,
        Self::Auth0,
        Self::Keycloak,
        Self::Firebase,
        Self::Supabase,
    ];

    /// The word for it in the configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cognito => "cognito",
            Self::Auth0 => "auth0",
            Self::Keycloak => "keycloak",
            Self::Firebase => "firebase",
            Self::Supabase => "supabase",
        }
    }
}

/// What the configuration need not say about an issuer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PresetRules {
    /// Whom its tokens are meant for, where that follows from the issuer.
    pub audiences: Vec<String>,
    /// The claim that says whom.
    pub audience: &'static str,
    /// Claims with the values that they must have.
    pub required: &'static [&'static str],
    /// The claim that names the session there.
    pub session: &'static str,
    /// The claim with the names of groups.
    pub groups: Option<&'static str>,
    /// The claim that says when the person proved who they are.
    pub auth_time: &'static str,
    /// The claim with a name for people.
    pub display_name: &'static str,
    /// Where its keys are, unless discovery tells.
    pub jwks_url: Option<String>,
    /// What its tokens are signed with.
    pub algorithms: &'static [ForeignAlgorithm],
}

/// What OpenID Connect says, where no preset is chosen.
const STANDARD: PresetRules = PresetRules {
    audiences: Vec::new(),
    audience: "aud",
    required: &[],
    session: "sid",
    groups: Some("groups"),
    auth_time: "auth_time",
    display_name: "name",
    jwks_url: None,
    algorithms: &[Public(Algorithm::RS256), Public(Algorithm::ES256)],
};

const RS256: &[ForeignAlgorithm] = &[Public(Algorithm::RS256)];

impl PresetRules {
    /// The rules of a preset, or without one those of OpenID Connect.
    pub fn of(preset: Option<Preset>, issuer: &str) -> Self {
        let base = issuer.trim_end_matches('/');
        let under = |path: &str| Some(format!("{base}{path}"));
        match preset {
            None => STANDARD,
            // Access tokens name the client instead of an audience, and refreshed ones the first one's id.
            Some(Preset::Cognito) => Self {
                audience: "client_id",
                required: &["token_use=access"],
                session: "origin_jti",
                groups: Some("cognito:groups"),
                display_name: "username",
                jwks_url: under("/.well-known/jwks.json"),
                algorithms: RS256,
                ..STANDARD
            },
            // What is not of the standard has a name that looks like an address, and is different for each.
            Some(Preset::Auth0) => Self {
                groups: None,
                jwks_url: under("/.well-known/jwks.json"),
                algorithms: RS256,
                ..STANDARD
            },
            Some(Preset::Keycloak) => Self {
                required: &["typ=Bearer"],
                groups: Some("realm_access.roles"),
                jwks_url: under("/protocol/openid-connect/certs"),
                ..STANDARD
            },
            // Tokens name no session, but every one of a session says the same moment.
            Some(Preset::Firebase) => Self {
                audiences: base
                    .rsplit('/')
                    .next()
                    .map(str::to_owned)
                    .into_iter()
                    .collect(),
                session: "auth_time",
                groups: None,
                jwks_url: Some(FIREBASE_KEYS.to_owned()),
                algorithms: RS256,
                ..STANDARD
            },
            // Who signed in says so in a list, the last proof first.
            Some(Preset::Supabase) => Self {
                audiences: vec!["authenticated".to_owned()],
                session: "session_id",
                groups: None,
                auth_time: "amr.0.timestamp",
                display_name: "user_metadata.name",
                jwks_url: under("/.well-known/jwks.json"),
                ..STANDARD
            },
        }
    }
}

const FIREBASE_KEYS: &str =
    "https://www.googleapis.com/service_accounts/v1/jwk/securetoken@system.gserviceaccount.com";
