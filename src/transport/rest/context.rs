//! What goes along with a request: its id, when it came, from where. It may not know who asks or what for.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use axum::extract::{ConnectInfo, FromRequestParts, Request};
use http::HeaderValue;
use http::header::USER_AGENT;
use http::request::Parts;

use super::frame::Frame;
use super::problem::Problem;
use crate::domain::access::{Actor, Cause, InitiatingEntity};
use crate::domain::error::Error;
use crate::domain::possession::Possession;
use crate::domain::secret::Bearer;
use crate::service::Origin;
use crate::transport::address::client_address;
use crate::transport::{cookies, possession};

/// As much of `User-Agent` as is kept.
const USER_AGENT_CHARS_MAX: usize = 256;

/// What goes along with a request.
#[derive(Clone, Debug)]
pub(super) struct Context {
    /// Of visible ASCII alone.
    request_id: HeaderValue,
    /// When the request came, by the clock that never jumps.
    pub(super) started: Duration,
    address: Option<IpAddr>,
    user_agent: Option<HeaderValue>,
    binding_cookie: Option<Bearer>,
    possession: Possession,
}

impl Context {
    pub(super) fn of(request: &Request, request_id: HeaderValue, frame: &Frame) -> Self {
        let headers = request.headers();
        Self {
            request_id,
            started: frame.clock.uptime(),
            address: address_of(request, &frame.settings.trusted_proxies),
            user_agent: headers.get(USER_AGENT).cloned(),
            binding_cookie: cookies::binding(headers),
            possession: possession_of(request, &frame.settings.trusted_proxies),
        }
    }

    pub(super) fn request_id(&self) -> &str {
        self.request_id.to_str().unwrap_or_default()
    }

    /// Where a sign-in comes from.
    pub(super) fn origin(&self) -> Origin {
        Origin {
            address: self.address,
            user_agent: self.user_agent.as_ref().and_then(shortened),
            request_id: Some(self.request_id().to_owned()),
            binding_cookie: self.binding_cookie.clone(),
            possession: self.possession.clone(),
            jkt: None,
        }
    }

    /// What every event of this request carries.
    pub(super) fn cause(&self, actor: Actor, initiating_entity: InitiatingEntity) -> Cause {
        Cause {
            actor,
            initiating_entity,
            request_id: Some(self.request_id().to_owned()),
            address: self.address.map(|address| address.to_string()),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Context {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let context = parts.extensions.get::<Self>().cloned();
        context.ok_or_else(|| Error::internal("the request came in past its frame").into())
    }
}

fn shortened(user_agent: &HeaderValue) -> Option<String> {
    let given = user_agent.to_str().ok()?;
    Some(given.chars().take(USER_AGENT_CHARS_MAX).collect())
}

fn address_of(request: &Request, trusted: &[ipnet::IpNet]) -> Option<IpAddr> {
    let ConnectInfo(peer) = request.extensions().get::<ConnectInfo<SocketAddr>>()?;
    let peer = peer.ip().to_canonical();
    Some(client_address(request.headers(), peer, trusted))
}

fn possession_of(request: &Request, trusted: &[ipnet::IpNet]) -> Possession {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
    let peer = peer.map(|ConnectInfo(peer)| peer.ip());
    let (headers, path) = (request.headers(), request.uri().path());
    possession::brought(headers, || {
        possession::place(request.method(), path, headers, peer, trusted)
    })
}
