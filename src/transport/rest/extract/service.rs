//! Services that check tokens, and answers that outlast the check of who asked. It may not know what they
//! are sent.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{ConnectInfo, FromRequestParts};
use http::request::Parts;
use sessionwire_guard::Claims;

use super::caller::{Identity, Who, forbidden, identify, is_of_service, recognise, token_of};
use crate::domain::access::{Actor, InitiatingEntity, Scope};
use crate::domain::error::Error;
use crate::domain::possession::Possession;
use crate::domain::secret::Bearer;
use crate::node::Certainty;
use crate::service::{Call, Mode, Origin, Power};
use crate::transport::rest::RestState;
use crate::transport::rest::context::Context;
use crate::transport::rest::problem::Problem;
use crate::transport::{cookies, possession};

/// A service that follows the feed, and says something about it.
pub(in crate::transport::rest) struct FeedService {
    actor: Actor,
    context: Context,
}

/// A credential for an answer that outlasts its check: it is checked again and again.
pub(in crate::transport::rest) struct Credential {
    token: Bearer,
    suffices: fn(&Identity) -> bool,
    context: Context,
}

/// An administrator's.
pub(in crate::transport::rest) struct AdminCredential(pub(in crate::transport::rest) Credential);

/// Of a key with the scope `feed`, or an administrator's.
pub(in crate::transport::rest) struct FeedCredential(pub(in crate::transport::rest) Credential);

impl Credential {
    async fn read(
        parts: &mut Parts,
        rest: &RestState,
        suffices: fn(&Identity) -> bool,
    ) -> Result<Self, Problem> {
        let credential = Self {
            context: Context::from_request_parts(parts, rest).await?,
            token: Bearer::new(token_of(&parts.headers, rest)?.alone()?.to_owned()),
            suffices,
        };
        credential.check(rest).await?;
        Ok(credential)
    }

    /// Whether it would still be let in.
    pub(in crate::transport::rest) async fn check(&self, rest: &RestState) -> Result<(), Problem> {
        let identity = recognise(self.token.expose(), &self.context.origin(), rest).await?;
        if (self.suffices)(&identity) {
            Ok(())
        } else {
            Err(forbidden())
        }
    }

    pub(in crate::transport::rest) fn request_id(&self) -> &str {
        self.context.request_id()
    }
}

impl FromRequestParts<RestState> for AdminCredential {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, rest: &RestState) -> Result<Self, Problem> {
        let credential = Credential::read(parts, rest, Identity::administers);
        credential.await.map(Self)
    }
}

impl FromRequestParts<RestState> for FeedCredential {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, rest: &RestState) -> Result<Self, Problem> {
        let credential = Credential::read(parts, rest, |identity| identity.may(Scope::Feed));
        credential.await.map(Self)
    }
}

impl FromRequestParts<RestState> for FeedService {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, rest: &RestState) -> Result<Self, Problem> {
        let context = Context::from_request_parts(parts, rest).await?;
        let actor = with_scope(parts, rest, Scope::Feed).await?.actor();
        Ok(Self { actor, context })
    }
}

/// What a service brings the token in that it asks about, where it brings its own key as well.
const X_ACCESS_TOKEN: &str = "x-access-token";

/// What the request brought that is asked about.
fn possession_asked_about(parts: &Parts, rest: &RestState) -> Possession {
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
    let peer = peer.map(|ConnectInfo(peer)| peer.ip());
    let (headers, trusted) = (&parts.headers, &rest.settings.trusted_proxies);
    let path = parts.uri.path();
    possession::brought(headers, || {
        let place = possession::place(&parts.method, path, headers, peer, trusted);
        possession::place_asked_about(place, headers, peer, trusted)
    })
}

/// Whom a question about a request is about, and how sure that is: who the request itself says, or with a service's key who the
/// token says that the service brings along.
pub(in crate::transport::rest) async fn asked_about(
    parts: &Parts,
    rest: &RestState,
) -> Result<(Arc<Claims>, Certainty), Problem> {
    let headers = &parts.headers;
    // Who asks is a proxy or a service, and not the person's own program.
    let mut origin = Origin {
        binding_cookie: cookies::binding(headers),
        ..Origin::default()
    };
    let brought = token_of(headers, rest)?;
    let mut seen = rest.tokens.look_up(brought.token);
    if !seen.is_known() && is_of_service(brought.token, rest) {
        let service = recognise(brought.token, &origin, rest).await?;
        if !service.may(Scope::Verify) {
            return Err(forbidden());
        }
        let given = headers.get(X_ACCESS_TOKEN).ok_or(Error::TokenMissing)?;
        seen = rest
            .tokens
            .look_up(given.to_str().map_err(|_| Error::TokenInvalid)?);
    } else {
        origin.possession = possession_asked_about(parts, rest);
    }
    let certainty = if rest.node.is_leased() {
        Certainty::Leased
    } else {
        rest.settings.verify_certainty
    };
    let claims = rest.tokens.check(&seen, &origin, certainty).await?;
    brought.prove(&claims, rest)?;
    if certainty == Certainty::Leased {
        rest.core.note_presented(&claims).await?;
    }
    Ok((claims, certainty))
}

async fn with_scope(
    parts: &mut Parts,
    rest: &RestState,
    scope: Scope,
) -> Result<Identity, Problem> {
    let identity = identify(parts, rest).await?;
    if identity.may(scope) {
        Ok(identity)
    } else {
        Err(forbidden())
    }
}

impl Who for FeedService {
    fn call(&self, mode: Mode) -> Call {
        Call {
            cause: self.context.cause(self.actor, InitiatingEntity::Admin),
            mode,
            power: Power::SparesAdministrators,
        }
    }
}
