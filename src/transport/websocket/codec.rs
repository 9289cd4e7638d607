//! Reads what a client sends over a WebSocket: the library's codec, and when nothing is lost by letting go
//! of it. An idle connection has no use for one. It may not know what messages mean.

use std::io::{self, Cursor, ErrorKind, Read, Write};

use bytes::Bytes;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::protocol::frame::FrameHeader;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig, WebSocketContext};
use tokio_tungstenite::tungstenite::{Error, Message};

/// What is read at once, in bytes: a message of a client is short.
const READ_BUFFER_BYTES: usize = 512;
/// The longest head of a frame (RFC 6455 section 5.2).
const HEAD_BYTES_MAX: usize = 14;

/// What reads while there is something to read.
pub(super) struct Codec {
    context: WebSocketContext,
    boundary: Boundary,
}

impl Codec {
    /// `read`: what was read of the stream before; `limit`: the longest message, in bytes.
    pub(super) fn new(read: &Bytes, limit: usize) -> Self {
        // Frames of one size and messages of another would be two limits where the contract has one.
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER_BYTES)
            .write_buffer_size(0)
            .max_frame_size(Some(limit))
            .max_message_size(Some(limit));
        let mut boundary = Boundary::default();
        boundary.pass(read);
        Self {
            context: WebSocketContext::from_partially_read(
                read.to_vec(),
                Role::Server,
                Some(config),
            ),
            boundary,
        }
    }

    /// The next message of what has come in; `None`: all of that has been read. What the protocol itself
    /// answers is put to `out`.
    pub(super) fn read(
        &mut self,
        stream: &TcpStream,
        out: &mut Vec<u8>,
    ) -> Result<Option<Message>, Error> {
        let boundary = &mut self.boundary;
        let mut io = Io {
            stream,
            boundary,
            out,
        };
        match self.context.read(&mut io) {
            Ok(message) => {
                // Its answer goes out with whatever comes next, not with the next message. What it fails with it fails
                // with again.
                let _ = self.context.flush(&mut io);
                Ok(Some(message))
            }
            Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether another codec could go on from here: nothing was read of the next message.
    pub(super) fn is_at_boundary(&self) -> bool {
        self.boundary.is_between_messages()
    }
}

/// The stream as the codec reads it. It never blocks on a write: that is for whoever owns what is to go out.
struct Io<'a> {
    stream: &'a TcpStream,
    boundary: &'a mut Boundary,
    out: &'a mut Vec<u8>,
}

impl Read for Io<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.stream.try_read(buffer)?;
        self.boundary.pass(buffer.get(..count).unwrap_or_default());
        Ok(count)
    }
}

impl Write for Io<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Where in the stream of frames the reading is. It judges nothing: what is wrong with a frame is for the
/// codec to find.
#[derive(Default)]
struct Boundary {
    /// The first bytes of a head of which more are to come.
    head: Vec<u8>,
    /// How much of a frame's payload is yet to come.
    ahead: u64,
    /// More frames of a message are to come.
    is_in_message: bool,
}

impl Boundary {
    fn is_between_messages(&self) -> bool {
        self.head.is_empty() && self.ahead == 0 && !self.is_in_message
    }

    fn pass(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.ahead > 0 {
                let count = bytes
                    .len()
                    .min(usize::try_from(self.ahead).unwrap_or(usize::MAX));
                self.ahead -= count as u64;
                bytes = bytes.get(count..).unwrap_or_default();
            } else {
                bytes = self.pass_head(bytes);
            }
        }
    }

    /// Takes what belongs to a frame's head; the rest is returned.
    fn pass_head<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let before = self.head.len();
        let missing = HEAD_BYTES_MAX.saturating_sub(before).min(bytes.len());
        self.head
            .extend_from_slice(bytes.get(..missing).unwrap_or_default());
        let mut cursor = Cursor::new(self.head.as_slice());
        match FrameHeader::parse(&mut cursor) {
            Ok(Some((header, length))) => {
                let end = usize::try_from(cursor.position()).unwrap_or(before);
                self.head = Vec::new();
                self.ahead = length;
                match header.opcode {
                    OpCode::Data(
                        Data::Text | Data::Binary | Data::Continue | Data::Reserved(_),
                    ) => {
                        self.is_in_message = !header.is_final;
                    }
                    OpCode::Control(_) => {}
                }
                bytes.get(end.saturating_sub(before)..).unwrap_or_default()
            }
            Ok(None) => bytes.get(missing..).unwrap_or_default(),
            // The codec refuses it too, and nothing is read after that.
            Err(_) => {
                self.is_in_message = true;
                &[]
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tokio_tungstenite::tungstenite::protocol::frame::Frame;

    use super::*;

    /// A client's frames: their bytes, and after which of them a message ends.
    fn stream_of(frames: &[(u16, u8)]) -> (Vec<u8>, Vec<usize>) {
        let (mut bytes, mut ends) = (Vec::new(), Vec::new());
        let mut is_in_message = false;
        for (length, kind) in frames {
            let payload = vec![b'x'; usize::from(*length)];
            let is_final = kind % 2 == 0;
            let frame = if kind % 3 == 0 {
                Frame::ping(vec![b'x'; usize::from(length % 126)])
            } else {
                let data = if is_in_message {
                    Data::Continue
                } else {
                    Data::Text
                };
                is_in_message = !is_final;
                Frame::message(payload, OpCode::Data(data), is_final)
            };
            let mut masked = frame;
            masked.header_mut().mask = Some([1, 2, 3, 4]);
            masked.format(&mut bytes).unwrap();
            if !is_in_message {
                ends.push(bytes.len());
            }
        }
        (bytes, ends)
    }

    proptest! {
        /// However the bytes are cut, only the ends of messages are boundaries.
        #[test]
        fn only_between_messages_is_a_boundary(
            frames in prop::collection::vec((prop_oneof![0u16..200, 60_000u16..=u16::MAX], any::<u8>()), 0..6),
            cuts in prop::collection::vec(1usize..40, 1..20),
        ) {
            let (bytes, ends) = stream_of(&frames);
            let mut boundary = Boundary::default();
            let (mut at, mut cuts) = (0, cuts.into_iter().cycle());
            prop_assert!(boundary.is_between_messages());
            while at < bytes.len() {
                // Some of the cuts fall on the ends of messages.
                let next = ends.iter().copied().find(|end| *end > at).unwrap_or(bytes.len());
                let cut = cuts.next().unwrap_or(1);
                let to = if cut % 3 == 0 { next } else { (at + cut).min(bytes.len()) };
                boundary.pass(&bytes[at..to]);
                at = to;
                prop_assert_eq!(boundary.is_between_messages(), ends.contains(&at), "at {}", at);
            }
        }
    }
}
