//! Coming in with a token of another issuer. It may not know issuers: whether the token is genuine is for
//! `node`, and who comes in for `service`.

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::RestState;
use super::context::Context;
use super::delivery::{Delivery, DeliveryQuery};
use super::extract::{Json, object};
use super::problem::{Problem, ProblemBody};
use super::sign_in::{DeviceBody, PendingBody, SignedInBody, answer, settled};

/// A token of another issuer, and the device that it is used on.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SignInByToken)]
struct SignInByTokenBody {
    token: String,
    #[serde(deserialize_with = "object")]
    device: DeviceBody,
    /// For the longer pair of lifetimes in the policy.
    #[serde(default)]
    remember_me: bool,
}

pub(super) fn routes() -> OpenApiRouter<RestState> {
    OpenApiRouter::new().routes(routes!(sign_in_by_token))
}

/// Sign in with a token of another issuer
///
/// Of one that is configured. The same policies hold as for a password, and the answers are the same.
#[utoipa::path(post, path = "/v1/sign-in/token", params(DeliveryQuery), request_body = SignInByTokenBody, responses(
    (status = 200, description = "Signed in", body = SignedInBody),
    (status = 202, description = "The devices in the way are being asked", body = PendingBody),
    (status = 401, description = "The token is not valid, has expired, or its session was ended here", body = ProblemBody, content_type = "application/problem+json"),
    (status = 403, description = "Nobody here has this identity, or the account is suspended", body = ProblemBody, content_type = "application/problem+json"),
    (status = 409, description = "No seat is free; with a `takeover_token` where one may be taken", body = ProblemBody, content_type = "application/problem+json"),
    (status = 503, description = "The issuer's keys are not at hand", body = ProblemBody, content_type = "application/problem+json")))]
async fn sign_in_by_token(
    State(rest): State<RestState>,
    context: Context,
    delivery: Delivery,
    Json(body): Json<SignInByTokenBody>,
) -> Result<Response, Problem> {
    let device = body.device.read()?;
    let (origin, _) = rest.tokens.with_key(context.origin())?;
    let proof = rest
        .issuers
        .verify(&body.token, rest.clock.as_ref())
        .await?;
    let signed_in = rest
        .core
        .sign_in_by_proof(proof, Some(device), body.remember_me, &origin)
        .await?;
    let signed_in = settled(&rest, signed_in).await;
    answer(&rest, signed_in, StatusCode::OK, delivery).await
}
