//! What goes along with a request: its id, when it came, from where. And the frame around every
//! answer: headers that all of them carry, and refusals written out.
//!
//! It may not know who asks or what for.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{ConnectInfo, FromRequestParts, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, USER_AGENT, X_CONTENT_TYPE_OPTIONS,
};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::problem::{Problem, render};
use super::{RestSettings, RestState};
use crate::domain::access::{Actor, Cause, InitiatingEntity};
use crate::domain::clock::{Clock, Entropy};
use crate::domain::error::Error;
use crate::domain::possession::Possession;
use crate::domain::secret::Bearer;
use crate::service::Origin;
use crate::transport::address::client_address;
use crate::transport::{cookies, possession};

/// The id of a request, in both directions.
pub(super) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The longest request id that is taken from a client.
const REQUEST_ID_BYTES_MAX: usize = 128;
/// As much of `User-Agent` as is kept.
const USER_AGENT_CHARS_MAX: usize = 256;

/// What the frame around requests stands on.
#[derive(Clone)]
pub(super) struct Frame {
    pub(super) clock: Arc<dyn Clock>,
    pub(super) entropy: Arc<dyn Entropy>,
    pub(super) settings: Arc<RestSettings>,
}

impl From<&RestState> for Frame {
    fn from(rest: &RestState) -> Self {
        Self {
            clock: Arc::clone(&rest.clock),
            entropy: Arc::clone(&rest.entropy),
            settings: Arc::clone(&rest.settings),
        }
    }
}

/// What goes along with a request.
#[derive(Clone, Debug)]
pub(super) struct Context {
    request_id: Arc<str>,
    /// When the request came, by the clock that never jumps.
    pub(super) started: Duration,
    address: Option<IpAddr>,
    user_agent: Option<Arc<str>>,
    binding_cookie: Option<Bearer>,
    possession: Possession,
}

impl Context {
    fn of(request: &Request, frame: &Frame) -> Self {
        let headers = request.headers();
        let request_id = given_request_id(headers)
            .unwrap_or_else(|| frame.entropy.uuid(frame.clock.now()).to_string());
        Self {
            request_id: request_id.into(),
            started: frame.clock.uptime(),
            address: address_of(request, &frame.settings.trusted_proxies),
            user_agent: user_agent(headers).map(Into::into),
            binding_cookie: cookies::binding(headers),
            possession: possession_of(request, &frame.settings.trusted_proxies),
        }
    }

    pub(super) fn request_id(&self) -> &str {
        &self.request_id
    }

    /// Where a sign-in comes from.
    pub(super) fn origin(&self) -> Origin {
        Origin {
            address: self.address,
            user_agent: self.user_agent.as_deref().map(str::to_owned),
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

/// The client's own id for the request, if it can stand in a header and a log line.
fn given_request_id(headers: &HeaderMap) -> Option<String> {
    let given = headers.get(X_REQUEST_ID)?.to_str().ok()?;
    let fits = (1..=REQUEST_ID_BYTES_MAX).contains(&given.len())
        && given.bytes().all(|byte| byte.is_ascii_graphic());
    fits.then(|| given.to_owned())
}

fn user_agent(headers: &HeaderMap) -> Option<String> {
    let given = headers.get(USER_AGENT)?.to_str().ok()?;
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
    let place = possession::place(request.method(), path, headers, peer, trusted);
    possession::brought(headers, place)
}

/// The outermost layer: gives every request its context and every answer its frame.
pub(super) async fn accompany(
    State(frame): State<Frame>,
    mut request: Request,
    next: Next,
) -> Response {
    let context = Context::of(&request, &frame);
    let path = request.uri().path();
    let is_api = path.starts_with("/v1/") || path.starts_with("/oauth/");
    request.extensions_mut().insert(context.clone());
    let mut response = render(next.run(request).await, context.request_id());
    add_headers(response.headers_mut(), is_api);
    if let Ok(id) = HeaderValue::from_str(context.request_id()) {
        response.headers_mut().insert(X_REQUEST_ID, id);
    }
    response
}

/// No browser guesses types or tells our addresses on; nobody stores what the API answered.
fn add_headers(headers: &mut HeaderMap, is_api: bool) {
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers
        .entry(CONTENT_SECURITY_POLICY)
        .or_insert(HeaderValue::from_static(
            "default-src 'none'; frame-ancestors 'none'",
        ));
    if is_api {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
}

/// A request that takes longer than it may is let go of; what it changed by then stays changed.
pub(super) async fn bound_in_time(
    State(frame): State<Frame>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    tokio::time::timeout(frame.settings.request_timeout, next.run(request))
        .await
        .map_err(|_| Error::CannotDecide.into())
}
