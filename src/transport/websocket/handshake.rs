//! From a request for an upgrade to a WebSocket on a TCP stream of its own. The request is judged by axum, and
//! then the stream is taken back from the HTTP stack, whose wrapping costs each connection memory that an idle
//! one has no use for. It may not know who comes, nor what is said.

use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::extract::ws::WebSocketUpgrade;
use axum::response::{IntoResponse, Response};
use http::header::{
    CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, UPGRADE,
};
use http::request::Parts;
use http::{HeaderValue, StatusCode};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::socket::Socket;
use crate::domain::error::Error;
use crate::transport::patience::Patient;
use crate::transport::rest::Problem;

/// A request for an upgrade that is one.
pub(in crate::transport) struct Handshake {
    upgrade: WebSocketUpgrade,
    on_upgrade: OnUpgrade,
    accept: String,
}

/// Why a request is none.
pub(in crate::transport) struct NotOne(String);

impl IntoResponse for NotOne {
    fn into_response(self) -> Response {
        let what = format!("this path takes WebSocket handshakes only: {}", self.0);
        Problem::from(Error::validation(what)).into_response()
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Handshake {
    type Rejection = NotOne;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let on_upgrade = parts.extensions.get::<OnUpgrade>().cloned();
        let key = parts.headers.get(SEC_WEBSOCKET_KEY).cloned();
        let upgrade = WebSocketUpgrade::from_request_parts(parts, state).await;
        let upgrade = upgrade.map_err(|rejection| NotOne(rejection.to_string()))?;
        let (Some(on_upgrade), Some(key)) = (on_upgrade, key) else {
            return Err(NotOne("it has to be HTTP/1.1".to_owned()));
        };
        Ok(Self {
            upgrade,
            on_upgrade,
            accept: derive_accept_key(key.as_bytes()),
        })
    }
}

impl Handshake {
    /// Chooses the subprotocol, if it was offered.
    pub(in crate::transport) fn offering(mut self, subprotocol: &'static str) -> Self {
        self.upgrade = self.upgrade.protocols([subprotocol]);
        self
    }

    /// The answer, and the socket that there is when it was written. `limit`: the longest message that is read, in
    /// bytes.
    pub(in crate::transport) fn accept(
        self,
        limit: usize,
    ) -> (
        Response,
        impl Future<Output = Option<Socket>> + Send + 'static,
    ) {
        let on_upgrade = self.on_upgrade;
        let upgrading = async move { socket(on_upgrade.await.ok()?, limit) };
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let headers = response.headers_mut();
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        if let Ok(accept) = HeaderValue::try_from(self.accept) {
            headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
        }
        if let Some(subprotocol) = self.upgrade.selected_protocol() {
            headers.insert(SEC_WEBSOCKET_PROTOCOL, subprotocol.clone());
        }
        (response, upgrading)
    }
}

/// The socket on the stream that the HTTP stack gave up; `None`: it was none of ours.
fn socket(upgraded: Upgraded, limit: usize) -> Option<Socket> {
    let Ok(parts) = upgraded.downcast::<TokioIo<Patient<TcpStream>>>() else {
        tracing::error!("a WebSocket came over a stream that can't be taken back");
        return None;
    };
    let stream = parts.io.into_inner().into_inner();
    Some(Socket::new(stream, &parts.read_buf, limit))
}
