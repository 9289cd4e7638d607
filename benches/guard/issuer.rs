//! A server that signs one token and has an index of a chosen size: what a guard is measured against. It may
//! not know what is measured.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use futures::{SinkExt as _, StreamExt as _};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::accept_hdr_async;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};

use crate::{Outcome, STRETCH};

/// Issuer and audience.
pub(crate) const NAME: &str = "bench";
/// A year that no run sees.
const FAR: u64 = 4_000_000_000;

/// The server.
pub(crate) struct Issuer {
    pub(crate) token: String,
    pub(crate) jwks: Value,
}

impl Issuer {
    pub(crate) fn new() -> Outcome<Self> {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?;
        let pkcs8 = pair.to_pkcs8v1()?;
        let key = EncodingKey::from_ec_der(pkcs8.as_ref());
        let mut jwk = Jwk::from_encoding_key(&key, Algorithm::ES256)?;
        jwk.common.key_id = Some(NAME.to_owned());
        let mut header = Header::new(Algorithm::ES256);
        header.typ = Some("at+jwt".to_owned());
        header.kid = Some(NAME.to_owned());
        let token = jsonwebtoken::encode(&header, &claims(), &key)?;
        let jwks = json!({ "keys": [jwk] });
        Ok(Self { token, jwks })
    }

    /// Serves keys and feed; answers the address.
    pub(crate) async fn serve(&self, entries: usize) -> Outcome<String> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let jwks = self.jwks.to_string();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, jwks.clone(), entries));
            }
        });
        Ok(url)
    }
}

async fn answer(mut stream: TcpStream, jwks: String, entries: usize) {
    let mut first = [0; 12];
    let is_feed = matches!(stream.peek(&mut first).await, Ok(12)) && &first == b"GET /v1/feed";
    if is_feed {
        // A guard that goes away ends it.
        drop(feed(stream, entries).await);
    } else {
        let length = jwks.len();
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{jwks}");
        drop(stream.write_all(answer.as_bytes()).await);
        // The request has to be read, or closing resets what was written.
        let mut rest = [0; 4096];
        drop(tokio::io::AsyncReadExt::read(&mut stream, &mut rest).await);
    }
}

#[expect(
    clippy::result_large_err,
    clippy::unnecessary_wraps,
    reason = "as the library wants it"
)]
fn with_subprotocol(_: &Request, mut response: Response) -> Result<Response, ErrorResponse> {
    let name = http::HeaderValue::from_static("sessionwire.feed.v1");
    response
        .headers_mut()
        .insert("sec-websocket-protocol", name);
    Ok(response)
}

async fn feed(stream: TcpStream, entries: usize) -> Outcome<()> {
    let socket = accept_hdr_async(stream, with_subprotocol).await?;
    let (mut say, mut hear) = socket.split();
    let text = |event: &str, data: Value| {
        Message::text(json!({ "event": event, "data": data }).to_string())
    };
    let reader = "00000000-0000-0000-0000-000000000000";
    let hello = json!({ "reader": reader, "head": entries, "heartbeat_ms": 1000 });
    say.send(text("hello", hello)).await?;
    let all: Vec<Value> = (1..=entries).map(ended).collect();
    let pieces = all.chunks(STRETCH).len();
    for (number, piece) in all.chunks(STRETCH).enumerate() {
        let more = number + 1 < pieces;
        let snapshot = json!({ "seq": entries, "changes": piece, "more": more });
        say.send(text("snapshot", snapshot)).await?;
    }
    tokio::spawn(async move { while let Some(Ok(_)) = hear.next().await {} });
    loop {
        let beat = json!({ "after": entries, "seq": entries, "head": entries, "changes": [] });
        say.send(text("changes", beat)).await?;
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    }
}

/// The end of somebody's session at this position.
pub(crate) fn ended(seq: usize) -> Value {
    let session = uuid::Uuid::from_u128(seq as u128 | 1 << 100);
    json!({ "kind": "session_ended", "session_id": session, "reason": "signed_out", "seq": seq, "keep_until": FAR })
}

/// A token as the server issues them, of somebody in three groups.
fn claims() -> Value {
    let id = "018f0000-0000-7000-8000-000000000001";
    json!({
        "iss": NAME, "aud": NAME, "sub": id, "sid": id, "device_id": id, "jti": id, "client_id": "bench",
        "iat": 1_700_000_000, "exp": FAR, "auth_time": 1_700_000_000, "as_of": 1_000_000, "fence": 1, "gen": 0,
        "groups": ["analysts", "everyone", "export"],
        "permissions": ["home:read", "reports:export", "reports:read", "team:read"],
    })
}
