//! A WebSocket as the driver sees it: outputs go out under a time bound, messages come in, and it is
//! closed so that the peer gets to read why. It may not know what the messages mean.

use std::time::Duration;

use axum::Error;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket};
use bytes::Bytes;
use futures::SinkExt;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Error as Broken;
use tokio_tungstenite::tungstenite::error::ProtocolError;

use crate::domain::close::Close;
use crate::domain::metric;
use crate::node::{Frame, Intent, Output};

/// How long the peer gets to answer a close. Dropping a TCP connection that holds unread bytes resets
/// it, and may take the close frame from the peer before it was read.
const LINGER: Duration = Duration::from_secs(1);

/// What came in.
pub(super) enum Incoming {
    /// Text.
    Text(Utf8Bytes),
    /// Binary, which nobody speaks here.
    Binary,
    /// A ping or pong.
    Control,
    /// The peer has gone, or says that it goes.
    Gone,
    /// Something that has to be answered with a close.
    Broken(Close),
}

/// What is left to do when the outputs have been written.
pub(super) enum Next {
    /// Go on, with these to be asked of the service.
    On(Vec<Intent>),
    /// The close frame was written: let go.
    Closed,
    /// Nothing can be written any more.
    Gone,
}

/// The socket.
pub(super) struct Wire {
    socket: WebSocket,
    patience: Duration,
    is_broken: bool,
}

impl Wire {
    pub(super) fn new(socket: WebSocket, patience: Duration) -> Self {
        Self {
            socket,
            patience,
            is_broken: false,
        }
    }

    /// The next thing that comes in. May be dropped half-way without loss.
    pub(super) async fn read(&mut self) -> Incoming {
        match self.socket.recv().await {
            Some(Ok(Message::Text(text))) => Incoming::Text(text),
            Some(Ok(Message::Binary(_))) => Incoming::Binary,
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => Incoming::Control,
            Some(Ok(Message::Close(_))) | None => Incoming::Gone,
            Some(Err(error)) => {
                self.is_broken = true;
                broken(error)
            }
        }
    }

    /// Writes outputs, in order. Those who wait for a receipt hear of it once all has gone to the
    /// kernel; a client that takes nothing for as long as patience lasts is too slow.
    pub(super) async fn write(&mut self, outputs: Vec<Output>) -> Next {
        if outputs.is_empty() {
            return Next::On(Vec::new());
        }
        let mut intents = Vec::new();
        let mut settled = Vec::new();
        let mut messages = Vec::with_capacity(outputs.len());
        let mut closing = None;
        for output in outputs {
            match output {
                Output::Send(message) => messages.push(text(Frame::of(&message))),
                Output::SendShared(frame) => messages.push(text(frame)),
                Output::Ping => messages.push(Message::Ping(Bytes::new())),
                Output::Settle(ticket, outcome) => settled.push((ticket, outcome)),
                Output::Call(intent) => intents.push(intent),
                // Nothing is sent after a close.
                Output::Close(close) => closing = closing.or(Some(close)),
            }
        }
        let sent = u64::try_from(messages.len()).unwrap_or_default();
        messages.extend(closing.map(close_message));
        match timeout(self.patience, self.send(messages)).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return Next::Gone,
            Err(_) => return self.give_up().await,
        }
        metrics::counter!(metric::MESSAGES_SENT).increment(sent);
        for (ticket, outcome) in settled {
            ticket.resolve(outcome);
        }
        match closing {
            Some(close) => {
                count_close(close);
                Next::Closed
            }
            None => Next::On(intents),
        }
    }

    async fn send(&mut self, messages: Vec<Message>) -> Result<(), Error> {
        for message in messages {
            self.socket.feed(message).await?;
        }
        self.socket.flush().await
    }

    /// The peer does not read. It may yet read the close, if that finds room in its window.
    async fn give_up(&mut self) -> Next {
        count_close(Close::TOO_SLOW);
        let close = self.socket.send(close_message(Close::TOO_SLOW));
        let _ = timeout(LINGER, close).await;
        Next::Gone
    }

    /// Lets go after a close was written or read: the peer gets a moment to answer it.
    pub(super) async fn linger(mut self) {
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

fn count_close(close: Close) {
    let code = close.code.number().to_string();
    metrics::counter!(metric::CONNECTIONS_CLOSED, "code" => code).increment(1);
}

/// What a failed read means.
fn broken(error: Error) -> Incoming {
    let Ok(error) = error.into_inner().downcast::<Broken>() else {
        return Incoming::Gone;
    };
    match *error {
        Broken::Capacity(_) => Incoming::Broken(Close::FRAME_TOO_LARGE),
        Broken::Utf8(_) => Incoming::Broken(Close::BROKEN_TEXT),
        Broken::Protocol(ProtocolError::ResetWithoutClosingHandshake) => Incoming::Gone,
        Broken::Protocol(_) => Incoming::Broken(Close::BROKEN_FRAME),
        _ => Incoming::Gone,
    }
}
