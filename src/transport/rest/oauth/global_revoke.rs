//! Global Token Revocation (draft-parecki-oauth-global-token-revocation), as identity providers call it when a
//! person is to be signed out everywhere. It may not tell whether there is such a person.

use axum::extract::State;
use http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::domain::error::Error;
use crate::domain::issuer::Identity;
use crate::domain::user::UserRef;
use crate::service::Mode;
use crate::transport::rest::RestState;
use crate::transport::rest::extract::{Json, NoQuery, Scoped, Who as _};
use crate::transport::rest::problem::Problem;

/// Whose tokens.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct GlobalRevocation {
    sub_id: SubjectId,
}

/// A subject identifier (RFC 9493).
#[derive(Deserialize, ToSchema)]
#[serde(tag = "format", rename_all = "snake_case")]
enum SubjectId {
    /// A user of this issuer, by id; or of another, as linked to it, else by the external id.
    IssSub { iss: String, sub: String },
    /// A user by the external id.
    Opaque { id: String },
}

pub(super) fn routes() -> OpenApiRouter<RestState> {
    OpenApiRouter::new().routes(routes!(revoke_globally))
}

/// Sign somebody out everywhere, as identity providers ask for it
///
/// Global Token Revocation: every session of the user ends with `identity_provider_logout`. Whether there is such a
/// user is not said.
#[utoipa::path(post, path = "/global-token-revocation", request_body = GlobalRevocation,
    responses((status = 204, description = "No token of the user is good any more")))]
async fn revoke_globally(
    State(rest): State<RestState>,
    caller: Scoped,
    _: NoQuery,
    Json(body): Json<GlobalRevocation>,
) -> Result<StatusCode, Problem> {
    let user = match body.sub_id {
        SubjectId::IssSub { iss, sub } if iss == rest.core.issuer() => sub.parse().ok(),
        SubjectId::IssSub { iss, sub } => Some(of_another(&rest, iss, sub).await?),
        SubjectId::Opaque { id } => Some(UserRef::External(id)),
    };
    let call = caller.call(Mode::Commit);
    let ended = match user {
        Some(user) => rest.core.end_sessions_for_provider(&call, user).await,
        None => Ok(()),
    };
    match ended {
        Ok(()) | Err(Error::NotFound(_)) => Ok(StatusCode::NO_CONTENT),
        Err(other) => Err(other.into()),
    }
}

/// Whom another issuer means.
async fn of_another(rest: &RestState, issuer: String, subject: String) -> Result<UserRef, Problem> {
    let external = UserRef::External(subject.clone());
    let linked = rest
        .core
        .find_user_of(&Identity { issuer, subject })
        .await?;
    Ok(linked.map_or(external, UserRef::Id))
}
