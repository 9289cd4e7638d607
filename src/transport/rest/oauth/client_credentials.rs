//! The grant `client_credentials` (RFC 6749 section 4.4): an API key gives a token that stands for it for a few
//! minutes. It may not know what the token is used for.

use http::HeaderMap;

use super::refusal::Refusal;
use super::token::{Asked, Granted};
use crate::domain::error::Error;
use crate::domain::secret::Bearer;
use crate::domain::service_token::narrowed;
use crate::transport::rest::RestState;
use crate::transport::rest::extract::ClientSecret;

pub(super) async fn grant(
    rest: &RestState,
    headers: &HeaderMap,
    grant: Asked,
) -> Result<Granted, Refusal> {
    let Asked {
        client_id,
        client_secret,
        scope,
        ..
    } = grant;
    let secret = ClientSecret::of(headers, client_id.as_deref(), client_secret)?;
    let refused = || Refusal::client(secret.in_header);
    let Some((id, key)) = secret.pair else {
        return Err(refused());
    };
    let key = match rest.core.authenticate_api_key(&Bearer::new(key)).await {
        Ok(key) if key.id.to_string() == id => key,
        Ok(_) | Err(Error::TokenInvalid) => return Err(refused()),
        Err(other) => return Err(other.into()),
    };
    let scopes = match scope {
        None => key.scopes,
        Some(asked) => narrowed(&asked, &key.scopes).ok_or_else(|| {
            Refusal::asked("invalid_scope", "the API key has not all of these scopes")
        })?,
    };
    let issued = rest.core.issue_service_token(key.id, &scopes).await?;
    Ok(Granted {
        access_token: issued.access_token,
        token_type: "Bearer",
        expires_in: issued.expires_in_s,
        refresh_token: None,
        scope: Some(issued.scope),
        issued_token_type: None,
    })
}
