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

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::body::Body;
    use axum::routing::get;
    use http::Request;

    use super::*;
    use crate::domain::id::{GroupId, UserId};
    use crate::transport::rest::fixture::send;

    async fn told(path: &str) -> String {
        let routes = Router::new()
            .route("/{id}", get(async |Id(id): Id<UserId>| id.to_string()))
            .route(
                "/{id}/{user_id}",
                get(async |Id((group, user)): Id<(GroupId, UserId)>| format!("{group} {user}")),
            );
        let request = Request::builder().uri(path).body(Body::empty());
        send(routes, request.unwrap()).await.told()
    }

    #[tokio::test]
    async fn what_is_no_id_names_nothing() {
        let id = uuid::Uuid::from_u128(1);
        assert_eq!(told(&format!("/{id}")).await, format!("200 {id}"));
        assert_eq!(told(&format!("/{id}/{id}")).await, format!("200 {id} {id}"));
        let nothing = "404 not_found: there is no such resource";
        assert_eq!(told("/1").await, nothing);
        assert_eq!(told("/%00").await, nothing);
        assert_eq!(told(&format!("/{id}/x")).await, nothing);
    }
}
