//! The feed over a WebSocket, `sessionwire.feed.v1`: each message as one text frame, and acknowledgements
//! on the way back. It may not know what the messages say.

use std::pin::pin;

use axum::extract::ws::{CloseFrame, Message as Frame, Utf8Bytes, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use serde::Deserialize;
use uuid::Uuid;

use super::stream::{Open, Tail};
use crate::domain::id::Seq;
use crate::node::Node;

const SUBPROTOCOL: &str = "sessionwire.feed.v1";
/// An acknowledgement is all that a service says.
const FRAME_BYTES_MAX: usize = 1024;
/// The stream ended; its last message says why. The service comes back.
const CLOSE_OVER: u16 = 4005;
/// What it said is no acknowledgement.
const CLOSE_PROTOCOL: u16 = 4505;

/// What a service says.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
enum Said {
    /// Everything up to this position has been applied.
    Ack { seq: Seq },
}

/// Takes the upgrade.
pub(super) fn answer<T: Tail>(
    upgrade: WebSocketUpgrade,
    node: Node,
    reader: Uuid,
    open: Open<T>,
) -> Response {
    upgrade
        .protocols([SUBPROTOCOL])
        .read_buffer_size(FRAME_BYTES_MAX)
        .write_buffer_size(0)
        .max_frame_size(FRAME_BYTES_MAX)
        .max_message_size(FRAME_BYTES_MAX)
        .on_upgrade(move |socket| carry(socket, node, reader, open))
}

/// Carries the stream until one of the two sides is done.
async fn carry<T: Tail>(mut socket: WebSocket, node: Node, reader: Uuid, mut open: Open<T>) {
    loop {
        let message = {
            let mut next = pin!(open.next());
            loop {
                tokio::select! {
                    message = &mut next => break message,
                    said = socket.recv() => match said {
                        Some(Ok(Frame::Text(text))) if heard(&node, reader, &text) => {}
                        Some(Ok(Frame::Ping(_) | Frame::Pong(_))) => {}
                        Some(Ok(Frame::Text(_) | Frame::Binary(_))) => {
                            return close(&mut socket, CLOSE_PROTOCOL, "protocol_error").await;
                        }
                        Some(Ok(Frame::Close(_)) | Err(_)) | None => return,
                    },
                }
            }
        };
        let Some(message) = message else {
            return close(&mut socket, CLOSE_OVER, "over").await;
        };
        let frame = Frame::Text(Utf8Bytes::from(message.into_text()));
        // Who reads nothing is let go of below, and comes back to where it was.
        if socket.send(frame).await.is_err() {
            return;
        }
    }
}

/// Whether it was an acknowledgement of something that has happened.
fn heard(node: &Node, reader: Uuid, text: &str) -> bool {
    match serde_json::from_str(text) {
        Ok(Said::Ack { seq }) if seq <= node.head() => {
            node.acknowledge(reader, seq);
            true
        }
        Ok(Said::Ack { .. }) | Err(_) => false,
    }
}

async fn close(socket: &mut WebSocket, code: u16, reason: &'static str) {
    let reason = Utf8Bytes::from_static(reason);
    let frame = Frame::Close(Some(CloseFrame { code, reason }));
    // Whether the service still hears it changes nothing.
    let _ = socket.send(frame).await;
}
