//! Server-sent events as what carries messages. It may not know what the messages mean.
//!
//! There is no task of its own: the connection that writes the answer asks its body for more, and the body
//! runs the driver until that has put something out.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use axum::body::Body;
use bytes::Bytes;
use futures::stream;
use parking_lot::Mutex;

use crate::domain::close::Close;
use crate::node::Frame;
use crate::transport::driver::{Gone, Incoming, Item, Wire};
use crate::transport::underlay::Underlay;

/// A comment: readers skip it, and it keeps proxies from taking silence for an end.
const BEAT: &[u8] = b":\n\n";

/// The message that says when to come back.
const RECONNECT: &str = "reconnect";

/// Where the driver puts what the body sends next.
pub(super) struct Outlet(Arc<Mutex<Option<Bytes>>>);

/// The driver's side of it.
pub(super) struct EventWire {
    outlet: Arc<Mutex<Option<Bytes>>>,
    underlay: Option<Underlay>,
    beaten: bool,
}

impl Outlet {
    /// One, and its wire. Without word of the connection's flushes a chunk counts as written when the next is
    /// asked for.
    pub(super) fn new(underlay: Option<Underlay>) -> (Self, EventWire) {
        let outlet = Arc::new(Mutex::default());
        let wire = EventWire {
            outlet: Arc::clone(&outlet),
            underlay,
            beaten: false,
        };
        (Self(outlet), wire)
    }

    /// The body that is written as the driver runs.
    pub(super) fn carry(self, driver: impl Future<Output = ()> + Send + 'static) -> Body {
        let mut driver: Option<Pin<Box<dyn Future<Output = ()> + Send>>> = Some(Box::pin(driver));
        Body::from_stream(stream::poll_fn(move |cx| {
            if let Some(running) = &mut driver
                && running.as_mut().poll(cx).is_ready()
            {
                driver = None;
            }
            match self.0.lock().take() {
                Some(chunk) => Poll::Ready(Some(Ok::<_, Infallible>(chunk))),
                None if driver.is_none() => Poll::Ready(None),
                None => Poll::Pending,
            }
        }))
    }
}

impl Wire for EventWire {
    /// A client has no way to say anything. That what was sent lately could be written is all there is to
    /// know of it; that nobody takes it is for TCP to find out.
    async fn read(&mut self) -> Incoming {
        if std::mem::take(&mut self.beaten) {
            return Incoming::Control;
        }
        std::future::pending().await
    }

    async fn send(&mut self, items: Vec<Item>) -> Result<(), Gone> {
        let mut chunk = Vec::new();
        let mut beats = false;
        for item in items {
            match item {
                Item::Message(frame) => put(&mut chunk, &frame),
                Item::Ping => {
                    beats = true;
                    chunk.extend_from_slice(BEAT);
                }
                Item::Close(close) => put_close(&mut chunk, close),
            }
        }
        let flushed = self.underlay.as_ref().map(Underlay::next_flush);
        *self.outlet.lock() = Some(chunk.into());
        match flushed {
            Some(flushed) => flushed.await,
            None => tokio::task::yield_now().await,
        }
        self.beaten |= beats;
        Ok(())
    }

    async fn linger(self) {}
}

/// A message as an event.
fn put(chunk: &mut Vec<u8>, frame: &Frame) {
    put_line(chunk, "event", frame.kind().as_bytes());
    if let Some(id) = frame.id() {
        put_line(chunk, "id", id.to_string().as_bytes());
    }
    if let Some(after_ms) = retry(frame) {
        put_line(chunk, "retry", after_ms.to_string().as_bytes());
    }
    chunk.extend_from_slice(b"data: {");
    chunk.extend_from_slice(frame.members());
    chunk.extend_from_slice(b"\n\n");
}

/// When a browser's `EventSource`, which comes back by itself, is to do so.
fn retry(frame: &Frame) -> Option<u64> {
    if frame.kind() != RECONNECT {
        return None;
    }
    let message: serde_json::Value = serde_json::from_slice(&frame.clone().into_bytes()).ok()?;
    message["after_ms"].as_u64()
}

fn put_line(chunk: &mut Vec<u8>, name: &str, value: &[u8]) {
    chunk.extend_from_slice(name.as_bytes());
    chunk.extend_from_slice(b": ");
    chunk.extend_from_slice(value);
    chunk.push(b'\n');
}

fn put_close(chunk: &mut Vec<u8>, close: Close) {
    let (code, reason) = (close.code.number(), close.reason);
    let event = format!("event: close\ndata: {{\"code\":{code},\"reason\":\"{reason}\"}}\n\n");
    chunk.extend_from_slice(event.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::clock::Timestamp;
    use crate::domain::id::Seq;
    use crate::domain::message::{NoticeContent, NoticeLevel, ServerMessage};

    fn written(messages: &[ServerMessage]) -> String {
        let mut chunk = Vec::new();
        for message in messages {
            put(&mut chunk, &Frame::of(message));
        }
        put_close(&mut chunk, Close::DRAINING);
        String::from_utf8(chunk).unwrap()
    }

    #[test]
    fn a_message_is_an_event_of_its_name_and_position() {
        let content = NoticeContent {
            level: NoticeLevel::Info,
            title: "Two\nlines".into(),
            body: "b".into(),
            data: None,
        };
        let notice = ServerMessage::Notice {
            id: Seq(7),
            content,
            at: Timestamp::from_millis(0),
        };
        let told = written(&[notice, ServerMessage::Reconnect { after_ms: 9 }]);
        insta::assert_snapshot!(told, @r#"
        event: notice
        id: 7
        data: {"id":7,"level":"info","title":"Two\nlines","body":"b","at":"1970-01-01T00:00:00.000Z"}

        event: reconnect
        retry: 9
        data: {"after_ms":9}

        event: close
        data: {"code":4000,"reason":"draining"}
        "#);
    }
}
