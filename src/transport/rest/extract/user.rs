//! Users as callers name them: by id, or as `ext:…` by an id of the caller's own. Whoever reads one has asked
//! before who the caller is, so that nobody else finds out who exists.

use axum::extract::FromRequestParts;
use http::request::Parts;

use super::path::Id;
use crate::domain::id::{GroupId, UserId};
use crate::domain::user::UserRef;
use crate::transport::rest::RestState;
use crate::transport::rest::problem::Problem;

/// The user in the path.
pub(in crate::transport::rest) struct User(pub(in crate::transport::rest) UserId);

/// The group and the user in the path.
pub(in crate::transport::rest) struct Member(
    pub(in crate::transport::rest) GroupId,
    pub(in crate::transport::rest) UserId,
);

impl FromRequestParts<RestState> for User {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, rest: &RestState) -> Result<Self, Problem> {
        let Id(user) = Id::<UserRef>::from_request_parts(parts, rest).await?;
        Ok(Self(rest.core.resolve_user(user).await?))
    }
}

impl FromRequestParts<RestState> for Member {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, rest: &RestState) -> Result<Self, Problem> {
        let Id((group, user)) = Id::<(GroupId, UserRef)>::from_request_parts(parts, rest).await?;
        Ok(Self(group, rest.core.resolve_user(user).await?))
    }
}

/// The user in a query, where there is one.
pub(in crate::transport::rest) async fn resolved(
    rest: &RestState,
    user: Option<UserRef>,
) -> Result<Option<UserId>, Problem> {
    match user {
        Some(user) => Ok(Some(rest.core.resolve_user(user).await?)),
        None => Ok(None),
    }
}
