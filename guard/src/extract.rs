//! An extractor for axum: a handler that names it is called for requests with a good token only. It may
//! not know how a token is judged.

use std::sync::Arc;

use axum_core::extract::{FromRef, FromRequestParts};
use axum_core::response::{IntoResponse, Response};
use http::request::Parts;

use crate::claims::Claims;
use crate::client::{Guard, Refusal, Route};
use crate::layer::{check, refused};

/// Whose request it is. The state has to hold the [`Guard`]; behind a [`crate::GuardLayer`] the token is not
/// looked at twice.
#[derive(Clone, Debug)]
pub struct Authenticated(pub Arc<Claims>);

impl Authenticated {
    /// Goes on only where the token lists this permission.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`], which a handler can answer with.
    pub fn require(&self, permission: &str) -> Result<(), Refusal> {
        if self.0.allows(permission) {
            Ok(())
        } else {
            Err(Refusal::Forbidden)
        }
    }
}

impl<S> FromRequestParts<S> for Authenticated
where
    S: Send + Sync,
    Guard: FromRef<S>,
{
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        if let Some(claims) = parts.extensions.get::<Arc<Claims>>() {
            return Ok(Self(Arc::clone(claims)));
        }
        let guard = Guard::from_ref(state);
        let what = format!("{} {}", parts.method, parts.uri.path());
        let claims = check(&guard, &parts.headers, &Route::default(), &what).await?;
        parts.extensions.insert(Arc::clone(&claims));
        Ok(Self(claims))
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        refused(self)
    }
}
