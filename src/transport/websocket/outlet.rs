//! The way out of a WebSocket: the stream, and what of whole frames the kernel has not taken yet. The connection's
//! task writes here, and whoever writes for it while it rests. It may not know what messages mean.

use std::io::ErrorKind;

use parking_lot::Mutex;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::protocol::frame::FrameHeader;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

use crate::node::{Frame, Hand, Written};
use crate::transport::driver::Gone;

/// See the module.
pub(super) struct Outlet {
    stream: TcpStream,
    /// Whole frames, of which the first may have been written in part. No memory while there is none.
    out: Mutex<Vec<u8>>,
}

impl Outlet {
    /// Nothing is to go out.
    pub(super) fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            out: Mutex::default(),
        }
    }

    /// Where what comes in is read.
    pub(super) fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Puts something that goes out with the next flush.
    pub(super) fn put<T>(&self, add: impl FnOnce(&mut Vec<u8>) -> T) -> T {
        add(&mut self.out.lock())
    }

    /// Whether something is to go out.
    pub(super) fn owes(&self) -> bool {
        !self.out.lock().is_empty()
    }

    /// Writes what the kernel takes at once; whether that was all.
    pub(super) fn try_flush(&self) -> Result<bool, Gone> {
        let mut out = self.out.lock();
        let written = self.write_some(&out)?;
        let is_all = written == out.len();
        if is_all {
            *out = Vec::new();
        } else {
            out.drain(..written);
        }
        Ok(is_all)
    }

    /// Writes what the kernel takes at once: so many bytes.
    fn write_some(&self, bytes: &[u8]) -> Result<usize, Gone> {
        let mut written = 0;
        while let Some(rest) = bytes.get(written..).filter(|rest| !rest.is_empty()) {
            match self.stream.try_write(rest) {
                Ok(0) => return Err(Gone),
                Ok(count) => written += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(_) => return Err(Gone),
            }
        }
        Ok(written)
    }
}

impl Hand for Outlet {
    fn encode(&self, frame: &Frame, bytes: &mut Vec<u8>) {
        let text = frame.text();
        let header = FrameHeader {
            opcode: OpCode::Data(Data::Text),
            ..FrameHeader::default()
        };
        // A buffer takes everything.
        let _ = header.format(text.len() as u64, bytes);
        bytes.extend_from_slice(text);
    }

    fn write(&self, bytes: &[u8]) -> Written {
        let mut out = self.out.lock();
        if !out.is_empty() {
            return Written::Nothing;
        }
        match self.write_some(bytes) {
            Ok(0) | Err(Gone) => Written::Nothing,
            Ok(count) if count == bytes.len() => Written::All,
            Ok(count) => {
                out.extend_from_slice(bytes.get(count..).unwrap_or_default());
                Written::InPart
            }
        }
    }
}
