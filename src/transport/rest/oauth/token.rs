//! The token endpoint (RFC 6749 section 3.2), for clients that speak OAuth. It may not know more of
//! refreshing than `/v1/token/refresh` does.

use axum::Json;
use axum::extract::State;
use http::HeaderMap;
use serde::{Deserialize, Serialize};
use sessionwire_guard::dpop::Proof;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::refusal::{Refusal, RefusedBody};
use super::{client_credentials, exchange};
use crate::domain::error::Error;
use crate::domain::secret::Bearer;
use crate::service::{Origin, SignedIn};
use crate::transport::rest::RestState;
use crate::transport::rest::context::Context;
use crate::transport::rest::extract::{Form, NoQuery};
use crate::transport::rest::problem::Problem;

/// What a client grants; other parameters are ignored.
#[derive(Deserialize, ToSchema)]
#[schema(as = TokenRequest)]
pub(super) struct Asked {
    /// `refresh_token`, `client_credentials` or `urn:ietf:params:oauth:grant-type:token-exchange`.
    grant_type: Option<String>,
    /// To refresh.
    refresh_token: Option<String>,
    /// The id of an API key, for `client_credentials`, where they are not in the header.
    pub(super) client_id: Option<String>,
    /// The key.
    pub(super) client_secret: Option<String>,
    /// For `client_credentials`: which of the key's scopes; all of them where it is left out.
    pub(super) scope: Option<String>,
    /// To exchange: a token of a configured issuer.
    pub(super) subject_token: Option<String>,
    /// Of `urn:ietf:params:oauth:token-type:`: `access_token`, `id_token` or `jwt`.
    pub(super) subject_token_type: Option<String>,
    /// `urn:ietf:params:oauth:token-type:access_token`, or left out.
    pub(super) requested_token_type: Option<String>,
    /// This server's, or left out.
    pub(super) audience: Option<String>,
    /// As `audience`.
    pub(super) resource: Option<String>,
    /// Not taken.
    pub(super) actor_token: Option<String>,
    /// Not taken.
    pub(super) actor_token_type: Option<String>,
    /// To exchange: the device, a UUID that the client keeps. Left out, the sign-in at the issuer is a device
    /// by itself.
    pub(super) device_id: Option<String>,
    /// A name that a person recognises.
    pub(super) device_name: Option<String>,
    /// `web`, `ios`, `android`, `desktop`, `game` or `other`.
    pub(super) device_platform: Option<String>,
    /// `true` for the longer pair of lifetimes in the policy.
    pub(super) remember_me: Option<String>,
}

/// New tokens (RFC 6749 section 5.1).
#[derive(Serialize, ToSchema)]
#[schema(as = TokenResponse)]
pub(super) struct Granted {
    pub(super) access_token: String,
    pub(super) token_type: &'static str,
    /// Seconds until the access token runs out.
    pub(super) expires_in: u64,
    /// Not for `client_credentials`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(super) refresh_token: Option<String>,
    /// For `client_credentials`: what the token may do.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(super) scope: Option<String>,
    /// For an exchange: what was issued.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(super) issued_token_type: Option<&'static str>,
}

impl From<SignedIn> for Granted {
    fn from(signed_in: SignedIn) -> Self {
        let token_type = signed_in.token_type();
        Self {
            access_token: signed_in.access_token,
            token_type,
            expires_in: signed_in.expires_in_s,
            refresh_token: Some(signed_in.refresh_token.expose().to_owned()),
            scope: None,
            issued_token_type: None,
        }
    }
}

pub(super) fn routes() -> OpenApiRouter<RestState> {
    OpenApiRouter::new().routes(routes!(token))
}

/// Get tokens as OAuth does
///
/// RFC 6749: `refresh_token`, for which a client needs no secret, and `client_credentials`, for which an API key's id
/// is the client's id and the key its secret. RFC 8693: the token of another issuer for a session here. Errors are
/// those of OAuth, with the stable `code` beside.
#[utoipa::path(post, path = "/oauth/token",
    request_body(content = Asked, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, description = "New tokens", body = Granted),
        (status = 400, description = "There are none", body = RefusedBody),
        (status = 401, description = "The client is not who it says", body = RefusedBody)))]
async fn token(
    State(rest): State<RestState>,
    context: Context,
    _: NoQuery,
    headers: HeaderMap,
    form: Result<Form<Asked>, Problem>,
) -> Result<Json<Granted>, Refusal> {
    let Form(grant) = form?;
    let origin = context.origin();
    let granted = match grant.grant_type.as_deref() {
        Some("refresh_token") => refresh(&rest, &origin, grant).await,
        Some("client_credentials") => client_credentials::grant(&rest, &headers, grant).await,
        Some(exchange::GRANT) => exchange::grant(&rest, &origin, grant).await,
        Some(_) => Err(Refusal::asked(
            "unsupported_grant_type",
            "what is granted is in the metadata",
        )),
        None => Err(Refusal::request("`grant_type` is missing")),
    };
    granted.map(Json)
}

async fn refresh(rest: &RestState, origin: &Origin, grant: Asked) -> Result<Granted, Refusal> {
    let token = grant
        .refresh_token
        .ok_or_else(|| Refusal::request("`refresh_token` is missing"))?;
    let (origin, proof) = keyed(rest, origin)?;
    let refreshed = rest.core.refresh(&Bearer::new(token), &origin).await;
    let refreshed = refreshed.and_then(|it| rest.tokens.refreshed(it, proof.as_ref()));
    refreshed.map(Granted::from).map_err(|error| match error {
        Error::RefreshTokenInvalid
        | Error::RefreshTokenReused
        | Error::SessionEnded(_)
        | Error::SignInTooOld => Refusal::of("invalid_grant", &error),
        other => other.into(),
    })
}

/// The same request, and the key that its client shows to hold (RFC 9449 section 5).
pub(super) fn keyed(rest: &RestState, origin: &Origin) -> Result<(Origin, Option<Proof>), Refusal> {
    Ok(rest.tokens.with_key(origin.clone())?)
}
