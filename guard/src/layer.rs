//! A layer of tower: requests without a good token don't come through. It may not know what lies behind,
//! nor how a token is judged.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use tower_layer::Layer;
use tower_service::Service;

use crate::claims::Claims;
use crate::client::{Behind, Guard, Refusal, Route};

/// Lets requests with a good token pass, with their claims (`Arc<Claims>`) among the request's
/// extensions; answers others with a problem (RFC 9457).
///
/// ```no_run
/// use sessionwire_guard::{Guard, GuardLayer, GuardSettings};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let url = "https://sessions.example";
/// let mut settings = GuardSettings::new(url, std::env::var("GUARD_KEY")?, url, "sessionwire");
/// // Their tokens too, where the server takes them as they are.
/// settings.issuers = vec!["https://example.eu.auth0.com/".to_owned()];
/// let layer = GuardLayer::new(Guard::start(settings)?).requires("reports:read");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct GuardLayer {
    guard: Guard,
    route: Arc<Route>,
}

impl GuardLayer {
    /// For routes that need any good token.
    pub fn new(guard: Guard) -> Self {
        Self {
            guard,
            route: Arc::default(),
        }
    }

    /// The same, and the token must list this permission.
    pub fn requires(mut self, permission: impl Into<String>) -> Self {
        Arc::make_mut(&mut self.route).requires = Some(permission.into());
        self
    }

    /// The same, and this is what happens while the guard has not heard from the server for too long.
    pub fn behind(mut self, behind: Behind) -> Self {
        Arc::make_mut(&mut self.route).behind = Some(behind);
        self
    }
}

impl<S> Layer<S> for GuardLayer {
    type Service = Guarded<S>;

    fn layer(&self, inner: S) -> Guarded<S> {
        Guarded {
            inner,
            layer: self.clone(),
        }
    }
}

/// A service behind a guard.
#[derive(Clone)]
pub struct Guarded<S> {
    inner: S,
    layer: GuardLayer,
}

impl<S, B, R> Service<Request<B>> for Guarded<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send,
    B: Send + 'static,
    R: From<String> + Send,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<R>, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let layer = self.layer.clone();
        // The one that was asked whether it is ready is the one that is called.
        let ready = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, ready);
        Box::pin(async move {
            let what = format!("{} {}", request.method(), request.uri().path());
            let checked = check(&layer.guard, request.headers(), &layer.route, &what).await;
            match checked {
                Ok(claims) => {
                    request.extensions_mut().insert(claims);
                    inner.call(request).await
                }
                Err(refusal) => Ok(refused(refusal)),
            }
        })
    }
}

/// Checks the token of a request's headers.
pub(crate) async fn check(
    guard: &Guard,
    headers: &HeaderMap,
    route: &Route,
    what: &str,
) -> Result<Arc<Claims>, Refusal> {
    guard.check(bearer(headers)?, route, what).await
}

/// The token of `Authorization: Bearer`. Two such headers are none that can be believed.
fn bearer(headers: &HeaderMap) -> Result<&str, Refusal> {
    let mut given = headers.get_all(AUTHORIZATION).iter();
    let value = given.next().ok_or(Refusal::Missing)?;
    if given.next().is_some() {
        return Err(Refusal::Invalid);
    }
    let value = value.to_str().map_err(|_| Refusal::Invalid)?;
    match value.trim().split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Ok(token.trim()),
        _ => Err(Refusal::Missing),
    }
}

/// The answer to a request that does not come through.
pub(crate) fn refused<R: From<String>>(refusal: Refusal) -> Response<R> {
    let mut response = Response::new(R::from(refusal.problem().to_string()));
    let status = StatusCode::from_u16(refusal.status());
    *response.status_mut() = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    let json = HeaderValue::from_static("application/problem+json");
    headers.insert(CONTENT_TYPE, json);
    if let Some(challenge) = refusal.challenge() {
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
    }
    if refusal == Refusal::CannotDecide {
        headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}
