//! Server-sent events as what carries messages. It may not know what the messages mean.

use crate::domain::close::Close;
use crate::node::Frame;
use crate::transport::driver::{Gone, Incoming, Item, Wire};
use crate::transport::outlet::Outlet;

/// A comment: readers skip it, and it keeps proxies from taking silence for an end.
const BEAT: &[u8] = b":\n\n";

/// The message that says when to come back.
const RECONNECT: &str = "reconnect";

/// The driver's side of a stream.
pub(super) struct EventWire {
    outlet: Outlet,
    beaten: bool,
}

impl EventWire {
    pub(super) fn new(outlet: Outlet) -> Self {
        Self {
            outlet,
            beaten: false,
        }
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
        self.outlet.write(chunk.into()).await;
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
