//! A WebSocket on a TCP stream of its own: what came in, and what is to go out. While nothing does, it holds
//! the stream and no buffer. It may not know what messages mean, nor how long who reads nothing is waited for.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{CloseCode, Data, OpCode};
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};

use super::codec::Codec;
use super::outlet::Outlet;
use crate::domain::close::Close;
use crate::node::Hand;
use crate::transport::driver::{Gone, LINGER};

/// What came in.
pub(in crate::transport) enum Heard {
    /// Text.
    Text(Utf8Bytes),
    /// Binary.
    Binary,
    /// A ping or a pong.
    Control,
    /// The peer has gone, or says that it goes.
    Gone,
    /// Something that has to be answered with a close.
    Broken(Close),
}

/// The socket.
pub(in crate::transport) struct Socket {
    outlet: Arc<Outlet>,
    /// While there is something to read.
    codec: Option<Box<Codec>>,
    /// The longest message that is read, in bytes.
    limit: usize,
    is_broken: bool,
    /// The end was put.
    is_closed: bool,
}

impl Socket {
    /// `read`: what was read of the stream after the handshake; `limit`: the longest message, in bytes.
    pub(super) fn new(stream: TcpStream, read: &Bytes, limit: usize) -> Self {
        let codec = (!read.is_empty()).then(|| Box::new(Codec::new(read, limit)));
        Self {
            outlet: Arc::new(Outlet::new(stream)),
            codec,
            limit,
            is_broken: false,
            is_closed: false,
        }
    }

    /// The next thing that comes in. May be dropped half-way without loss.
    pub(in crate::transport) fn hear(&mut self) -> impl Future<Output = Heard> + Send {
        poll_fn(|cx| self.poll_hear(cx))
    }

    pub(super) fn poll_hear(&mut self, cx: &mut Context<'_>) -> Poll<Heard> {
        loop {
            if let Some(codec) = &mut self.codec {
                let stream = self.outlet.stream();
                match self.outlet.put(|out| codec.read(stream, out)) {
                    Ok(Some(message)) => return Poll::Ready(heard(message)),
                    Ok(None) if codec.is_at_boundary() => self.codec = None,
                    Ok(None) => {}
                    Err(error) => {
                        self.is_broken = true;
                        let heard = broken(&error).map_or(Heard::Gone, Heard::Broken);
                        return Poll::Ready(heard);
                    }
                }
            }
            // Not `readable`: that would leave the waker of the HTTP stack's task, and with it the task's memory.
            if ready!(self.outlet.stream().poll_read_ready(cx)).is_err() {
                return Poll::Ready(Heard::Gone);
            }
            if self.codec.is_none() {
                self.codec = Some(Box::new(Codec::new(&Bytes::new(), self.limit)));
            }
        }
    }

    /// Text, to go out with the next flush.
    pub(in crate::transport) fn put_text(&mut self, text: impl Into<Bytes>) {
        self.put(Frame::message(text, OpCode::Data(Data::Text), true));
    }

    /// A ping, to go out with the next flush.
    pub(in crate::transport) fn put_ping(&mut self) {
        self.put(Frame::ping(Bytes::new()));
    }

    /// The end, to go out with the next flush.
    pub(in crate::transport) fn put_close(&mut self, close: Close) {
        self.is_closed = true;
        self.put(Frame::close(Some(CloseFrame {
            code: CloseCode::from(close.code.number()),
            reason: Utf8Bytes::from_static(close.reason),
        })));
    }

    fn put(&self, frame: Frame) {
        // A buffer takes everything.
        let _ = self.outlet.put(|out| frame.format(out));
    }

    /// Whether something is to go out.
    pub(in crate::transport) fn owes(&self) -> bool {
        self.outlet.owes()
    }

    /// What may write for it while it is not written to.
    pub(in crate::transport) fn hand(&self) -> Arc<dyn Hand> {
        Arc::clone(&self.outlet) as Arc<dyn Hand>
    }

    /// Writes what the kernel takes at once; whether that was all.
    pub(in crate::transport) fn try_flush(&mut self) -> Result<bool, Gone> {
        self.outlet.try_flush()
    }

    /// Returns when all has gone to the kernel. May be dropped half-way: what is left goes out with the next.
    pub(in crate::transport) async fn flush(&mut self) -> Result<(), Gone> {
        while !self.try_flush()? {
            let stream = self.outlet.stream();
            let writable = poll_fn(|cx| stream.poll_write_ready(cx)).await;
            writable.map_err(|_| Gone)?;
        }
        Ok(())
    }

    /// Lets go after the end was written or read. The peer gets a moment to answer the close: dropping a TCP
    /// connection that holds unread bytes resets it, and may take the close frame from the peer before it was
    /// read.
    pub(in crate::transport) async fn let_go(mut self) {
        if self.is_broken {
            // Nothing more can be read of it, so its answer can't be waited for.
            tokio::time::sleep(LINGER).await;
            return;
        }
        let answered = async {
            while !matches!(self.hear().await, Heard::Gone | Heard::Broken(_)) {}
            // The codec answers a peer that closed, also where that was the answer.
            if !self.is_closed {
                let _ = self.flush().await;
            }
        };
        let _ = timeout(LINGER, answered).await;
    }
}

fn heard(message: Message) -> Heard {
    match message {
        Message::Text(text) => Heard::Text(text),
        Message::Binary(_) => Heard::Binary,
        Message::Ping(_) | Message::Pong(_) => Heard::Control,
        // The codec gives messages, and frames to nobody.
        Message::Close(_) | Message::Frame(_) => Heard::Gone,
    }
}

/// How to answer a failed read; `None`: the peer has gone.
fn broken(error: &Error) -> Option<Close> {
    match error {
        Error::Capacity(_) => Some(Close::FRAME_TOO_LARGE),
        Error::Utf8(_) => Some(Close::BROKEN_TEXT),
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => None,
        Error::Protocol(_) => Some(Close::BROKEN_FRAME),
        _ => None,
    }
}
