//! A message as it goes over the wire, encoded once and shared by all who are sent it. It may not
//! know transports.

use bytes::Bytes;

use crate::domain::id::Seq;
use crate::domain::message::ServerMessage;

/// Sent in place of a message that could not be encoded: a client must not wait for nothing.
const FAULT: &str =
    r#"{"type":"error","code":"internal","message":"a message for you could not be written"}"#;

/// A message as JSON text, and what transports that name messages call it. Cloning shares the bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    kind: &'static str,
    id: Option<Seq>,
    text: Bytes,
}

impl Frame {
    /// Encodes a message.
    pub fn of(message: &ServerMessage) -> Self {
        let (kind, id) = (message.kind(), message.id());
        match serde_json::to_vec(message) {
            Ok(text) => Self {
                kind,
                id,
                text: text.into(),
            },
            Err(error) => {
                tracing::error!(%error, "a message can't be encoded");
                Self {
                    kind: "error",
                    id: None,
                    text: Bytes::from_static(FAULT.as_bytes()),
                }
            }
        }
    }

    /// The message's type.
    pub fn kind(&self) -> &'static str {
        self.kind
    }

    /// The position that the message carries.
    pub fn id(&self) -> Option<Seq> {
        self.id
    }

    /// The text; UTF-8.
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// The text's bytes; UTF-8.
    pub fn into_bytes(self) -> Bytes {
        self.text
    }

    /// The message without its type, for transports that name it themselves: the text of an object,
    /// after its opening brace.
    pub fn members(&self) -> &[u8] {
        // The type is written first, and as it stands here.
        let after_type = r#"{"type":"#.len() + self.kind.len() + r#""""#.len();
        match self.text.get(after_type..) {
            Some([b',', members @ ..]) => members,
            Some(end) => end,
            None => b"}",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_the_message_as_json() {
        let frame = Frame::of(&ServerMessage::Pong);
        assert_eq!(frame.members(), b"}");
        assert_eq!(&frame.into_bytes()[..], br#"{"type":"pong"}"#);
        let reconnect = Frame::of(&ServerMessage::Reconnect { after_ms: 7 });
        assert_eq!(reconnect.members(), br#""after_ms":7}"#);
    }
}
