//! The sockets of the loop, and the little of HTTP that it understands: a handshake, and a call that tells.

use std::collections::HashMap;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;

use crate::clients::frames;

/// The answer to the only nonce that the clients use.
const SHAKEN: &str = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
const DONE: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";

struct Peer {
    stream: TcpStream,
    is_socket: bool,
    /// What came of a request.
    came: Vec<u8>,
}

/// All that are connected.
#[derive(Default)]
pub(super) struct Sockets {
    last: u64,
    peers: HashMap<u64, Peer>,
    /// Whose socket is whose.
    named: HashMap<String, u64>,
    /// The sockets in the order they came in.
    all: Vec<u64>,
}

/// A request that is complete.
enum Request {
    Shake(String),
    Tell(String, Vec<u8>),
}

impl Sockets {
    /// What the next one is known by.
    pub(super) fn next_key(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    /// Takes it in.
    pub(super) fn add(&mut self, key: u64, stream: TcpStream) {
        let peer = Peer {
            stream,
            is_socket: false,
            came: Vec::new(),
        };
        self.peers.insert(key, peer);
    }

    /// Reads what came, and does as it says.
    pub(super) fn serve(&mut self, key: u64, buffer: &mut [u8]) {
        let Some(peer) = self.peers.get_mut(&key) else {
            return;
        };
        match peer.stream.read(buffer) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => return,
            Ok(0) | Err(_) => return self.forget(key),
            // What clients say is of no interest.
            Ok(_) if peer.is_socket => return,
            Ok(read) => peer.came.extend_from_slice(&buffer[..read]),
        }
        let answer = match request(&peer.came) {
            None => return,
            Some(Request::Shake(token)) => {
                peer.is_socket = true;
                self.named.insert(token, key);
                self.all.push(key);
                SHAKEN
            }
            Some(Request::Tell(whom, text)) => {
                self.tell(&whom, &frames::of_server(&text));
                DONE
            }
        };
        if let Some(peer) = self.peers.get_mut(&key) {
            peer.came = Vec::new();
            if peer.stream.write_all(answer.as_bytes()).is_err() {
                self.forget(key);
            }
        }
    }

    fn tell(&mut self, whom: &str, frame: &[u8]) {
        let one = self.named.get(whom).copied();
        let those = one.as_ref().map_or(&self.all[..], std::slice::from_ref);
        for key in those {
            if let Some(peer) = self.peers.get_mut(key) {
                // A client that reads nothing goes without: nobody waits for it.
                drop(peer.stream.write(frame));
            }
        }
    }

    fn forget(&mut self, key: u64) {
        if self.peers.remove(&key).is_some_and(|it| it.is_socket) {
            self.all.retain(|it| *it != key);
        }
    }
}

/// The request that came, once it is complete.
fn request(came: &[u8]) -> Option<Request> {
    let end = came.windows(4).position(|it| it == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&came[..end]);
    let header = |name: &str| {
        let mut lines = head.lines().filter_map(|line| line.split_once(": "));
        lines.find_map(|(it, value)| it.eq_ignore_ascii_case(name).then_some(value))
    };
    let path = head.split(' ').nth(1)?;
    if let Some(whom) = path.strip_prefix("/tell/") {
        let length: usize = header("content-length")?.parse().ok()?;
        let body = came.get(end + 4..end + 4 + length)?;
        return Some(Request::Tell(whom.to_owned(), body.to_vec()));
    }
    let token = header("authorization").and_then(|it| it.strip_prefix("Bearer "));
    Some(Request::Shake(token.unwrap_or_default().to_owned()))
}
