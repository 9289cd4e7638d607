//! Tokens of services: what an API key gives for a few minutes. It may not know how the key was brought.

use super::{Core, Result};
use crate::domain::access::Scope;
use crate::domain::id::ApiKeyId;
use crate::domain::service_token::{ServiceClaims, joined};
use sessionwire_guard::keys::ACCESS_TOKEN_TYP;

/// A token of a service.
pub struct ServiceToken {
    /// The token.
    pub access_token: String,
    /// Seconds until it runs out.
    pub expires_in_s: u64,
    /// What it may do.
    pub scope: String,
}

impl Core {
    /// A token that may do this in place of a key. Whether the key has been taken back meanwhile shows where
    /// the token is used.
    pub async fn issue_service_token(
        &self,
        key: ApiKeyId,
        scopes: &[Scope],
    ) -> Result<ServiceToken> {
        let as_of = self.look().await?.find_head().await?;
        let now = self.clock.now();
        let claims = ServiceClaims {
            iss: self.settings.issuer.clone(),
            aud: self.settings.issuer.clone(),
            sub: key,
            client_id: key,
            iat: now.as_seconds(),
            exp: now.plus(self.settings.access_token_ttl).as_seconds(),
            jti: self.entropy.uuid(now),
            scope: joined(scopes),
            as_of,
        };
        Ok(ServiceToken {
            access_token: self.sign_as(ACCESS_TOKEN_TYP, &claims)?,
            expires_in_s: u64::try_from(claims.exp - claims.iat).unwrap_or(0),
            scope: claims.scope,
        })
    }
}
