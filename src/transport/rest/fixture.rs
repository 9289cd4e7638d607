//! What tests of this part share: a frame whose clock stands, and requests through it.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use http::{HeaderMap, Request, StatusCode};
use serde_json::Value;

use super::RestSettings;
use super::frame::{Frame, Framed};
use crate::domain::clock::{Clock, Entropy, Timestamp};
use crate::node::Certainty;
use crate::transport::origin::AllowedOrigins;

pub(super) struct Standing;

impl Clock for Standing {
    fn now(&self) -> Timestamp {
        Timestamp::from_seconds(1_770_000_000)
    }

    fn uptime(&self) -> Duration {
        Duration::from_mins(1)
    }
}

impl Entropy for Standing {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(7);
    }
}

/// An answer, read to its end.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) text: String,
}

impl Answer {
    pub(super) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name).map(|value| value.to_str().unwrap());
        value.unwrap_or_default()
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_default()
    }

    /// The status and, of a problem, its code and detail.
    pub(super) fn told(&self) -> String {
        let body = self.json();
        let (code, detail) = (&body["code"], &body["detail"]);
        match code.as_str() {
            Some(code) => format!(
                "{} {code}: {}",
                self.status.as_u16(),
                detail.as_str().unwrap()
            ),
            None => format!("{} {}", self.status.as_u16(), self.text),
        }
    }
}

pub(super) fn frame(allowed_origins: &[&str]) -> Frame {
    Frame {
        clock: Arc::new(Standing),
        entropy: Arc::new(Standing),
        settings: Arc::new(RestSettings {
            allowed_origins: AllowedOrigins::new(
                allowed_origins.iter().map(ToString::to_string).collect(),
            ),
            trusted_proxies: Vec::new(),
            max_body_bytes: 1024,
            request_timeout: Duration::from_secs(5),
            verify_certainty: Certainty::Leased,
        }),
    }
}

/// Sends a request through the routes and the frame around them.
pub(super) async fn send(routes: Router, request: Request<Body>) -> Answer {
    send_from(Framed::new(routes, frame(&[])), request).await
}

pub(super) async fn send_from(served: Framed, request: Request<Body>) -> Answer {
    let response = served.answer(request).await;
    let (parts, body) = response.into_parts();
    let bytes = to_bytes(body, usize::MAX).await.unwrap();
    Answer {
        status: parts.status,
        headers: parts.headers,
        text: String::from_utf8(bytes.to_vec()).unwrap(),
    }
}
