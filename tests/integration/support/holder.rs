//! A client with a key of its own, which proves with each request that it holds it (RFC 9449).

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use jsonwebtoken::crypto::sign;
use reqwest::Method;
use serde_json::{Value, json};
use sessionwire::app::system::SystemEntropy;
use sessionwire::domain::clock::{Clock as _, Entropy as _};

use super::{Answer, IssuerKey, PASSWORD, Server, SignedIn, device_named};

/// A client and its key.
pub(crate) struct Holder<'a> {
    pub(crate) server: &'a Server,
    pub(crate) key: IssuerKey,
}

impl<'a> Holder<'a> {
    pub(crate) fn new(server: &'a Server) -> Self {
        Self::with(server, IssuerKey::ec("own"))
    }

    pub(crate) fn with(server: &'a Server, key: IssuerKey) -> Self {
        Self { server, key }
    }

    /// The head of its proofs.
    pub(crate) fn head(&self) -> Value {
        json!({ "typ": "dpop+jwt", "alg": self.key.header.alg, "jwk": self.key.jwk() })
    }

    /// What a proof says for this request, by the server's clock.
    pub(crate) fn body(&self, method: &str, path: &str, token: Option<&str>) -> Value {
        let now = self.server.clock.now();
        let mut body = json!({
            "htm": method,
            "htu": format!("{}{path}", self.server.url),
            "iat": now.as_seconds(),
            "jti": SystemEntropy.uuid(now),
        });
        if let Some(token) = token {
            body["ath"] = BASE64.encode(digest(&SHA256, token.as_bytes())).into();
        }
        body
    }

    /// A proof of this head and body, whatever they say.
    pub(crate) fn sign(&self, head: &Value, body: &Value) -> String {
        let text = [head, body].map(|part| BASE64.encode(part.to_string()));
        let text = text.join(".");
        let algorithm = self.key.header.alg;
        let signature = sign(text.as_bytes(), &self.key.private, algorithm).unwrap();
        format!("{text}.{signature}")
    }

    /// A good proof.
    pub(crate) fn proof(&self, method: &str, path: &str, token: Option<&str>) -> String {
        self.sign(&self.head(), &self.body(method, path, token))
    }

    /// Asks with these headers.
    pub(crate) async fn ask(
        &self,
        method: Method,
        path: &str,
        headers: &[(&'static str, &str)],
        body: Option<Value>,
    ) -> Answer {
        let url = format!("{}{path}", self.server.url);
        let mut request = self.server.http.request(method, url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        Answer::read(request.send().await.unwrap()).await
    }

    /// Asks about itself with this token and this proof.
    pub(crate) async fn me(&self, token: &str, proof: &str) -> Answer {
        let token = format!("DPoP {token}");
        let headers = [("authorization", token.as_str()), ("dpop", proof)];
        self.ask(Method::GET, "/v1/me", &headers, None).await
    }

    pub(crate) async fn try_sign_in(&self, user: &str, device: &str) -> Answer {
        let proof = self.proof("POST", "/v1/sign-in", None);
        let body = json!({
            "username": user, "password": PASSWORD, "device": device_named(device),
        });
        let headers = [("dpop", proof.as_str())];
        self.ask(Method::POST, "/v1/sign-in", &headers, Some(body))
            .await
    }

    pub(crate) async fn sign_in(&self, user: &str, device: &str) -> SignedIn {
        let answer = self.try_sign_in(user, device).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert_eq!(answer.body["token_type"], "DPoP");
        SignedIn::read(&answer.body)
    }

    /// Refreshes, with a proof or without.
    pub(crate) async fn refresh(&self, refresh_token: &str, proof: Option<&str>) -> Answer {
        let headers: Vec<_> = proof.into_iter().map(|proof| ("dpop", proof)).collect();
        let body = json!({ "refresh_token": refresh_token });
        self.ask(Method::POST, "/v1/token/refresh", &headers, Some(body))
            .await
    }
}
