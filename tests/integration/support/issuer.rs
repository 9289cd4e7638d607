//! Another issuer: keys, tokens, and the two documents that it publishes, in any way that a test wants.

use std::net::Ipv4Addr;
use std::sync::Arc;

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair};
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse as _, Redirect, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::{Answer, Server, device_named};

/// A key that signs.
#[derive(Clone)]
pub(crate) struct IssuerKey {
    pub(crate) header: Header,
    pub(crate) private: EncodingKey,
}

impl IssuerKey {
    pub(crate) fn rsa(kid: &str) -> Self {
        let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
        let der: Pkcs8V1Der<'_> = pair.as_der().unwrap();
        let body = STANDARD.encode(der.as_ref());
        let pem = format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n");
        let private = EncodingKey::from_rsa_pem(pem.as_bytes()).unwrap();
        Self::named(kid, Algorithm::RS256, private)
    }

    pub(crate) fn ec(kid: &str) -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let private = EncodingKey::from_ec_der(pair.to_pkcs8v1().unwrap().as_ref());
        Self::named(kid, Algorithm::ES256, private)
    }

    pub(crate) fn ed(kid: &str) -> Self {
        let pair = Ed25519KeyPair::generate().unwrap();
        let private = EncodingKey::from_ed_der(pair.to_pkcs8v1().unwrap().as_ref());
        Self::named(kid, Algorithm::EdDSA, private)
    }

    pub(crate) fn secret(secret: &[u8]) -> Self {
        Self {
            header: Header::new(Algorithm::HS256),
            private: EncodingKey::from_secret(secret),
        }
    }

    fn named(kid: &str, algorithm: Algorithm, private: EncodingKey) -> Self {
        let mut header = Header::new(algorithm);
        header.kid = Some(kid.to_owned());
        Self { header, private }
    }

    /// Its public half, as it is published.
    pub(crate) fn jwk(&self) -> Value {
        let mut jwk = Jwk::from_encoding_key(&self.private, self.header.alg).unwrap();
        jwk.common.key_id.clone_from(&self.header.kid);
        serde_json::to_value(jwk).unwrap()
    }

    pub(crate) fn sign(&self, claims: &Value) -> String {
        self.sign_with(&self.header, claims)
    }

    pub(crate) fn sign_with(&self, header: &Header, claims: &Value) -> String {
        encode(header, claims, &self.private).unwrap()
    }
}

/// How the keys are given out.
#[derive(Clone, Debug)]
pub(crate) enum Way {
    /// As they should be.
    Plain,
    /// Not at all.
    Status(u16),
    /// Elsewhere.
    Redirect(String),
    /// Something else.
    Text(String),
    /// Never.
    Stall,
}

struct Published {
    keys: Vec<Value>,
    way: Way,
    asked: usize,
    /// Where the discovery document says that the keys are.
    jwks_uri: String,
    issuer: String,
}

type Shared = Arc<std::sync::Mutex<Published>>;

/// An issuer on a port of its own.
pub(crate) struct Provider {
    pub(crate) url: String,
    pub(crate) key: IssuerKey,
    published: Shared,
    serving: JoinHandle<()>,
}

impl Provider {
    pub(crate) async fn start(key: IssuerKey) -> Self {
        let provider = Self::unpublished(key).await;
        provider.publish(&[provider.key.jwk()]);
        provider
    }

    /// Gives out no keys as yet.
    pub(crate) async fn unpublished(key: IssuerKey) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let published = Shared::new(std::sync::Mutex::new(Published {
            keys: Vec::new(),
            way: Way::Plain,
            asked: 0,
            jwks_uri: format!("{url}/keys"),
            issuer: url.clone(),
        }));
        let router = Router::new()
            .fallback(give)
            .with_state(Arc::clone(&published));
        Self {
            url,
            key,
            published,
            serving: tokio::spawn(async { axum::serve(listener, router).await.unwrap() }),
        }
    }

    pub(crate) fn publish(&self, keys: &[Value]) {
        self.published.lock().unwrap().keys = keys.to_vec();
    }

    pub(crate) fn gives(&self, way: Way) {
        self.published.lock().unwrap().way = way;
    }

    /// Says in the discovery document who it is and where its keys are.
    pub(crate) fn says(&self, issuer: &str, jwks_uri: &str) {
        let mut published = self.published.lock().unwrap();
        issuer.clone_into(&mut published.issuer);
        jwks_uri.clone_into(&mut published.jwks_uri);
    }

    /// How often it was asked for keys.
    pub(crate) fn asked(&self) -> usize {
        self.published.lock().unwrap().asked
    }

    /// The setting that makes a server take its tokens, with further members.
    pub(crate) fn setting(&self, more: &str) -> String {
        let url = &self.url;
        format!(
            "[{{ name = 'shop', issuer = '{url}', audiences = ['api'], addresses = 'any', \
             strangers = 'create'{more} }}]"
        )
    }

    /// What a token of it says about somebody who signed in there just now.
    pub(crate) fn claims(&self, server: &Server, subject: &str, session: &str) -> Value {
        let now = server.now();
        json!({
            "iss": self.url, "sub": subject, "aud": "api", "sid": session,
            "iat": now, "exp": now + 600, "auth_time": now,
        })
    }

    pub(crate) fn token(&self, server: &Server, subject: &str, session: &str) -> String {
        self.key.sign(&self.claims(server, subject, session))
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn give(State(published): State<Shared>, uri: Uri) -> Response {
    let (way, keys) = {
        let mut published = published.lock().unwrap();
        if uri.path() == "/.well-known/openid-configuration" {
            let about = json!({ "issuer": published.issuer, "jwks_uri": published.jwks_uri });
            return axum::Json(about).into_response();
        }
        published.asked += 1;
        (published.way.clone(), published.keys.clone())
    };
    match way {
        Way::Plain => axum::Json(json!({ "keys": keys })).into_response(),
        Way::Status(status) => StatusCode::from_u16(status).unwrap().into_response(),
        Way::Redirect(to) => Redirect::temporary(&to).into_response(),
        Way::Text(text) => text.into_response(),
        Way::Stall => std::future::pending().await,
    }
}

impl Server {
    /// The time that it goes by, in whole seconds.
    pub(crate) fn now(&self) -> i64 {
        use sessionwire::domain::clock::Clock as _;
        self.clock.now().as_seconds()
    }

    /// Comes in with a token of another issuer.
    pub(crate) async fn exchange(&self, token: &str, device: &str) -> Answer {
        let body = json!({ "token": token, "device": device_named(device) });
        self.post("/v1/sign-in/token", "", body).await
    }
}
