//! Who a user is for other issuers: `/v1/users/{id}/identities`.

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::RestState;
use super::extract::{Admin, Id, Json, NoQuery, User};
use super::problem::Problem;
use super::receipt::{ChangeQuery, Changed, Changing, Outcome};
use crate::domain::error::Error;
use crate::domain::id::UserId;
use crate::domain::issuer::{Identity, SUBJECT_BYTES_MAX};
use crate::domain::user::UserRef;

/// Who somebody is for another issuer.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Identity)]
struct IdentityBody {
    /// The `iss` of its tokens.
    #[schema(example = "https://issuer.example")]
    issuer: String,
    /// Its name for the person.
    #[schema(example = "248289761001")]
    subject: String,
}

/// Everybody that a user is.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Identities)]
struct IdentitiesBody {
    items: Vec<IdentityBody>,
}

/// Whether a user is that.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = IdentityLink)]
struct LinkBody {
    #[schema(value_type = Uuid)]
    user_id: UserId,
    #[serde(flatten)]
    identity: IdentityBody,
    linked: bool,
}

impl From<Identity> for IdentityBody {
    fn from(identity: Identity) -> Self {
        Self {
            issuer: identity.issuer,
            subject: identity.subject,
        }
    }
}

pub(super) fn routes() -> OpenApiRouter<RestState> {
    OpenApiRouter::new()
        .routes(routes!(list_identities))
        .routes(routes!(link_identity, unlink_identity))
}

/// The user and the identity that the path names.
async fn named(
    rest: &RestState,
    (user, issuer, subject): (UserRef, String, String),
) -> Result<(UserId, Identity), Problem> {
    let user = rest.core.resolve_user(user).await?;
    let issuer = rest.issuers.iss(&issuer).ok_or(Error::NotFound("issuer"))?;
    let fits = (1..=SUBJECT_BYTES_MAX).contains(&subject.len());
    if !fits || subject.chars().any(char::is_control) {
        return Err(Problem::invalid("a subject has 1 to 255 bytes"));
    }
    let issuer = issuer.to_owned();
    Ok((user, Identity { issuer, subject }))
}

/// List who a user is for other issuers
#[utoipa::path(get, path = "/v1/users/{id}/identities",
    params(("id" = String, Path, description = "The id, or `ext:` and the external id")),
    responses((status = 200, description = "All of them", body = IdentitiesBody)))]
async fn list_identities(
    State(rest): State<RestState>,
    _: Admin,
    _: NoQuery,
    User(user): User,
) -> Result<Json<IdentitiesBody>, Problem> {
    let identities = rest.core.list_identities(user).await?;
    let items = identities.into_iter().map(IdentityBody::from).collect();
    Ok(Json(IdentitiesBody { items }))
}

/// Link a user to who they are for another issuer
///
/// Then the issuer's tokens of this subject sign the user in.
#[utoipa::path(put, path = "/v1/users/{id}/identities/{issuer}/{subject}",
    params(("id" = String, Path, description = "The id, or `ext:` and the external id"),
        ("issuer" = String, Path, description = "The name of the issuer in the configuration"),
        ("subject" = String, Path, description = "The issuer's name for the person"), ChangeQuery),
    responses((status = 200, description = "The user is linked", body = Outcome<Changed<LinkBody>>)))]
async fn link_identity(
    State(rest): State<RestState>,
    Changing { call, settling, .. }: Changing<Admin>,
    Id(path): Id<(UserRef, String, String)>,
) -> Result<Json<Outcome<Changed<LinkBody>>>, Problem> {
    let (user_id, identity) = named(&rest, path).await?;
    let done = rest.core.link_identity(&call, user_id, identity.clone());
    let done = done.await?;
    let link = LinkBody {
        user_id,
        identity: identity.into(),
        linked: true,
    };
    Ok(Json(settling.beside(&rest, done.effect, link).await))
}

/// Unlink a user from who they are for another issuer
///
/// Sessions that came of it end.
#[utoipa::path(delete, path = "/v1/users/{id}/identities/{issuer}/{subject}",
    params(("id" = String, Path, description = "The id, or `ext:` and the external id"),
        ("issuer" = String, Path, description = "The name of the issuer in the configuration"),
        ("subject" = String, Path, description = "The issuer's name for the person"), ChangeQuery),
    responses((status = 200, description = "The user is not linked", body = Outcome<Changed<LinkBody>>)))]
async fn unlink_identity(
    State(rest): State<RestState>,
    Changing { call, settling, .. }: Changing<Admin>,
    Id(path): Id<(UserRef, String, String)>,
) -> Result<Json<Outcome<Changed<LinkBody>>>, Problem> {
    let (user_id, identity) = named(&rest, path).await?;
    let done = rest.core.unlink_identity(&call, user_id, identity.clone());
    let done = done.await?;
    let link = LinkBody {
        user_id,
        identity: identity.into(),
        linked: false,
    };
    Ok(Json(settling.beside(&rest, done.effect, link).await))
}
