//! Who asks, and may they: a signed-in user, an administrator, a service. It may not know what for.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use http::request::Parts;
use sessionwire_guard::Claims;

use crate::domain::access::{Actor, InitiatingEntity, Scope};
use crate::domain::error::Error;
use crate::domain::id::ApiKeyId;
use crate::domain::permission;
use crate::domain::secret::Bearer;
use crate::node::{Certainty, Service};
use crate::service::{Call, Mode, Origin, Power};
use crate::transport::cookies::{self, Sent};
use crate::transport::possession::SCHEME;
use crate::transport::rest::RestState;
use crate::transport::rest::context::Context;
use crate::transport::rest::problem::Problem;

/// What API keys begin with.
pub(super) const API_KEY_PREFIX: &str = "swk_";

/// A caller that can make changing calls.
pub(in crate::transport::rest) trait Who:
    FromRequestParts<RestState, Rejection = Problem>
{
    /// How the caller's change goes to the core.
    fn call(&self, mode: Mode) -> Call;
}

/// A user by the access token of a session.
pub(in crate::transport::rest) struct SignedInUser {
    pub(in crate::transport::rest) claims: Arc<Claims>,
    context: Context,
}

/// The same, and the token may be stale.
pub(in crate::transport::rest) struct SignedInUserStale(SignedInUser);

/// Somebody with the permission `sessionwire:admin`, or a key with the scope `admin`.
pub(in crate::transport::rest) struct Admin(Caller);

/// An administrator, or a key with the scope `sessions`.
pub(in crate::transport::rest) struct Scoped(Caller);

struct Caller {
    actor: Actor,
    power: Power,
    context: Context,
}

/// Whose credential a request brings.
#[derive(Clone, Debug)]
pub(in crate::transport::rest) enum Identity {
    User(Arc<Claims>),
    ApiKey(ApiKeyId, Arc<[Scope]>),
}

impl Identity {
    pub(in crate::transport::rest) fn actor(&self) -> Actor {
        match self {
            Self::User(claims) => Actor::User(claims.sub),
            Self::ApiKey(id, _) => Actor::ApiKey(*id),
        }
    }

    /// Whether it may do everything.
    pub(super) fn administers(&self) -> bool {
        matches!(self.power(), Some(Power::Full))
    }

    /// Whether it may do what this scope is for.
    pub(super) fn may(&self, scope: Scope) -> bool {
        match self {
            Self::User(_) => self.administers(),
            Self::ApiKey(_, scopes) => self.administers() || scopes.contains(&scope),
        }
    }

    /// What it may change for others; `None`: nothing.
    pub(in crate::transport::rest) fn power(&self) -> Option<Power> {
        match self {
            Self::User(claims) => claims.allows(permission::ADMIN).then_some(Power::Full),
            Self::ApiKey(_, scopes) if scopes.contains(&Scope::Admin) => Some(Power::Full),
            Self::ApiKey(_, scopes) => scopes
                .contains(&Scope::Sessions)
                .then_some(Power::SparesAdministrators),
        }
    }
}

/// Whose credential the request brings; looked up once a request.
pub(in crate::transport::rest) async fn identify(
    parts: &mut Parts,
    rest: &RestState,
) -> Result<Identity, Problem> {
    if let Some(known) = parts.extensions.get::<Identity>() {
        return Ok(known.clone());
    }
    let origin = Context::from_request_parts(parts, rest).await?.origin();
    let brought = token_of(&parts.headers, rest)?;
    let identity = recognise(brought.token, &origin, rest).await?;
    if let Identity::User(claims) = &identity {
        brought.prove(claims, rest)?;
    }
    parts.extensions.insert(identity.clone());
    Ok(identity)
}

/// Whose credential this is, and where it comes from.
pub(super) async fn recognise(
    token: &str,
    origin: &Origin,
    rest: &RestState,
) -> Result<Identity, Problem> {
    if origin.possession.is_declared && is_of_service(token, rest) {
        // What is bound to nothing can't be brought as if it were.
        return Err(Error::TokenInvalid.into());
    }
    if token.starts_with(API_KEY_PREFIX) {
        let Service { id, scopes } = service_of(token, rest).await?;
        return Ok(Identity::ApiKey(id, scopes));
    }
    let seen = rest.tokens.look_up(token);
    if !seen.is_known()
        && let Some(claims) = rest.node.check_service(token)?
    {
        return Ok(Identity::ApiKey(claims.client_id, claims.scopes().into()));
    }
    let claims = rest.tokens.check(&seen, origin, Certainty::Leased).await?;
    rest.core.note_presented(&claims).await?;
    Ok(Identity::User(claims))
}

/// The service that has this API key.
async fn service_of(key: &str, rest: &RestState) -> Result<Service, Error> {
    if let Some(known) = rest.node.find_service(key) {
        return Ok(known);
    }
    let found = Bearer::new(key.to_owned());
    // Boxed: most keys are known, and need no room for it.
    let found = Box::pin(rest.core.authenticate_api_key(&found)).await?;
    let service = Service {
        id: found.id,
        scopes: found.scopes.into(),
    };
    rest.node.remember_service(key, service.clone());
    Ok(service)
}

/// Whether it is an API key, or stands for one.
pub(super) fn is_of_service(token: &str, rest: &RestState) -> bool {
    token.starts_with(API_KEY_PREFIX) || rest.node.is_of_service(token)
}

/// The token that a request brings.
#[derive(Clone, Copy)]
pub(super) struct Brought<'a> {
    pub(super) token: &'a str,
    /// What a page repeated of its cookie, where that has to prove that it is one of ours.
    repeated: Option<&'a str>,
}

impl<'a> Brought<'a> {
    /// The token, where nothing has yet to be proven.
    pub(super) fn alone(&self) -> Result<&'a str, Error> {
        match self.repeated {
            None => Ok(self.token),
            Some(_) => Err(Error::TokenMissing),
        }
    }

    /// Whether a page of ours asked, now that the session is known.
    pub(super) fn prove(&self, claims: &Claims, rest: &RestState) -> Result<(), Error> {
        match self.repeated {
            Some(repeated) if !rest.core.is_csrf_token(claims.sid, repeated) => {
                Err(Error::TokenMissing)
            }
            Some(_) | None => Ok(()),
        }
    }
}

/// The token of the request: the header's, else the session's cookie.
pub(super) fn token_of<'a>(headers: &'a HeaderMap, rest: &RestState) -> Result<Brought<'a>, Error> {
    let alone = |token| Brought {
        token,
        repeated: None,
    };
    if headers.contains_key(AUTHORIZATION) {
        return bearer(headers).map(alone);
    }
    match cookies::access_token(headers, &rest.settings.allowed_origins) {
        Sent::Proven(token) => Ok(alone(token)),
        Sent::Submitted(token, repeated) => Ok(Brought {
            token,
            repeated: Some(repeated),
        }),
        Sent::Nothing | Sent::Stray => Err(Error::TokenMissing),
    }
}

/// The token of `Authorization: Bearer`, or `DPoP`. Two such headers are none that can be believed.
fn bearer(headers: &HeaderMap) -> Result<&str, Error> {
    let mut given = headers.get_all(AUTHORIZATION).iter();
    let value = given.next().ok_or(Error::TokenMissing)?;
    if given.next().is_some() {
        return Err(Error::TokenInvalid);
    }
    let value = value.to_str().map_err(|_| Error::TokenInvalid)?;
    match value.trim().split_once(' ') {
        Some((scheme, token))
            if scheme.eq_ignore_ascii_case("bearer") || scheme.eq_ignore_ascii_case(SCHEME) =>
        {
            Ok(token.trim())
        }
        _ => Err(Error::TokenMissing),
    }
}

impl FromRequestParts<RestState> for SignedInUser {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, rest: &RestState) -> Result<Self, Problem> {
        let context = Context::from_request_parts(parts, rest).await?;
        match identify(parts, rest).await? {
            Identity::User(claims) => Ok(Self { claims, context }),
            Identity::ApiKey(..) => {
                Err(Error::Forbidden("this call is for a signed-in user").into())
            }
        }
    }
}

impl FromRequestParts<RestState> for SignedInUserStale {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, rest: &RestState) -> Result<Self, Problem> {
        let context = Context::from_request_parts(parts, rest).await?;
        let brought = token_of(&parts.headers, rest)?;
        let origin = context.origin();
        let claims = rest
            .tokens
            .check_allowing_stale(&rest.tokens.look_up(brought.token), &origin)
            .await?;
        brought.prove(&claims, rest)?;
        rest.core.note_presented(&claims).await?;
        Ok(Self(SignedInUser { claims, context }))
    }
}

impl FromRequestParts<RestState> for Admin {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, rest: &RestState) -> Result<Self, Problem> {
        let caller = Caller::from_request_parts(parts, rest).await?;
        match caller.power {
            Power::Full => Ok(Self(caller)),
            Power::SparesAdministrators => Err(forbidden()),
        }
    }
}

impl FromRequestParts<RestState> for Scoped {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, rest: &RestState) -> Result<Self, Problem> {
        Caller::from_request_parts(parts, rest).await.map(Self)
    }
}

impl Caller {
    async fn from_request_parts(parts: &mut Parts, rest: &RestState) -> Result<Self, Problem> {
        let context = Context::from_request_parts(parts, rest).await?;
        let identity = identify(parts, rest).await?;
        Ok(Self {
            actor: identity.actor(),
            power: identity.power().ok_or_else(forbidden)?,
            context,
        })
    }

    fn call(&self, mode: Mode) -> Call {
        Call {
            cause: self.context.cause(self.actor, InitiatingEntity::Admin),
            mode,
            power: self.power,
        }
    }
}

pub(super) fn forbidden() -> Problem {
    Error::Forbidden(
        "this call needs the permission `sessionwire:admin`, or an API key with the scope for it",
    )
    .into()
}

impl Who for Admin {
    fn call(&self, mode: Mode) -> Call {
        self.0.call(mode)
    }
}

impl Who for Scoped {
    fn call(&self, mode: Mode) -> Call {
        self.0.call(mode)
    }
}

impl Who for SignedInUser {
    fn call(&self, mode: Mode) -> Call {
        let actor = Actor::User(self.claims.sub);
        Call {
            cause: self.context.cause(actor, InitiatingEntity::User),
            mode,
            power: Power::Full,
        }
    }
}

impl Who for SignedInUserStale {
    fn call(&self, mode: Mode) -> Call {
        self.0.call(mode)
    }
}

impl SignedInUserStale {
    pub(in crate::transport::rest) fn claims(&self) -> &Claims {
        &self.0.claims
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn told(values: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, HeaderValue::from_str(value).unwrap());
        }
        match bearer(&headers) {
            Ok(token) => token.to_owned(),
            Err(error) => error.code().as_str().to_owned(),
        }
    }

    #[test]
    fn a_token_comes_once_and_as_bearer() {
        assert_eq!(told(&["Bearer abc"]), "abc");
        assert_eq!(told(&["bearer  abc "]), "abc");
        assert_eq!(told(&[]), "token_missing");
        assert_eq!(told(&["Basic abc"]), "token_missing");
        assert_eq!(told(&["abc"]), "token_missing");
        assert_eq!(told(&["Bearer abc", "Bearer abc"]), "token_invalid");
    }

    #[test]
    fn a_key_may_what_its_scopes_say() {
        let power =
            |scopes: &[Scope]| Identity::ApiKey(ApiKeyId(uuid::Uuid::nil()), scopes.into()).power();
        assert!(matches!(power(&[Scope::Admin]), Some(Power::Full)));
        assert!(matches!(
            power(&[Scope::Sessions, Scope::Admin]),
            Some(Power::Full)
        ));
        assert!(matches!(
            power(&[Scope::Sessions]),
            Some(Power::SparesAdministrators)
        ));
        assert!(power(&[Scope::Feed, Scope::Verify]).is_none());
    }
}
