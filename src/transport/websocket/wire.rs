//! A WebSocket as what carries messages, closed so that the peer gets to read why. It may not know what the
//! messages mean.

use axum::Error;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket};
use bytes::Bytes;
use futures::SinkExt;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Error as Broken;
use tokio_tungstenite::tungstenite::error::ProtocolError;

use crate::domain::close::Close;
use crate::node::Frame;
use crate::transport::driver::{Gone, Incoming, Item, LINGER, Wire};

/// The socket.
pub(super) struct WebSocketWire {
    socket: WebSocket,
    is_broken: bool,
}

impl WebSocketWire {
    pub(super) fn new(socket: WebSocket) -> Self {
        Self {
            socket,
            is_broken: false,
        }
    }
}

impl Wire for WebSocketWire {
    async fn read(&mut self) -> Incoming {
        match self.socket.recv().await {
            Some(Ok(Message::Text(text))) => Incoming::Text(text),
            Some(Ok(Message::Binary(_))) => Incoming::Binary,
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => Incoming::Control,
            Some(Ok(Message::Close(_))) | None => Incoming::Gone,
            Some(Err(error)) => {
                self.is_broken = true;
                broken(error).map_or(Incoming::Gone, Incoming::Broken)
            }
        }
    }

    async fn send(&mut self, items: Vec<Item>) -> Result<(), Gone> {
        for item in items {
            let message = match item {
                Item::Message(frame) => text(frame),
                Item::Ping => Message::Ping(Bytes::new()),
                Item::Close(close) => close_message(close),
            };
            self.socket.feed(message).await.map_err(|_| Gone)?;
        }
        self.socket.flush().await.map_err(|_| Gone)
    }

    /// The peer gets a moment to answer the close: dropping a TCP connection that holds unread bytes
    /// resets it, and may take the close frame from the peer before it was read.
    async fn linger(mut self) {
        if self.is_broken {
            // Nothing more can be read of it, so its answer can't be waited for.
            tokio::time::sleep(LINGER).await;
            return;
        }
        let answered = async { while let Some(Ok(_)) = self.socket.recv().await {} };
        let _ = timeout(LINGER, answered).await;
    }
}

fn text(frame: Frame) -> Message {
    match Utf8Bytes::try_from(frame.into_bytes()) {
        Ok(text) => Message::Text(text),
        // Frames hold JSON, so this is only what the types ask for.
        Err(_) => Message::Ping(Bytes::new()),
    }
}

fn close_message(close: Close) -> Message {
    Message::Close(Some(CloseFrame {
        code: close.code.number(),
        reason: Utf8Bytes::from_static(close.reason),
    }))
}

/// How to answer a failed read; `None`: the peer has gone.
pub(in crate::transport) fn broken(error: Error) -> Option<Close> {
    match *error.into_inner().downcast::<Broken>().ok()? {
        Broken::Capacity(_) => Some(Close::FRAME_TOO_LARGE),
        Broken::Utf8(_) => Some(Close::BROKEN_TEXT),
        Broken::Protocol(ProtocolError::ResetWithoutClosingHandshake) => None,
        Broken::Protocol(_) => Some(Close::BROKEN_FRAME),
        _ => None,
    }
}
