//! Token revocation (RFC 7009): a service gives a token back, and its session ends. It may not know why.

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use serde::Deserialize;
use sessionwire_guard::Verdict;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::refusal::{Refusal, RefusedBody};
use crate::domain::error::Error;
use crate::domain::id::SessionId;
use crate::domain::secret::Bearer;
use crate::node::{Certainty, Seen};
use crate::service::Origin;
use crate::transport::rest::RestState;
use crate::transport::rest::extract::{ClientForm, NoQuery};
use crate::transport::rest::problem::Problem;

/// The token; other parameters are ignored (RFC 6749 section 3.1).
#[derive(Deserialize, ToSchema)]
#[schema(as = RevocationRequest)]
struct Given {
    /// An access token or a refresh token.
    token: String,
    /// Not needed.
    #[serde(default)]
    #[expect(
        dead_code,
        reason = "RFC 7009 has it; which token it is shows by itself"
    )]
    token_type_hint: Option<String>,
}

pub(super) fn routes() -> OpenApiRouter<RestState> {
    OpenApiRouter::new().routes(routes!(revoke))
}

/// Give a token back
///
/// RFC 7009. The session of the token ends (`signed_out`). A token that is unknown, expired or of a session that has
/// ended is 200 alike.
#[utoipa::path(post, path = "/oauth/revoke",
    request_body(content = Given, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, description = "The token is good no more"),
        (status = 400, description = "A token of a service: take its API key back", body = RefusedBody)))]
async fn revoke(
    State(rest): State<RestState>,
    _: NoQuery,
    asked: ClientForm<Given>,
) -> Result<Response, Problem> {
    let (given, call) = asked.of_writer()?;
    if let Ok(Some(_)) = rest.node.check_service(&given.token) {
        return Ok(Refusal::asked(
            "unsupported_token_type",
            "a token of a service is taken back with its API key",
        )
        .into_response());
    }
    if let Some(session) = session_of(&rest, given.token).await? {
        rest.core.give_back(&call, session).await?;
    }
    Ok(StatusCode::OK.into_response())
}

async fn session_of(rest: &RestState, token: String) -> Result<Option<SessionId>, Problem> {
    let token = Bearer::new(token);
    if let Some(session) = rest.core.session_of_refresh_token(&token) {
        return Ok(Some(session));
    }
    let origin = Origin::default();
    let token = Seen::once(token.expose());
    let examined = rest
        .tokens
        .examine_alone(&token, &origin, Certainty::Leased)
        .await;
    match examined {
        Ok((claims, Verdict::Good | Verdict::Stale(_))) => Ok(Some(claims.sid)),
        Ok((_, Verdict::Ended(..)))
        | Err(Error::TokenInvalid | Error::TokenExpired | Error::SessionEnded(_)) => Ok(None),
        Err(other) => Err(other.into()),
    }
}
