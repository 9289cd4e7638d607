//! One connection: prints what comes, refreshes the token in it, answers questions, and says how it
//! was over. Whatever takes time (a person's answer, a refresh) goes on beside the reading, so that
//! heartbeats are answered meanwhile.

use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt as _, SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{self, Message, http::HeaderValue};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};

use super::api::{Api, Tokens};
use super::output::{Output, confirm};
use super::stop::Stop;
use super::{WatchError, random_fraction};

/// The largest message that is read.
const MESSAGE_BYTES_MAX: usize = 256 * 1024;
/// How long a handshake may take, and a last word.
const HANDSHAKE_WAIT: Duration = Duration::from_secs(15);
const GOODBYE_WAIT: Duration = Duration::from_secs(1);
/// How long a `pong` may take.
const PONG_WAIT: Duration = Duration::from_secs(10);
/// The heartbeat where the server named none.
const HEARTBEAT: Duration = Duration::from_mins(1);
/// The longest that the server may send this client away for.
const AWAY_MAX: Duration = Duration::from_mins(5);
/// A connection that lived so long was a good one: the next failure is a first one.
const SETTLED: Duration = Duration::from_secs(30);

type Stream = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// How one connection was over.
pub(super) struct Closed {
    pub(super) code: u16,
    pub(super) reason: String,
    /// When to come back, as the server said.
    pub(super) after: Option<Duration>,
    pub(super) settled: bool,
}

/// Why reading stopped.
pub(super) enum Over {
    /// The connection is gone.
    Closed(Closed),
    /// This program is asked to stop, and the server was told.
    Stopped,
}

/// What went on beside the reading, done.
enum Done {
    Refreshed(Result<Tokens, WatchError>),
    Decided { request_id: Value, allow: bool },
}

/// Connects with the access token.
pub(super) async fn connect(api: &Api, tokens: &Tokens) -> Result<Stream, Closed> {
    let connected = timeout(HANDSHAKE_WAIT, handshake(api, tokens)).await;
    let connected = connected.unwrap_or_else(|_| Err("the handshake takes too long".into()));
    connected.map_err(|reason| Closed {
        code: 1006,
        reason,
        after: None,
        settled: false,
    })
}

async fn handshake(api: &Api, tokens: &Tokens) -> Result<Stream, String> {
    let mut request = api
        .socket_url()
        .into_client_request()
        .map_err(|error| error.to_string())?;
    let bearer = HeaderValue::from_str(&format!("Bearer {}", tokens.access))
        .map_err(|error| error.to_string())?;
    request.headers_mut().insert("authorization", bearer);
    request.headers_mut().insert(
        "sec-websocket-protocol",
        HeaderValue::from_static("sessionwire.v1"),
    );
    let config = WebSocketConfig::default().max_message_size(Some(MESSAGE_BYTES_MAX));
    let connected = connect_async_with_config(request, Some(config), false).await;
    connected
        .map(|(stream, _)| stream)
        .map_err(|error| error.to_string())
}

/// A connection that is being read.
pub(super) struct Held<'a> {
    pub(super) api: &'a Api,
    pub(super) tokens: &'a mut Tokens,
    pub(super) answer: Option<&'a str>,
    pub(super) output: &'a mut Output,
    stream: Stream,
    beside: FuturesUnordered<BoxFuture<'a, Done>>,
    refreshing: bool,
    /// When to come back, as the server says.
    after: Option<Duration>,
    since: Instant,
    /// After so long a silence the server is asked whether it is there.
    silence: Duration,
    pinged: bool,
}

impl<'a> Held<'a> {
    pub(super) fn new(
        stream: Stream,
        api: &'a Api,
        tokens: &'a mut Tokens,
        answer: Option<&'a str>,
        output: &'a mut Output,
    ) -> Self {
        Self {
            api,
            tokens,
            answer,
            output,
            stream,
            beside: FuturesUnordered::new(),
            refreshing: false,
            after: None,
            since: Instant::now(),
            silence: HEARTBEAT * 2,
            pinged: false,
        }
    }

    /// Reads until the connection is over, or the program is asked to stop.
    pub(super) async fn read(mut self, stop: &mut Stop) -> Result<Over, WatchError> {
        loop {
            let wait = if self.pinged { PONG_WAIT } else { self.silence };
            tokio::select! {
                frame = timeout(wait, self.stream.next()) => {
                    let closed = match frame {
                        Ok(frame) => self.take(frame)?,
                        Err(_) => self.fall_silent().await,
                    };
                    if let Some(closed) = closed {
                        return Ok(Over::Closed(closed));
                    }
                }
                Some(done) = self.beside.next() => self.go_on(done).await?,
                () = stop.asked() => {
                    self.say_goodbye().await;
                    return Ok(Over::Stopped);
                }
            }
        }
    }

    /// Nothing has come for long: the server is asked once, and then given up.
    async fn fall_silent(&mut self) -> Option<Closed> {
        if self.pinged {
            return Some(self.closed(1006, "no answer to ping"));
        }
        self.pinged = true;
        self.say(&json!({ "type": "ping" })).await;
        None
    }

    /// What the stream brought.
    fn take(
        &mut self,
        frame: Option<Result<Message, tungstenite::Error>>,
    ) -> Result<Option<Closed>, WatchError> {
        let frame = match frame {
            None => return Ok(Some(self.closed(1006, "connection lost"))),
            Some(Err(error)) => return Ok(Some(self.closed(1006, error.to_string()))),
            Some(Ok(frame)) => frame,
        };
        // Whatever came, somebody is there.
        self.pinged = false;
        match frame {
            Message::Text(text) => {
                let message = serde_json::from_str(&text).unwrap_or(Value::Null);
                self.output.message(&message)?;
                self.react(&message);
                Ok(None)
            }
            Message::Close(None) => Ok(Some(self.closed(1005, ""))),
            Message::Close(Some(frame)) => Ok(Some(
                self.closed(frame.code.into(), frame.reason.to_string()),
            )),
            Message::Binary(_) | Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {
                Ok(None)
            }
        }
    }

    fn react(&mut self, message: &Value) {
        let number = |name: &str| message[name].as_u64();
        match message["type"].as_str().unwrap_or_default() {
            "welcome" => {
                let seconds = number("heartbeat_seconds").unwrap_or(HEARTBEAT.as_secs());
                self.silence = Duration::from_secs(seconds.clamp(1, 3600)) * 2;
            }
            "reconnect" => {
                let after = number("after_ms").map(Duration::from_millis);
                self.after = after.map(|after| after.min(AWAY_MAX));
            }
            "permissions.changed" => {
                let within = number("refresh_within_ms").unwrap_or(0).min(60_000);
                self.refresh_in(Duration::from_millis(within).mul_f64(random_fraction()));
            }
            "token.expiring" => self.refresh_in(Duration::ZERO),
            "session.takeover_requested" => self.decide(message["request_id"].clone()),
            _ => {}
        }
    }

    /// One refresh at a time: what it brings has seen everything before it.
    fn refresh_in(&mut self, wait: Duration) {
        if std::mem::replace(&mut self.refreshing, true) {
            return;
        }
        let (api, tokens) = (self.api, self.tokens.clone());
        let refresh = async move {
            sleep(wait).await;
            Done::Refreshed(api.refresh(&tokens).await)
        };
        self.beside.push(refresh.boxed());
    }

    fn decide(&mut self, request_id: Value) {
        let answer = self.answer.map(|answer| answer == "allow");
        let decision = async move {
            let allow = match answer {
                Some(allow) => allow,
                None => confirm("Let it, and sign out here?".into()).await,
            };
            Done::Decided { request_id, allow }
        };
        self.beside.push(decision.boxed());
    }

    async fn go_on(&mut self, done: Done) -> Result<(), WatchError> {
        match done {
            Done::Decided { request_id, allow } => {
                self.say(&json!({
                    "type": "takeover.answer", "request_id": request_id, "allow": allow,
                }))
                .await;
            }
            Done::Refreshed(refreshed) => {
                self.refreshing = false;
                match refreshed {
                    Ok(newer) => {
                        *self.tokens = newer;
                        self.output.happened("refreshed", "got a new token")?;
                        let message =
                            json!({ "type": "token.refresh", "token": self.tokens.access });
                        self.say(&message).await;
                    }
                    // Where the session is over the server says why in the socket, and closes it.
                    Err(error) => self.output.happened("error", &error.to_string())?,
                }
            }
        }
        Ok(())
    }

    /// A lost connection shows at the next read.
    async fn say(&mut self, message: &Value) {
        let text = Message::Text(message.to_string().into());
        drop(timeout(PONG_WAIT, self.stream.send(text)).await);
    }

    async fn say_goodbye(&mut self) {
        let goodbye = CloseFrame {
            code: CloseCode::Normal,
            reason: "".into(),
        };
        drop(timeout(GOODBYE_WAIT, self.stream.close(Some(goodbye))).await);
    }

    fn closed(&self, code: u16, reason: impl Into<String>) -> Closed {
        Closed {
            code,
            reason: reason.into(),
            after: self.after,
            settled: self.since.elapsed() >= SETTLED,
        }
    }
}
