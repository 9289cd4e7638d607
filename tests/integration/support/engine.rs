//! Engine.IO as a client speaks it, packet by packet: over a WebSocket, or by polls.

use std::time::Duration;

use futures::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::{Answer, Server, SignedIn};

const PATH: &str = "/socket.io/?EIO=4";
const PATIENCE: Duration = Duration::from_secs(10);

/// A WebSocket of Engine.IO.
pub(crate) struct EngineSocket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

/// A session by polls.
pub(crate) struct Polls<'a> {
    server: &'a Server,
    pub(crate) path: String,
    /// Packets that came and were not looked at yet.
    waiting: Vec<String>,
}

/// An event: its name and its argument.
pub(crate) fn event(packet: &str) -> (String, Value) {
    let arguments = packet
        .strip_prefix("42")
        .unwrap_or_else(|| panic!("{packet}"));
    let value: Value = serde_json::from_str(arguments).unwrap();
    assert_eq!(value.as_array().unwrap().len(), 2, "{packet}");
    (value[0].as_str().unwrap().to_owned(), value[1].clone())
}

/// What a refused handshake says.
pub(crate) fn refusal(packet: &str) -> Value {
    let refusal = packet
        .strip_prefix("44")
        .unwrap_or_else(|| panic!("{packet}"));
    let refusal: Value = serde_json::from_str(refusal).unwrap();
    refusal["data"].clone()
}

/// What asks for the main namespace.
pub(crate) fn asking(who: &SignedIn) -> String {
    format!("40{}", json!({ "token": who.access_token }))
}

impl Server {
    /// Opens a WebSocket of Engine.IO, with what the first packet says.
    pub(crate) async fn engine(&self, more: &str, origin: Option<&str>) -> EngineSocket {
        let url = format!("ws://{}{PATH}&transport=websocket{more}", self.address);
        let mut request = url.into_client_request().unwrap();
        if let Some(origin) = origin {
            request
                .headers_mut()
                .insert("origin", origin.parse().unwrap());
        }
        let (stream, _) = connect_async(request).await.unwrap();
        EngineSocket { stream }
    }

    /// A WebSocket whose client is in, and was welcomed.
    pub(crate) async fn engine_welcomed(&self, who: &SignedIn) -> EngineSocket {
        let mut socket = self.engine("", None).await;
        socket.expect_open().await;
        socket.say(&asking(who)).await;
        assert!(socket.hear().await.starts_with(r#"40{"sid":""#));
        socket.expect("welcome").await;
        socket
    }

    /// Opens a session by polls.
    pub(crate) async fn polls(&self) -> Polls<'_> {
        let path = format!("{PATH}&transport=polling");
        let opened = self.get(&path, "").await;
        let opened = opened.body.as_str().unwrap();
        let (open, rest) = opened.split_once('\u{1e}').unwrap_or((opened, ""));
        let open: Value = serde_json::from_str(open.strip_prefix('0').unwrap()).unwrap();
        Polls {
            server: self,
            path: format!("{path}&sid={}", open["sid"].as_str().unwrap()),
            waiting: packets(rest),
        }
    }

    /// A session by polls whose client is in, and was welcomed.
    pub(crate) async fn polls_welcomed(&self, who: &SignedIn) -> Polls<'_> {
        let mut polls = self.polls().await;
        polls.say(&asking(who)).await;
        assert!(polls.hear().await.starts_with(r#"40{"sid":""#));
        polls.expect("welcome").await;
        polls
    }
}

impl EngineSocket {
    /// The next packet; a close frame as its number.
    pub(crate) async fn hear(&mut self) -> String {
        let next = async {
            loop {
                match self.stream.next().await {
                    Some(Ok(Message::Text(text))) => return text.to_string(),
                    Some(Ok(Message::Close(Some(frame)))) => return format!("({})", frame.code),
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                    _ => return "(gone)".to_owned(),
                }
            }
        };
        timeout(PATIENCE, next)
            .await
            .expect("nothing was heard in time")
    }

    pub(crate) async fn expect_open(&mut self) -> Value {
        let open = self.hear().await;
        serde_json::from_str(open.strip_prefix('0').unwrap()).unwrap()
    }

    /// The next packet, which must be this event.
    pub(crate) async fn expect(&mut self, name: &str) -> Value {
        let (found, argument) = event(&self.hear().await);
        assert_eq!(found, name, "{argument}");
        argument
    }

    /// The end: the event `close`, and what follows by its code.
    pub(crate) async fn expect_close(&mut self, code: u64) {
        assert_eq!(self.expect("close").await["code"], code);
        let expected = if (4500..5000).contains(&code) {
            "41".to_owned()
        } else {
            format!("({code})")
        };
        assert_eq!(self.hear().await, expected);
    }

    pub(crate) async fn say(&mut self, packet: &str) {
        self.send(Message::Text(packet.into())).await;
    }

    pub(crate) async fn send(&mut self, message: Message) {
        self.stream.send(message).await.unwrap();
    }

    /// Proves that nothing was said before.
    pub(crate) async fn expect_silence(&mut self) {
        self.say(r#"42["ping",{}]"#).await;
        self.expect("pong").await;
    }
}

fn packets(payload: &str) -> Vec<String> {
    let packets = payload.split('\u{1e}').filter(|it| !it.is_empty());
    packets.map(str::to_owned).collect()
}

impl Polls<'_> {
    /// One poll, whatever comes of it.
    pub(crate) async fn poll(&self) -> Answer {
        let poll = self.server.get(&self.path, "");
        timeout(PATIENCE, poll)
            .await
            .expect("nothing was heard in time")
    }

    /// The next packet; a refused poll as its status.
    pub(crate) async fn hear(&mut self) -> String {
        while self.waiting.is_empty() {
            let answer = self.poll().await;
            if answer.status != 200 {
                return format!("({})", answer.status);
            }
            // A text of digits alone reads as a number.
            let payload = answer
                .body
                .as_str()
                .map_or_else(|| answer.body.to_string(), str::to_owned);
            self.waiting = packets(&payload);
        }
        self.waiting.remove(0)
    }

    /// The next packet, which must be this event.
    pub(crate) async fn expect(&mut self, name: &str) -> Value {
        let (found, argument) = event(&self.hear().await);
        assert_eq!(found, name, "{argument}");
        argument
    }

    /// The end: the event `close`, and what follows by its code.
    pub(crate) async fn expect_close(&mut self, code: u64) {
        assert_eq!(self.expect("close").await["code"], code);
        if (4500..5000).contains(&code) {
            assert_eq!(self.hear().await, "41");
        } else {
            assert_eq!(self.hear().await, "(400)");
        }
    }

    /// Sends a payload; the answer's status.
    pub(crate) async fn say(&self, payload: &str) -> u16 {
        let request = self
            .server
            .http
            .post(format!("{}{}", self.server.url, self.path));
        let request = request.header("content-type", "text/plain;charset=UTF-8");
        let answer = request.body(payload.to_owned()).send().await.unwrap();
        answer.status().as_u16()
    }
}
