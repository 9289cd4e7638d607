//! Token introspection (RFC 7662): a service asks whether a token is good. It may not know what for.

use std::sync::Arc;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use sessionwire_guard::{Claims, Verdict};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::domain::access::Scope;
use crate::domain::error::Error;
use crate::domain::service_token::ServiceClaims;
use crate::node::Certainty;
use crate::service::Origin;
use crate::transport::rest::RestState;
use crate::transport::rest::extract::{ClientForm, Json, NoQuery};
use crate::transport::rest::problem::Problem;

/// The token in question; other parameters are ignored (RFC 6749 section 3.1).
#[derive(Deserialize, ToSchema)]
#[schema(as = IntrospectionRequest)]
struct Question {
    token: String,
    /// Not needed.
    #[serde(default)]
    #[expect(
        dead_code,
        reason = "RFC 7662 has it; which token it is shows by itself"
    )]
    token_type_hint: Option<String>,
}

/// `active: false` and nothing else for anything that is not good; else what the token says.
#[derive(Serialize, ToSchema)]
#[schema(as = Introspection)]
struct Answer {
    active: bool,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    token: Option<Active>,
}

#[derive(Serialize)]
struct Active {
    token_type: &'static str,
    #[serde(flatten)]
    claims: Said,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Said {
    OfSession(Arc<Claims>),
    OfService(ServiceClaims),
}

pub(super) fn routes() -> OpenApiRouter<RestState> {
    OpenApiRouter::new().routes(routes!(introspect))
}

/// Ask whether a token is good
///
/// RFC 7662. A token that was revoked, whose session has ended, whose rights are out of date, that is expired or
/// was never one answers `active: false` alike.
#[utoipa::path(post, path = "/oauth/introspect",
    request_body(content = Question, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, description = "Whether it is, and what it says", body = Answer)))]
async fn introspect(
    State(rest): State<RestState>,
    _: NoQuery,
    asked: ClientForm<Question>,
) -> Result<Json<Answer>, Problem> {
    let question = asked.of_service(Scope::Verify)?;
    let origin = Origin::default();
    let seen = rest.tokens.look_up(&question.token);
    if !seen.is_known() {
        match rest.node.check_service(&question.token) {
            Ok(None) => {}
            Ok(Some(claims)) => return Ok(Json(active(Some(Said::OfService(claims))))),
            Err(Error::TokenInvalid | Error::TokenExpired) => return Ok(Json(active(None))),
            Err(other) => return Err(other.into()),
        }
    }
    let examined = rest
        .tokens
        .examine_alone(&seen, &origin, Certainty::Leased)
        .await;
    let claims = match examined {
        Ok((claims, Verdict::Good)) => {
            rest.core.note_presented(&claims).await?;
            Some(Said::OfSession(claims))
        }
        // The last five are of tokens of other issuers that stand for nobody here.
        Ok((_, Verdict::Ended(..) | Verdict::Stale(_)))
        | Err(
            Error::TokenInvalid
            | Error::TokenExpired
            | Error::SessionEnded(_)
            | Error::SignInTooOld
            | Error::UserSuspended
            | Error::Forbidden(_)
            | Error::SessionLimitReached { .. },
        ) => None,
        Err(other) => return Err(other.into()),
    };
    Ok(Json(active(claims)))
}

fn active(claims: Option<Said>) -> Answer {
    Answer {
        active: claims.is_some(),
        token: claims.map(|claims| Active {
            token_type: match &claims {
                Said::OfSession(claims) => claims.token_type(),
                Said::OfService(_) => "Bearer",
            },
            claims,
        }),
    }
}
