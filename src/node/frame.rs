//! A message as it goes over the wire, encoded once and shared by all who are sent it. It may not
//! know transports.

use bytes::Bytes;

use crate::domain::message::ServerMessage;

/// Sent in place of a message that could not be encoded: a client must not wait for nothing.
const FAULT: &str =
    r#"{"type":"error","code":"internal","message":"a message for you could not be written"}"#;

/// A message as JSON text. Cloning shares the bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame(Bytes);

impl Frame {
    /// Encodes a message.
    pub fn of(message: &ServerMessage) -> Self {
        match serde_json::to_vec(message) {
            Ok(bytes) => Self(bytes.into()),
            Err(error) => {
                tracing::error!(%error, "a message can't be encoded");
                Self(Bytes::from_static(FAULT.as_bytes()))
            }
        }
    }

    /// The text's bytes; UTF-8.
    pub fn into_bytes(self) -> Bytes {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_the_message_as_json() {
        let frame = Frame::of(&ServerMessage::Pong);
        assert_eq!(&frame.into_bytes()[..], br#"{"type":"pong"}"#);
    }
}
