//! The token endpoint (RFC 6749 section 3.2), for clients that refresh as OAuth does. It may not know more of
//! refreshing than `/v1/token/refresh` does.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::domain::error::{Error, ErrorCode};
use crate::domain::secret::Bearer;
use crate::transport::rest::RestState;
use crate::transport::rest::context::Context;
use crate::transport::rest::extract::{Form, NoQuery};
use crate::transport::rest::problem::Problem;

/// What a client grants; other parameters are ignored.
#[derive(Deserialize, ToSchema)]
#[schema(as = TokenRequest)]
struct Grant {
    /// `refresh_token`.
    grant_type: Option<String>,
    refresh_token: Option<String>,
}

/// New tokens (RFC 6749 section 5.1).
#[derive(Serialize, ToSchema)]
#[schema(as = TokenResponse)]
struct Granted {
    access_token: String,
    token_type: &'static str,
    /// Seconds until the access token runs out.
    expires_in: u64,
    refresh_token: String,
}

/// Why there are none (RFC 6749 section 5.2), and the code that other calls give.
#[derive(Serialize, ToSchema)]
#[schema(as = TokenError)]
struct Refused {
    error: &'static str,
    error_description: String,
    code: &'static str,
}

pub(super) fn routes() -> OpenApiRouter<RestState> {
    OpenApiRouter::new().routes(routes!(token))
}

/// Refresh as OAuth does
///
/// RFC 6749, grant `refresh_token`; the client needs no secret. Errors are those of OAuth, with the stable `code`
/// beside.
#[utoipa::path(post, path = "/oauth/token",
    request_body(content = Grant, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, description = "New tokens", body = Granted),
        (status = 400, description = "There are none", body = Refused)))]
async fn token(
    State(rest): State<RestState>,
    context: Context,
    _: NoQuery,
    Form(grant): Form<Grant>,
) -> Result<Response, Problem> {
    let token = match (grant.grant_type.as_deref(), grant.refresh_token) {
        (Some("refresh_token"), Some(token)) => Bearer::new(token),
        (Some("refresh_token"), None) => {
            return Ok(refused("invalid_request", "`refresh_token` is missing"));
        }
        (Some(_), _) => {
            return Ok(refused(
                "unsupported_grant_type",
                "only `refresh_token` is granted",
            ));
        }
        (None, _) => return Ok(refused("invalid_request", "`grant_type` is missing")),
    };
    match rest.core.refresh(&token, &context.origin()).await {
        Ok(signed_in) => Ok(Json(Granted {
            access_token: signed_in.access_token,
            token_type: "Bearer",
            expires_in: signed_in.expires_in_s,
            refresh_token: signed_in.refresh_token.expose().to_owned(),
        })
        .into_response()),
        Err(
            error @ (Error::RefreshTokenInvalid
            | Error::RefreshTokenReused
            | Error::SessionEnded(_)),
        ) => Ok(answer("invalid_grant", error.to_string(), error.code())),
        Err(other) => Err(other.into()),
    }
}

fn refused(error: &'static str, description: &str) -> Response {
    answer(error, description.to_owned(), ErrorCode::ValidationFailed)
}

fn answer(error: &'static str, error_description: String, code: ErrorCode) -> Response {
    let code = code.as_str();
    let body = Refused {
        error,
        error_description,
        code,
    };
    (StatusCode::BAD_REQUEST, Json(body)).into_response()
}
