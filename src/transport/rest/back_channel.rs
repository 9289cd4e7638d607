//! Word from identity providers that somebody signed out there (OpenID Connect Back-Channel Logout 1.0). It
//! may not know issuers: whether the word is genuine is for `node`, and who it concerns for `service`.

use std::time::Duration;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::RestState;
use super::context::Context;
use super::extract::{Form, Id, NoQuery};
use super::problem::{Problem, ProblemBody};
use crate::domain::access::{Actor, InitiatingEntity};
use crate::domain::error::Error;
use crate::service::{Call, Mode, Power};

/// What the provider posts.
#[derive(Deserialize, ToSchema)]
#[schema(as = BackChannelLogout)]
struct LogoutForm {
    logout_token: String,
}

pub(super) fn routes() -> OpenApiRouter<RestState> {
    OpenApiRouter::new().routes(routes!(log_out))
}

/// Hear from an identity provider that somebody signed out there
///
/// The `backchannel_logout_uri` to register with it. Sessions that came of that sign-in end with
/// `identity_provider_logout`; each token is taken once.
#[utoipa::path(post, path = "/v1/back-channel-logout/{issuer}",
    params(("issuer" = String, Path, description = "The name of the issuer in the configuration")),
    request_body(content = LogoutForm, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, description = "No session of that sign-in is left"),
    (status = 400, description = "The token is not valid, or was taken before", body = ProblemBody, content_type = "application/problem+json"),
    (status = 503, description = "The issuer's keys are not at hand", body = ProblemBody, content_type = "application/problem+json")))]
async fn log_out(
    State(rest): State<RestState>,
    context: Context,
    _: NoQuery,
    Id(issuer): Id<String>,
    Form(form): Form<LogoutForm>,
) -> Result<Response, Problem> {
    let clock = rest.clock.as_ref();
    let heard = rest.issuers.hear_logout(&issuer, &form.logout_token, clock);
    let logout = heard.await.map_err(refusal)?;
    let call = Call {
        cause: context.cause(Actor::System, InitiatingEntity::System),
        mode: Mode::Commit,
        power: Power::Full,
    };
    let change = rest.core.log_out_by_provider(&call, logout).await;
    rest.node
        .settle(change.map_err(refusal)?.seq, Duration::ZERO)
        .await;
    Ok(StatusCode::OK.into_response())
}

/// To the provider a bad token is a bad request (section 2.8).
fn refusal(error: Error) -> Problem {
    match error {
        Error::TokenInvalid | Error::TokenExpired => {
            Problem::invalid("the logout token is not valid, or was taken before")
        }
        other => other.into(),
    }
}
