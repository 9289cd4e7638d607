//! The one place where a code becomes an HTTP status. It may not know bodies or headers.

use http::StatusCode;

use crate::domain::error::ErrorCode;

/// The status of an error, by the contract's table.
pub fn http_status(code: ErrorCode) -> StatusCode {
    match code {
        ErrorCode::ValidationFailed => StatusCode::BAD_REQUEST,
        ErrorCode::InvalidCredentials
        | ErrorCode::TokenMissing
        | ErrorCode::TokenInvalid
        | ErrorCode::TokenExpired
        | ErrorCode::TokenStale
        | ErrorCode::SessionEnded
        | ErrorCode::InsufficientUserAuthentication
        | ErrorCode::InvalidDpopProof
        | ErrorCode::RefreshTokenInvalid
        | ErrorCode::RefreshTokenReused => StatusCode::UNAUTHORIZED,
        ErrorCode::Forbidden | ErrorCode::TakeoverDenied | ErrorCode::UserSuspended => {
            StatusCode::FORBIDDEN
        }
        ErrorCode::NotFound => StatusCode::NOT_FOUND,
        ErrorCode::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        ErrorCode::NotAcceptable => StatusCode::NOT_ACCEPTABLE,
        ErrorCode::AlreadyExists
        | ErrorCode::SessionLimitReached
        | ErrorCode::LastAdministrator
        | ErrorCode::IdempotencyInProgress => StatusCode::CONFLICT,
        ErrorCode::TakeoverExpired => StatusCode::GONE,
        ErrorCode::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        ErrorCode::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ErrorCode::IdempotencyKeyReused => StatusCode::UNPROCESSABLE_ENTITY,
        ErrorCode::RateLimited => StatusCode::TOO_MANY_REQUESTS,
        ErrorCode::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        ErrorCode::CannotDecide => StatusCode::SERVICE_UNAVAILABLE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_its_status() {
        let table: Vec<String> = ErrorCode::ALL
            .iter()
            .map(|code| format!("{} {}", http_status(*code).as_u16(), code.as_str()))
            .collect();
        insta::assert_snapshot!(table.join("\n"), @r"
        400 validation_failed
        401 invalid_credentials
        401 token_missing
        401 token_invalid
        401 token_expired
        401 token_stale
        401 session_ended
        401 insufficient_user_authentication
        401 invalid_dpop_proof
        401 refresh_token_invalid
        401 refresh_token_reused
        403 forbidden
        403 takeover_denied
        403 user_suspended
        404 not_found
        405 method_not_allowed
        406 not_acceptable
        415 unsupported_media_type
        409 already_exists
        409 session_limit_reached
        409 last_administrator
        409 idempotency_in_progress
        410 takeover_expired
        422 idempotency_key_reused
        413 too_large
        429 rate_limited
        500 internal
        503 cannot_decide
        ");
    }
}
