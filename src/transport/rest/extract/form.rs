//! Bodies as OAuth's endpoints take them: `application/x-www-form-urlencoded`, parameters that nobody
//! knows ignored (RFC 6749 section 3.1). It may not know whose.

use axum::extract::rejection::FormRejection;
use axum::extract::{FromRequest, Request};
use serde::de::DeserializeOwned;

use super::body::unread;
use crate::domain::error::ErrorCode;
use crate::transport::rest::problem::Problem;

/// A form that must be there.
pub(in crate::transport::rest) struct Form<T>(pub(in crate::transport::rest) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Form<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        match axum::Form::from_request(request, state).await {
            Ok(axum::Form(value)) => Ok(Self(value)),
            Err(FormRejection::BytesRejection(rejection)) => Err(unread(rejection)),
            Err(FormRejection::InvalidFormContentType(_)) => Err(Problem::form(
                ErrorCode::UnsupportedMediaType,
                "send the body with `Content-Type: application/x-www-form-urlencoded`",
            )),
            Err(wrong) => Err(Problem::invalid(wrong.body_text())),
        }
    }
}
