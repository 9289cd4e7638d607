//! Frames of RFC 6455, as far as a client needs them that listens and answers pings: whole messages, no extensions.

/// In place of a size: it follows in two bytes, or in eight.
const SIZE_IN_2: u8 = 0x7e;
const SIZE_IN_8: u8 = 0x7f;

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A text, or a part of one.
    Text,
    /// The end.
    Close,
    /// To be answered.
    Ping,
    /// Anything else.
    Other,
}

/// A frame that came: what it is, and what it holds.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Frame<'a> {
    /// What it is.
    pub(crate) kind: Kind,
    /// What it holds, as the server sent it.
    pub(crate) payload: &'a [u8],
    /// Bytes of all of it.
    pub(crate) length: usize,
}

impl<'a> Frame<'a> {
    /// The frame that begins here, once all of it is there.
    pub(crate) fn read(bytes: &'a [u8]) -> Option<Self> {
        let (&first, &second) = (bytes.first()?, bytes.get(1)?);
        let (begins, size) = match second & 0x7f {
            126 => (
                4,
                u64::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?)),
            ),
            127 => (10, u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?)),
            short => (2, u64::from(short)),
        };
        let length = begins + usize::try_from(size).ok()?;
        Some(Self {
            kind: match first & 0x0f {
                0x1 => Kind::Text,
                0x8 => Kind::Close,
                0x9 => Kind::Ping,
                _ => Kind::Other,
            },
            payload: bytes.get(begins..length)?,
            length,
        })
    }
}

/// A text as a client sends it.
pub(crate) fn text(payload: &[u8]) -> Vec<u8> {
    masked(0x1, payload)
}

/// The answer to a ping.
pub(crate) fn pong(payload: &[u8]) -> Vec<u8> {
    masked(0xa, payload)
}

/// Masked with zeros, which the receiver can't tell from any other mask.
fn masked(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = head(opcode, payload.len(), 0x80);
    frame.extend_from_slice(&[0; 4]);
    frame.extend_from_slice(payload);
    frame
}

/// A text as a server sends it.
pub(crate) fn of_server(payload: &[u8]) -> Vec<u8> {
    let mut frame = head(0x1, payload.len(), 0);
    frame.extend_from_slice(payload);
    frame
}

fn head(opcode: u8, size: usize, mask: u8) -> Vec<u8> {
    let mut head = vec![0x80 | opcode];
    if let Ok(short) = u8::try_from(size)
        && short < SIZE_IN_2
    {
        head.push(mask | short);
    } else if let Ok(middle) = u16::try_from(size) {
        head.push(mask | SIZE_IN_2);
        head.extend_from_slice(&middle.to_be_bytes());
    } else {
        head.push(mask | SIZE_IN_8);
        let long = u64::try_from(size).unwrap_or(u64::MAX);
        head.extend_from_slice(&long.to_be_bytes());
    }
    head
}
