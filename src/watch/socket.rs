//! Holds the socket: prints, refreshes the token in it, answers, and comes back after a close.

use std::time::Duration;

use futures::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Message, http::HeaderValue};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};

use super::api::{Api, Tokens};
use super::output::{Output, confirm};
use super::reconnect::{Next, back_off, next};
use super::{WatchError, random_fraction};

/// The largest message that is read.
const MESSAGE_BYTES_MAX: usize = 256 * 1024;
/// How long a `pong` may take.
const PONG_WAIT: Duration = Duration::from_secs(10);
/// The heartbeat where the server named none.
const HEARTBEAT: Duration = Duration::from_mins(1);

type Stream = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// The session ended by the person's own doing.
pub(super) struct Ended;

/// Why one connection was over.
struct Closed {
    code: u16,
    reason: String,
    after: Option<Duration>,
    welcomed: bool,
}

/// Watches until the session is over.
pub(super) async fn watch(
    api: &Api,
    mut tokens: Tokens,
    answer: Option<&str>,
    output: &mut Output,
) -> Result<Ended, WatchError> {
    let (mut attempt, mut refreshed) = (0, false);
    loop {
        let closed = match connect(api, &tokens).await {
            Ok(stream) => hold(stream, api, &mut tokens, answer, output).await?,
            Err(reason) => Closed {
                code: 1006,
                reason,
                after: None,
                welcomed: false,
            },
        };
        output.happened(
            "closed",
            &format!("disconnected ({} {})", closed.code, closed.reason),
        )?;
        if closed.welcomed {
            (attempt, refreshed) = (0, false);
        }
        match next(closed.code) {
            Next::Over if closed.reason.starts_with("signed_out") => return Ok(Ended),
            Next::Over => return Err(WatchError::Over(closed.reason)),
            Next::StayOut => return Err(WatchError::Refused(closed.reason)),
            Next::RefreshOnce if refreshed => return Err(WatchError::Refused(closed.reason)),
            Next::Refresh | Next::RefreshOnce => {
                refreshed = true;
                match api.refresh(&tokens).await {
                    Ok(newer) => {
                        tokens = newer;
                        continue;
                    }
                    Err(over @ WatchError::Over(_)) => return Err(over),
                    Err(error) => output.happened("error", &error.to_string())?,
                }
            }
            Next::Reconnect => {}
        }
        sleep(
            closed
                .after
                .unwrap_or_else(|| back_off(attempt, random_fraction())),
        )
        .await;
        attempt += 1;
    }
}

async fn connect(api: &Api, tokens: &Tokens) -> Result<Stream, String> {
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

/// What one connection has brought so far.
struct Held {
    stream: Stream,
    welcomed: bool,
    /// When to come back, as the server says.
    after: Option<Duration>,
    /// After so long a silence the server is asked whether it is there.
    silence: Duration,
}

impl Held {
    fn closed(&self, code: u16, reason: impl Into<String>) -> Closed {
        Closed {
            code,
            reason: reason.into(),
            after: self.after,
            welcomed: self.welcomed,
        }
    }

    async fn say(&mut self, message: &Value) -> bool {
        self.stream
            .send(Message::Text(message.to_string().into()))
            .await
            .is_ok()
    }
}

async fn hold(
    stream: Stream,
    api: &Api,
    tokens: &mut Tokens,
    answer: Option<&str>,
    output: &mut Output,
) -> Result<Closed, WatchError> {
    let mut held = Held {
        stream,
        welcomed: false,
        after: None,
        silence: HEARTBEAT * 2,
    };
    let mut pinged = false;
    loop {
        let wait = if pinged { PONG_WAIT } else { held.silence };
        let frame = match timeout(wait, held.stream.next()).await {
            Err(_) if pinged => return Ok(held.closed(1006, "no answer to ping")),
            Err(_) => {
                pinged = true;
                if !held.say(&json!({ "type": "ping" })).await {
                    return Ok(held.closed(1006, "connection lost"));
                }
                continue;
            }
            Ok(None) => return Ok(held.closed(1006, "connection lost")),
            Ok(Some(Err(error))) => return Ok(held.closed(1006, error.to_string())),
            Ok(Some(Ok(frame))) => frame,
        };
        pinged = false;
        match frame {
            Message::Text(text) => {
                let message: Value = serde_json::from_str(&text).unwrap_or(Value::Null);
                if message["type"] != "pong" {
                    output.message(&text, &message)?;
                }
                react(&mut held, &message, api, tokens, answer, output).await?;
            }
            Message::Close(None) => return Ok(held.closed(1005, "")),
            Message::Close(Some(frame)) => {
                return Ok(held.closed(frame.code.into(), frame.reason.to_string()));
            }
            _ => {}
        }
    }
}

async fn react(
    held: &mut Held,
    message: &Value,
    api: &Api,
    tokens: &mut Tokens,
    answer: Option<&str>,
    output: &mut Output,
) -> Result<(), WatchError> {
    let number = |name: &str| message[name].as_u64();
    match message["type"].as_str().unwrap_or_default() {
        "welcome" => {
            held.welcomed = true;
            let seconds = number("heartbeat_seconds").unwrap_or(HEARTBEAT.as_secs());
            held.silence = Duration::from_secs(seconds.clamp(1, 3600)) * 2;
        }
        "reconnect" => held.after = number("after_ms").map(Duration::from_millis),
        "permissions.changed" => {
            let within = number("refresh_within_ms").unwrap_or(0).min(60_000);
            sleep(Duration::from_millis(within).mul_f64(random_fraction())).await;
            refresh(held, api, tokens, output).await?;
        }
        "token.expiring" => refresh(held, api, tokens, output).await?,
        "session.takeover_requested" => {
            let allow = match answer {
                Some(answer) => answer == "allow",
                None => confirm("Let it, and sign out here?".into()).await,
            };
            let request_id = &message["request_id"];
            // A lost connection shows at the next read.
            held.say(
                &json!({ "type": "takeover.answer", "request_id": request_id, "allow": allow }),
            )
            .await;
        }
        _ => {}
    }
    Ok(())
}

/// Refreshes over REST and hands the newer token to the socket. Only an end of the session is final.
async fn refresh(
    held: &mut Held,
    api: &Api,
    tokens: &mut Tokens,
    output: &mut Output,
) -> Result<(), WatchError> {
    match api.refresh(tokens).await {
        Ok(newer) => {
            *tokens = newer;
            output.happened("refreshed", "got a new token")?;
            let message = json!({ "type": "token.refresh", "token": tokens.access });
            // A lost connection shows at the next read.
            held.say(&message).await;
            Ok(())
        }
        // The server says why in the socket, and closes it.
        Err(WatchError::Over(reason)) => {
            Ok(output.happened("error", &format!("the token can't be refreshed: {reason}"))?)
        }
        Err(error) => Ok(output.happened("error", &error.to_string())?),
    }
}
