//! Ids in paths. What is no id names nothing: 404, not 400.

use axum::extract::{FromRequestParts, Path};
use http::request::Parts;
use serde::de::DeserializeOwned;

use crate::domain::error::Error;
use crate::transport::rest::problem::Problem;

/// The id, or the ids, in the path.
pub(in crate::transport::rest) struct Id<T>(pub(in crate::transport::rest) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Id<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Path::from_request_parts(parts, state).await {
            Ok(Path(id)) => Ok(Self(id)),
            Err(_) => Err(Error::NotFound("resource").into()),
        }
    }
}
