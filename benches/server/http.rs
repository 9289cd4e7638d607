//! As much of HTTP/1.1 as a benchmark needs: a request as one piece of bytes, an answer of a known length. The client
//! may not become what is measured, so nothing is read that nobody asks for.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

use crate::clock;
use crate::failure::{During as _, Failure, Outcome, unexpected};

/// Servers close a connection on which nothing happens; before that a new one is taken.
const IDLE_MAX_NS: u64 = 5_000_000_000;
const PATIENCE: Duration = Duration::from_mins(2);

/// A request as it goes over the wire.
pub(crate) fn request(
    method: &str,
    path: &str,
    host: &str,
    headers: &str,
    body: Option<&str>,
) -> String {
    let length = body.map_or(0, str::len);
    let kind = match body {
        Some(body) if body.starts_with(['{', '[']) => "Content-Type: application/json\r\n",
        Some(_) => "Content-Type: application/x-www-form-urlencoded\r\n",
        None => "",
    };
    let body = body.unwrap_or_default();
    format!(
        "{method} {path} HTTP/1.1\r\nHost: {host}\r\n{headers}{kind}Content-Length: {length}\r\n\r\n{body}"
    )
}

/// The header of a key or token.
pub(crate) fn bearer(secret: &str) -> String {
    format!("Authorization: Bearer {secret}\r\n")
}

/// Where an answer ends.
pub(crate) struct Head {
    /// Its status.
    pub(crate) status: u16,
    /// How long it is, up to its body.
    pub(crate) length: usize,
    /// How long its body is.
    pub(crate) body: usize,
}

impl Head {
    /// That of the answer that begins here, once it is there.
    pub(crate) fn read(bytes: &[u8]) -> Outcome<Option<Self>> {
        let Some(end) = bytes.windows(4).position(|it| it == b"\r\n\r\n") else {
            return Ok(None);
        };
        let text = String::from_utf8_lossy(&bytes[..end]);
        let mut lines = text.lines();
        let first = lines.next().unwrap_or_default();
        let status = first.split(' ').nth(1).and_then(|it| it.parse().ok());
        let status = status.ok_or_else(|| unexpected(format!("no answer: {first}")))?;
        let mut body = 0;
        for (name, value) in lines.filter_map(|line| line.split_once(':')) {
            if name.eq_ignore_ascii_case("content-length") {
                let length = value.trim().parse();
                body = length.map_err(|_| unexpected("an answer of unknown length"))?;
            } else if name.eq_ignore_ascii_case("transfer-encoding") {
                return Err(unexpected("an answer in chunks is not read here"));
            }
        }
        Ok(Some(Self {
            status,
            length: end + 4,
            body,
        }))
    }
}

/// An answer, and when.
pub(crate) struct Answer {
    /// Its body.
    pub(crate) body: String,
    /// When the request was sent.
    pub(crate) sent: u64,
    /// When the answer was there.
    pub(crate) answered: u64,
}

impl Answer {
    /// Its body as JSON.
    pub(crate) fn json(&self) -> Outcome<Value> {
        Ok(serde_json::from_str(&self.body)?)
    }
}

/// A connection for one call after the other.
pub(crate) struct Client {
    address: String,
    key: String,
    stream: Option<TcpStream>,
    used: u64,
}

impl Client {
    /// One to this address, `host:port`, with this key.
    pub(crate) fn new(address: &str, key: &str) -> Self {
        Self {
            address: address.to_owned(),
            key: key.to_owned(),
            stream: None,
            used: 0,
        }
    }

    /// Makes a call that must succeed.
    pub(crate) fn call(
        &mut self,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Outcome<Answer> {
        let body = body.map(Value::to_string);
        let bearer = bearer(&self.key);
        self.send(method, path, &bearer, body.as_deref())
    }

    /// The same with these headers and this body as it is.
    pub(crate) fn send(
        &mut self,
        method: &str,
        path: &str,
        headers: &str,
        body: Option<&str>,
    ) -> Outcome<Answer> {
        let request = request(method, path, &self.address, headers, body);
        let call = format!("{method} {path}");
        let stream = match self.stream.take() {
            Some(stream) if clock::now() - self.used < IDLE_MAX_NS => stream,
            _ => connect(&self.address)?,
        };
        let sent = clock::now();
        (&stream).write_all(request.as_bytes()).during(&call)?;
        let (status, body) = receive(&stream, &call)?;
        let answered = clock::now();
        self.used = answered;
        self.stream = Some(stream);
        if !(200..300).contains(&status) {
            return Err(Failure::Refused { call, status, body });
        }
        Ok(Answer {
            body,
            sent,
            answered,
        })
    }
}

fn connect(address: &str) -> Outcome<TcpStream> {
    let stream = TcpStream::connect(address).during(address)?;
    stream.set_nodelay(true).during(address)?;
    stream.set_read_timeout(Some(PATIENCE)).during(address)?;
    Ok(stream)
}

fn receive(mut stream: &TcpStream, call: &str) -> Outcome<(u16, String)> {
    let mut bytes = Vec::new();
    let mut chunk = [0; 16_384];
    loop {
        let read = stream.read(&mut chunk).during(call)?;
        if read == 0 {
            return Err(unexpected(format!("{call}: no answer")));
        }
        bytes.extend_from_slice(&chunk[..read]);
        if let Some(head) = Head::read(&bytes)?
            && bytes.len() >= head.length + head.body
        {
            let body = String::from_utf8_lossy(&bytes[head.length..]).into_owned();
            return Ok((head.status, body));
        }
    }
}
