//! One client: shakes hands, says who it is, and listens. It holds nothing but its socket and what came of a frame
//! that is not complete yet.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use socket2::{Domain, SockRef, Socket, Type};

use super::frames::{Frame, Kind, pong};
use crate::http::Head;

/// A nonce of RFC 6455, and what servers make of it, which nobody looks at here.
const NONCE: &str = "dGhlIHNhbXBsZSBub25jZQ==";

/// The request for a socket.
pub(crate) fn handshake(host: &str, path: &str, headers: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {NONCE}\r\n{headers}\r\n"
    )
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// The request is to be sent, as soon as the connection stands.
    Connecting,
    /// The answer to it is awaited.
    Shaking,
    /// The server's welcome is awaited.
    Waiting,
    /// It is in.
    In,
}

/// What happened to a client.
#[derive(Debug)]
pub(crate) enum Event {
    /// It is in now.
    In,
    /// It was told something, of so many bytes.
    Text(usize),
    /// The server ended it, in these words.
    Gone(String),
}

/// What a client says by itself.
pub(crate) struct Words {
    /// The request.
    pub(crate) request: String,
    /// The first message, as a frame.
    pub(crate) first: Option<Vec<u8>>,
    /// How the welcome begins that it waits for.
    pub(crate) welcome: Option<String>,
    /// A text that asks whether it is there, and the answer, as a frame.
    pub(crate) sign_of_life: Option<(String, Vec<u8>)>,
}

/// A client.
pub(crate) struct Connection {
    stream: TcpStream,
    stage: Stage,
    /// The beginning of what is not complete yet.
    rest: Vec<u8>,
}

impl Connection {
    /// Begins to connect.
    pub(crate) fn begin(address: SocketAddr, words: &Words) -> std::io::Result<Self> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        socket.set_tcp_nodelay(true)?;
        // To be cut is to be cut: no port stays taken for a minute afterwards.
        socket.set_linger(Some(std::time::Duration::ZERO))?;
        match socket.connect(&address.into()) {
            Err(error) if !is_under_way(&error) => return Err(error),
            _ => {}
        }
        let mut connection = Self {
            stream: socket.into(),
            stage: Stage::Connecting,
            rest: Vec::new(),
        };
        connection.ask(words)?;
        Ok(connection)
    }

    /// Its socket.
    pub(crate) fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Whether it wants to hear that it can write.
    pub(crate) fn is_connecting(&self) -> bool {
        self.stage == Stage::Connecting
    }

    /// Whether it is in.
    pub(crate) fn is_in(&self) -> bool {
        self.stage == Stage::In
    }

    /// Sends the request, once the connection stands.
    pub(crate) fn ask(&mut self, words: &Words) -> std::io::Result<()> {
        if let Some(error) = SockRef::from(&self.stream).take_error()? {
            return Err(error);
        }
        match self.stream.write(words.request.as_bytes()) {
            Ok(written) if written == words.request.len() => self.stage = Stage::Shaking,
            Ok(_) => return Err(std::io::Error::other("the request does not fit")),
            Err(error) if is_under_way(&error) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Reads what came, with a buffer that all share, and says what it was.
    pub(crate) fn read(&mut self, buffer: &mut [u8], words: &Words, tell: &mut impl FnMut(Event)) {
        match self.stream.read(buffer) {
            Ok(0) => tell(Event::Gone("the server closed it".to_owned())),
            Ok(read) => self.take(&buffer[..read], words, tell),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => tell(Event::Gone(error.to_string())),
        }
    }

    fn take(&mut self, came: &[u8], words: &Words, tell: &mut impl FnMut(Event)) {
        if self.rest.is_empty() {
            let used = self.hear(came, words, tell);
            self.rest.extend_from_slice(&came[used..]);
        } else {
            let mut all = std::mem::take(&mut self.rest);
            all.extend_from_slice(came);
            let used = self.hear(&all, words, tell);
            if used < all.len() {
                self.rest = all[used..].to_vec();
            }
        }
    }

    /// Hears all that is complete, and says how many bytes that was.
    fn hear(&mut self, bytes: &[u8], words: &Words, tell: &mut impl FnMut(Event)) -> usize {
        let mut used = 0;
        if self.stage == Stage::Shaking {
            match Head::read(bytes) {
                Ok(None) => return 0,
                Ok(Some(head)) if head.status == 101 => {
                    used = head.length;
                    self.shaken(words, tell);
                }
                Ok(Some(head)) => tell(Event::Gone(format!("answered {}", head.status))),
                Err(failure) => tell(Event::Gone(failure.to_string())),
            }
        }
        while let Some(frame) = Frame::read(&bytes[used..]) {
            used += frame.length;
            match frame.kind {
                Kind::Text => self.told(frame.payload, words, tell),
                Kind::Ping => self.write(&pong(frame.payload), tell),
                Kind::Close => {
                    let words = String::from_utf8_lossy(frame.payload.get(2..).unwrap_or_default());
                    tell(Event::Gone(format!("closed: {words}")));
                }
                Kind::Other => {}
            }
        }
        used
    }

    fn told(&mut self, text: &[u8], words: &Words, tell: &mut impl FnMut(Event)) {
        match (&words.sign_of_life, &words.welcome) {
            (Some((asked, answer)), _) if text == asked.as_bytes() => self.write(answer, tell),
            (_, Some(welcome)) if self.stage == Stage::Waiting => {
                if text.starts_with(welcome.as_bytes()) {
                    self.stage = Stage::In;
                    tell(Event::In);
                }
            }
            _ => tell(Event::Text(text.len())),
        }
    }

    fn shaken(&mut self, words: &Words, tell: &mut impl FnMut(Event)) {
        if let Some(first) = &words.first {
            self.write(first, tell);
        }
        if words.welcome.is_some() {
            self.stage = Stage::Waiting;
        } else {
            self.stage = Stage::In;
            tell(Event::In);
        }
    }

    /// Writes a few bytes, for which there is always room unless something is wrong.
    fn write(&mut self, bytes: &[u8], tell: &mut impl FnMut(Event)) {
        if let Err(error) = self.stream.write_all(bytes) {
            tell(Event::Gone(error.to_string()));
        }
    }
}

/// Whether a connection that is being made is no failure yet.
fn is_under_way(error: &std::io::Error) -> bool {
    let in_progress = rustix::io::Errno::INPROGRESS.raw_os_error();
    error.raw_os_error() == Some(in_progress)
        || matches!(
            error.kind(),
            ErrorKind::WouldBlock | ErrorKind::NotConnected
        )
}
