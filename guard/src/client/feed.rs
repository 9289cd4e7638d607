//! Follows the feed over a WebSocket (`docs/feed.md`): connects, takes messages in, acknowledges, and comes
//! back to where it was. It may not know what changes mean.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::rand;
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error as WsError, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};

use super::Shared;
use super::delay::Delays;
use super::uses::LateUse;
use crate::feed::{FeedFault, FeedMessage, Heard, Taken};
use crate::id::Seq;
use crate::revocation::ChangeKind;

const SUBPROTOCOL: &str = "sessionwire.feed.v1";
/// The longest message, in bytes: a thousand changes of long names fit.
const MESSAGE_BYTES_MAX: usize = 8 * 1024 * 1024;
/// How long connecting, and a write, may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// The first and the longest wait before coming back.
const BACKOFF_MIN: Duration = Duration::from_millis(50);
const BACKOFF_MAX: Duration = Duration::from_secs(2);
/// Before coming back after the key was refused: that takes a person.
const REFUSED: Duration = Duration::from_secs(30);
/// A connection that is silent for so many heartbeats is none.
const SILENT_BEATS: u32 = 3;
/// The fastest and the slowest heartbeat that is believed.
const BEAT_MIN: Duration = Duration::from_millis(500);
const BEAT_MAX: Duration = Duration::from_mins(1);
/// How often entries that matter to no living token are forgotten.
const SWEEP: Duration = Duration::from_secs(30);

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Why a connection ended.
#[derive(Debug, thiserror::Error)]
enum Ended {
    #[error("the server did not take the key ({0})")]
    Refused(u16),
    #[error("the server can't be reached: {0}")]
    Unreachable(#[source] Box<WsError>),
    #[error("it took too long")]
    Late,
    #[error("{0}")]
    Fault(#[from] FeedFault),
    #[error("the server said {0}")]
    Problem(String),
    #[error("the connection ended")]
    Gone,
    #[error("the address is none")]
    Address,
}

impl From<WsError> for Ended {
    fn from(error: WsError) -> Self {
        match &error {
            WsError::Http(answer) if matches!(answer.status().as_u16(), 401 | 403) => {
                Self::Refused(answer.status().as_u16())
            }
            _ => Self::Unreachable(Box::new(error)),
        }
    }
}

/// Follows for ever.
pub(super) async fn follow(shared: Arc<Shared>, late: mpsc::Sender<LateUse>) {
    let sweeping = async {
        loop {
            sleep(SWEEP).await;
            shared.following.sweep(shared.clock.now_ms());
            shared.uses.sweep(shared.clock.uptime());
            shared.fences.sweep(shared.clock.now_ms().div_euclid(1000));
        }
    };
    let following = async {
        let mut failures = 0;
        let mut delays = Delays::default();
        loop {
            let mut connection = Connection::new(&shared, &late, &mut delays);
            let ended = connection.run().await;
            failures = if connection.has_heard {
                0
            } else {
                failures + 1
            };
            shared.reader.send_replace(None);
            shared.counts.reconnect();
            tracing::warn!(reason = %ended, "the feed is cut");
            sleep(wait(&ended, failures)).await;
        }
    };
    tokio::join!(sweeping, following);
}

/// How long to stay away: full jitter, so that a thousand guards don't come back at once.
fn wait(ended: &Ended, failures: u32) -> Duration {
    if matches!(ended, Ended::Refused(_)) {
        return REFUSED;
    }
    let ceiling = BACKOFF_MIN * 2_u32.saturating_pow(failures.min(10));
    let mut lot = [0; 2];
    // Without luck the longest wait is as good as any.
    if rand::fill(&mut lot).is_err() {
        lot = [u8::MAX; 2];
    }
    ceiling.min(BACKOFF_MAX) * u32::from(u16::from_be_bytes(lot)) / u32::from(u16::MAX)
}

struct Connection<'a> {
    shared: &'a Shared,
    late: &'a mpsc::Sender<LateUse>,
    silence: Duration,
    has_heard: bool,
    delays: &'a mut Delays,
}

impl<'a> Connection<'a> {
    fn new(shared: &'a Shared, late: &'a mpsc::Sender<LateUse>, delays: &'a mut Delays) -> Self {
        Self {
            shared,
            late,
            delays,
            silence: PATIENCE,
            has_heard: false,
        }
    }

    /// Connects and goes on until something ends it.
    async fn run(&mut self) -> Ended {
        let after = self.shared.following.begin_anew();
        let socket = timeout(PATIENCE, connect(self.shared, after)).await;
        let mut socket = match socket {
            Ok(Ok(socket)) => socket,
            Ok(Err(ended)) => return ended,
            Err(_) => return Ended::Late,
        };
        loop {
            if let Err(ended) = self.step(&mut socket).await {
                return ended;
            }
        }
    }

    /// Takes one message in.
    async fn step(&mut self, socket: &mut Socket) -> Result<(), Ended> {
        let frame = timeout(self.silence, socket.next()).await;
        let text = match frame.map_err(|_| Ended::Late)? {
            Some(Ok(Message::Text(text))) => text,
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => return Ok(()),
            Some(Ok(Message::Binary(_))) => return Err(FeedFault::Unreadable.into()),
            Some(Ok(Message::Close(_))) | None => return Err(Ended::Gone),
            Some(Err(error)) => return Err(error.into()),
        };
        let message = FeedMessage::read(&text)?;
        self.shared.counts.message();
        match &message {
            FeedMessage::Hello {
                reader,
                heartbeat_ms,
                ..
            } => {
                let beat = Duration::from_millis(*heartbeat_ms).clamp(BEAT_MIN, BEAT_MAX);
                self.silence = beat * SILENT_BEATS;
                self.shared.reader.send_replace(Some(*reader));
            }
            FeedMessage::Problem { code } => return Err(Ended::Problem(code.clone())),
            FeedMessage::Snapshot { .. }
            | FeedMessage::Changes { .. }
            | FeedMessage::Reset
            | FeedMessage::Unknown => {}
        }
        let moved = self.take(message)?;
        self.has_heard = true;
        match moved {
            Some(position) => acknowledge(socket, position).await,
            None => Ok(()),
        }
    }

    /// Applies a message. Answers the position where it is another now.
    fn take(&mut self, message: FeedMessage) -> Result<Option<Seq>, Ended> {
        let shared = self.shared;
        let before = {
            let known = shared.following.read();
            (known.position(), known.in_sync_at())
        };
        let uptime = shared.clock.uptime();
        let delay = match &message {
            FeedMessage::Hello { now_ms, .. } | FeedMessage::Changes { now_ms, .. } => {
                now_ms.map(|now_ms| self.delays.note(uptime, now_ms))
            }
            FeedMessage::Snapshot { .. }
            | FeedMessage::Reset
            | FeedMessage::Problem { .. }
            | FeedMessage::Unknown => None,
        };
        let delay = delay.unwrap_or_default();
        let entries_max = shared.settings.index_size_max;
        let taken = shared.following.take(message, entries_max, uptime);
        let taken = taken.inspect_err(|fault| shared.counts.fault(*fault))?;
        match taken {
            Taken::Nothing => return Ok(None),
            Taken::Forgot => {
                shared.counts.reset();
                return Ok(None);
            }
            Taken::Begun => {}
            Taken::Moved(changes) => {
                let retired =
                    |heard: &Heard| heard.note.change.kind() == ChangeKind::SigningKeyRetired;
                if changes.iter().any(retired) {
                    shared.keys.want_now();
                }
                for late in shared.uses.late(&changes, uptime, delay, before.1) {
                    let is_taken = self.late.try_send(late).is_ok();
                    shared.counts.late_use(is_taken);
                }
            }
        }
        let position = shared.following.read().position();
        Ok(position.filter(|_| position != before.0 || !self.has_heard))
    }
}

async fn connect(shared: &Shared, after: Option<Seq>) -> Result<Socket, Ended> {
    let url = shared.settings.address("/v1/feed");
    let mut url = url.map_err(|_| Ended::Address)?;
    let scheme = if url.scheme() == "https" { "wss" } else { "ws" };
    url.set_scheme(scheme).map_err(|()| Ended::Address)?;
    if let Some(after) = after {
        url.query_pairs_mut()
            .append_pair("after", &after.to_string());
    }
    let mut request = url.as_str().into_client_request()?;
    let key = HeaderValue::from_str(&format!("Bearer {}", shared.settings.api_key));
    let mut key = key.map_err(|_| Ended::Address)?;
    key.set_sensitive(true);
    let headers = request.headers_mut();
    headers.insert("authorization", key);
    headers.insert(
        "sec-websocket-protocol",
        HeaderValue::from_static(SUBPROTOCOL),
    );
    let config = WebSocketConfig::default()
        .max_message_size(Some(MESSAGE_BYTES_MAX))
        .max_frame_size(Some(MESSAGE_BYTES_MAX));
    let (socket, _) = connect_async_with_config(request, Some(config), true).await?;
    Ok(socket)
}

async fn acknowledge(socket: &mut Socket, position: Seq) -> Result<(), Ended> {
    let ack = format!(r#"{{"type":"ack","seq":{position}}}"#);
    let sent = timeout(PATIENCE, socket.send(Message::text(ack))).await;
    Ok(sent.map_err(|_| Ended::Late)??)
}
