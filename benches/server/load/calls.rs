//! The process that makes the calls: one thread, one loop over its connections.

use std::io::{BufRead as _, ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::os::fd::OwnedFd;

use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};

use super::{Calls, Done};
use crate::clock;
use crate::failure::{During as _, Outcome, unexpected};
use crate::figures::Times;
use crate::http::Head;

const BUFFER_BYTES: usize = 65_536;

/// Makes calls until nobody orders any more.
pub(crate) fn run() -> Outcome<()> {
    for line in std::io::stdin().lock().lines() {
        let calls: Calls = serde_json::from_str(&line.during("reading orders")?)?;
        let done = Caller::connect(&calls)?.call_all()?;
        let mut line = serde_json::to_vec(&done)?;
        line.push(b'\n');
        let mut out = std::io::stdout().lock();
        out.write_all(&line).during("answering")?;
        out.flush().during("answering")?;
    }
    Ok(())
}

/// A connection, and the call that it is at.
struct Line {
    stream: TcpStream,
    came: Vec<u8>,
    request: usize,
    sent: u64,
    busy: bool,
}

struct Caller<'a> {
    calls: &'a Calls,
    epoll: OwnedFd,
    lines: Vec<Line>,
    /// The next request.
    next: usize,
    until: u64,
    took: Vec<u64>,
    bytes: usize,
    bodies: Vec<String>,
    failures: usize,
    first_failure: String,
}

impl<'a> Caller<'a> {
    fn connect(calls: &'a Calls) -> Outcome<Self> {
        let epoll = epoll::create(CreateFlags::CLOEXEC).during("making an epoll")?;
        let mut lines = Vec::new();
        for number in 0..calls.connections.min(calls.requests.len()) {
            let stream = TcpStream::connect(&calls.address).during(&calls.address)?;
            stream.set_nodelay(true).during("setting an option")?;
            stream.set_nonblocking(true).during("setting an option")?;
            let data = EventData::new_u64(u64::try_from(number).unwrap_or_default());
            epoll::add(&epoll, &stream, data, EventFlags::IN).during("waiting for a socket")?;
            lines.push(Line {
                stream,
                came: Vec::new(),
                request: 0,
                sent: 0,
                busy: false,
            });
        }
        let kept = if calls.keep { calls.requests.len() } else { 0 };
        Ok(Self {
            calls,
            epoll,
            lines,
            next: 0,
            until: u64::MAX,
            took: Vec::new(),
            bytes: 0,
            bodies: vec![String::new(); kept],
            failures: 0,
            first_failure: String::new(),
        })
    }

    fn call_all(mut self) -> Outcome<Done> {
        let began = clock::now();
        if let Some(seconds) = self.calls.seconds {
            let nanoseconds = std::time::Duration::from_secs_f64(seconds).as_nanos();
            self.until = began + u64::try_from(nanoseconds).unwrap_or(u64::MAX / 2);
        }
        for number in 0..self.lines.len() {
            self.send_next(number)?;
        }
        let mut buffer = vec![0; BUFFER_BYTES];
        let mut events = Vec::with_capacity(64);
        while self.lines.iter().any(|line| line.busy) {
            epoll::wait(&self.epoll, spare_capacity(&mut events), None).during("waiting")?;
            for event in events.drain(..) {
                let number = usize::try_from(event.data.u64()).unwrap_or_default();
                self.receive(number, &mut buffer)?;
            }
        }
        let answers = self.took.len();
        let times = Times::of(self.took);
        Ok(Done {
            began,
            ended: clock::now(),
            answers,
            failures: self.failures,
            first_failure: self.first_failure,
            bytes: self.bytes / answers.max(1),
            p50_us: times.micros(500),
            p99_us: times.micros(990),
            bodies: self.bodies,
        })
    }

    /// Sends the next request, if there is one.
    fn send_next(&mut self, number: usize) -> Outcome<()> {
        let requests = &self.calls.requests;
        let line = &mut self.lines[number];
        let timed = self.calls.seconds.is_some();
        line.busy = if timed {
            clock::now() < self.until
        } else {
            self.next < requests.len()
        };
        if line.busy {
            line.request = self.next % requests.len();
            self.next += 1;
            line.sent = clock::now();
            let request = requests[line.request].as_bytes();
            line.stream.write_all(request).during("sending a request")?;
        }
        Ok(())
    }

    fn receive(&mut self, number: usize, buffer: &mut [u8]) -> Outcome<()> {
        let line = &mut self.lines[number];
        match line.stream.read(buffer) {
            Ok(0) if line.busy => return Err(unexpected("the server closed a connection")),
            Ok(read) => line.came.extend_from_slice(&buffer[..read]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error).during("reading an answer"),
        }
        let Some(head) = Head::read(&line.came)? else {
            return Ok(());
        };
        let length = head.length + head.body;
        if line.came.len() < length {
            return Ok(());
        }
        self.took.push(clock::now() - line.sent);
        self.bytes += length;
        let body = || String::from_utf8_lossy(&line.came[head.length..length]).into_owned();
        if !(200..300).contains(&head.status) {
            self.failures += 1;
            if self.failures == 1 {
                self.first_failure = format!("{} {}", head.status, body());
            }
        }
        if let Some(kept) = self.bodies.get_mut(line.request) {
            *kept = body();
        }
        line.came.clear();
        self.send_next(number)
    }
}
