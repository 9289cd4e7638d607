//! A socket as a client sees it.

use std::time::Duration;

use futures::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::{Server, SignedIn};

/// A bound for what must come; nothing waits this long when all is well.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a client hears.
#[derive(Debug, PartialEq)]
pub(crate) enum Heard {
    Message(Value),
    Close(u16, String),
}

/// An open socket.
pub(crate) struct Socket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

impl Server {
    /// Opens a socket with headers.
    pub(crate) async fn socket_with(&self, path: &str, headers: &[(&'static str, &str)]) -> Socket {
        let mut request = format!("ws://{}{path}", self.address)
            .into_client_request()
            .unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        let (stream, _) = connect_async(request).await.unwrap();
        Socket { stream }
    }

    /// Opens a socket with a token in the header.
    pub(crate) async fn socket(&self, token: &str) -> Socket {
        self.socket_with(
            "/v1/socket",
            &[("authorization", &format!("Bearer {token}"))],
        )
        .await
    }

    /// Opens a socket and waits for `welcome`.
    pub(crate) async fn welcomed(&self, who: &SignedIn) -> Socket {
        let mut socket = self.socket(&who.access_token).await;
        socket.expect("welcome").await;
        socket
    }
}

impl Socket {
    /// Opens a socket to a server at this address, and waits for `welcome`.
    pub(crate) async fn to(url: &str, token: &str) -> Self {
        let url = format!("{}/v1/socket", url.replacen("http", "ws", 1));
        let mut request = url.into_client_request().unwrap();
        let bearer = format!("Bearer {token}");
        request
            .headers_mut()
            .insert("authorization", bearer.parse().unwrap());
        let (stream, _) = connect_async(request).await.unwrap();
        let mut socket = Self { stream };
        socket.expect("welcome").await;
        socket
    }

    /// The next thing that is not a protocol ping or pong.
    pub(crate) async fn hear(&mut self) -> Heard {
        tokio::time::timeout(PATIENCE, self.next())
            .await
            .expect("nothing was heard in time")
    }

    async fn next(&mut self) -> Heard {
        loop {
            match self.stream.next().await {
                Some(Ok(Message::Text(text))) => {
                    return Heard::Message(serde_json::from_str(&text).unwrap());
                }
                Some(Ok(Message::Close(Some(frame)))) => {
                    return Heard::Close(frame.code.into(), frame.reason.to_string());
                }
                Some(Ok(Message::Close(None))) => return Heard::Close(1005, String::new()),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Heard::Close(1006, String::new()),
            }
        }
    }

    /// The next message, which must be of this type.
    pub(crate) async fn expect(&mut self, kind: &str) -> Value {
        match self.hear().await {
            Heard::Message(message) if message["type"] == kind => message,
            other => panic!("expected {kind}, heard {other:?}"),
        }
    }

    /// The close, which must be next and have this code.
    pub(crate) async fn expect_close(&mut self, code: u16) -> String {
        match self.hear().await {
            Heard::Close(found, reason) if found == code => reason,
            other => panic!("expected close {code}, heard {other:?}"),
        }
    }

    /// Proves that nothing was said: what would have been said comes before the answer to a ping.
    pub(crate) async fn expect_silence(&mut self) {
        self.say(json!({ "type": "ping" })).await;
        self.expect("pong").await;
    }

    pub(crate) async fn say(&mut self, message: Value) {
        self.send(Message::Text(message.to_string().into())).await;
    }

    pub(crate) async fn send(&mut self, message: Message) {
        self.stream.send(message).await.unwrap();
    }
}
