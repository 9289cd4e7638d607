//! A process of clients: one thread, one loop over all their sockets, and orders from standard input between.

use std::io::Write as _;
use std::net::SocketAddr;
use std::os::fd::{AsFd as _, OwnedFd};

use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};

use super::connection::{Connection, Event, Words, handshake};
use super::{Expected, Opening, Order, Told, frames};
use crate::clock;
use crate::failure::{During as _, Outcome, unexpected};

/// What orders are known by among the sockets.
const ORDERS: u64 = u64::MAX;
const EVENTS: usize = 1024;
const BUFFER_BYTES: usize = 65_536;

/// Serves as a crowd until nobody orders anything any more.
pub(crate) fn run() -> Outcome<()> {
    sessionwire::app::system::raise_open_files(0);
    let epoll = epoll::create(CreateFlags::CLOEXEC).during("making an epoll")?;
    let orders = std::io::stdin();
    let flags = EventFlags::IN;
    epoll::add(&epoll, orders.as_fd(), EventData::new_u64(ORDERS), flags)
        .during("waiting for orders")?;
    let mut crowd = Crowd::new(epoll);
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut events = Vec::with_capacity(EVENTS);
    let mut line = Vec::new();
    let tick = Timespec {
        tv_sec: 1,
        tv_nsec: 0,
    };
    loop {
        let waited = epoll::wait(&crowd.epoll, spare_capacity(&mut events), Some(&tick));
        if let Err(error) = waited
            && error != rustix::io::Errno::INTR
        {
            return Err(error).during("waiting");
        }
        for event in events.drain(..) {
            let key = event.data.u64();
            if key == ORDERS {
                let read = rustix::io::read(orders.as_fd(), &mut buffer[..]);
                let read = read.during("reading orders")?;
                if read == 0 {
                    return Ok(());
                }
                line.extend_from_slice(&buffer[..read]);
                while let Some(end) = line.iter().position(|it| *it == b'\n') {
                    let order = serde_json::from_slice(&line[..end])?;
                    line.drain(..=end);
                    crowd.obey(order)?;
                }
            } else if let Ok(number) = usize::try_from(key) {
                crowd.serve(number, &mut buffer)?;
            }
        }
        crowd.look_at_the_time()?;
    }
}

/// What is waited for, and what has come of it.
struct Waiting {
    what: Expected,
    count: usize,
    until: u64,
    times: Vec<u64>,
    bytes: usize,
}

/// How far they are with coming in.
struct Arriving {
    began: u64,
    times: Vec<u64>,
    /// The next that has not begun.
    next: usize,
    under_way: usize,
    refused: usize,
    why: String,
}

struct Crowd {
    epoll: OwnedFd,
    opening: Option<(Opening, SocketAddr)>,
    words: Vec<Words>,
    connections: Vec<Option<Connection>>,
    arriving: Option<Arriving>,
    waiting: Option<Waiting>,
}

impl Crowd {
    fn new(epoll: OwnedFd) -> Self {
        Self {
            epoll,
            opening: None,
            words: Vec::new(),
            connections: Vec::new(),
            arriving: None,
            waiting: None,
        }
    }

    fn obey(&mut self, order: Order) -> Outcome<()> {
        match order {
            Order::Open(opening) => {
                let address = opening.address.parse();
                let address = address.map_err(|_| unexpected("the address is no address"))?;
                self.words = opening
                    .tokens
                    .iter()
                    .map(|it| words(&opening, it))
                    .collect();
                self.connections.clear();
                self.opening = Some((opening, address));
                self.arrive()
            }
            Order::Again(at_once) => {
                if let Some((opening, _)) = &mut self.opening {
                    opening.at_once = at_once;
                }
                self.arrive()
            }
            Order::Expect(what, count, patience_ms) => {
                self.waiting = Some(Waiting {
                    what,
                    count,
                    until: clock::now() + patience_ms * 1_000_000,
                    times: Vec::with_capacity(count),
                    bytes: 0,
                });
                tell(&Told::Expecting)
            }
            Order::Cut => {
                self.connections.clear();
                tell(&Told::Cut)
            }
        }
    }

    fn arrive(&mut self) -> Outcome<()> {
        self.connections.clear();
        self.connections.resize_with(self.words.len(), || None);
        self.arriving = Some(Arriving {
            began: clock::now(),
            times: Vec::with_capacity(self.words.len()),
            next: 0,
            under_way: 0,
            refused: 0,
            why: String::new(),
        });
        self.go_on_arriving()
    }

    /// Lets further ones begin, and says so when all are in.
    fn go_on_arriving(&mut self) -> Outcome<()> {
        let (Some(arriving), Some((opening, address))) = (&mut self.arriving, &self.opening) else {
            return Ok(());
        };
        while arriving.next < self.words.len() && arriving.under_way < opening.at_once {
            let number = arriving.next;
            arriving.next += 1;
            match Connection::begin(*address, &self.words[number]) {
                Ok(connection) => {
                    let flags = if connection.is_connecting() {
                        EventFlags::OUT
                    } else {
                        EventFlags::IN
                    };
                    epoll::add(&self.epoll, connection.stream(), data(number), flags)
                        .during("waiting for a socket")?;
                    arriving.under_way += 1;
                    self.connections[number] = Some(connection);
                }
                Err(error) => {
                    arriving.refused += 1;
                    arriving.why = error.to_string();
                }
            }
        }
        if arriving.under_way == 0
            && arriving.next == self.words.len()
            && let Some(arriving) = self.arriving.take()
        {
            tell(&Told::Opened {
                began: arriving.began,
                times: arriving.times,
                refused: arriving.refused,
                why: arriving.why,
            })?;
        }
        Ok(())
    }

    /// Something happened at a client's socket.
    fn serve(&mut self, number: usize, buffer: &mut [u8]) -> Outcome<()> {
        let Some(Some(connection)) = self.connections.get_mut(number) else {
            return Ok(());
        };
        let words = &self.words[number];
        if connection.is_connecting() {
            match connection.ask(words) {
                Ok(()) if !connection.is_connecting() => {
                    let stream = connection.stream();
                    epoll::modify(&self.epoll, stream, data(number), EventFlags::IN)
                        .during("waiting for a socket")?;
                }
                Ok(()) => {}
                Err(error) => return self.gone(number, error.to_string()),
            }
            return Ok(());
        }
        let (arriving, waiting) = (&mut self.arriving, &mut self.waiting);
        let least = self.opening.as_ref().map_or(0, |(it, _)| it.least_bytes);
        let (mut came_in, mut gone) = (false, None);
        connection.read(buffer, words, &mut |event| match event {
            Event::In => {
                came_in = true;
                if let Some(arriving) = arriving {
                    arriving.times.push(clock::now());
                    arriving.under_way -= 1;
                }
            }
            Event::Text(bytes) => {
                if let Some(waiting) = waiting
                    && waiting.what == Expected::Texts
                    && bytes >= least
                {
                    waiting.times.push(clock::now());
                    waiting.bytes = bytes;
                }
            }
            Event::Gone(why) => gone = gone.take().or(Some(why)),
        });
        if let Some(why) = gone {
            self.gone(number, why)?;
        }
        if came_in {
            self.go_on_arriving()?;
        }
        self.heard_enough()
    }

    fn gone(&mut self, number: usize, why: String) -> Outcome<()> {
        let was_in = self.connections[number].take().is_some_and(|it| it.is_in());
        if let Some(waiting) = &mut self.waiting
            && waiting.what == Expected::Closes
        {
            waiting.times.push(clock::now());
        }
        if let Some(arriving) = &mut self.arriving
            && !was_in
        {
            arriving.refused += 1;
            arriving.under_way -= 1;
            arriving.why = why;
            self.go_on_arriving()?;
        }
        self.heard_enough()
    }

    fn heard_enough(&mut self) -> Outcome<()> {
        match &self.waiting {
            Some(waiting) if waiting.times.len() >= waiting.count => self.say_what_was_heard(),
            _ => Ok(()),
        }
    }

    fn look_at_the_time(&mut self) -> Outcome<()> {
        match &self.waiting {
            Some(waiting) if waiting.until < clock::now() => self.say_what_was_heard(),
            _ => Ok(()),
        }
    }

    fn say_what_was_heard(&mut self) -> Outcome<()> {
        let Some(waiting) = self.waiting.take() else {
            return Ok(());
        };
        tell(&Told::Heard {
            times: waiting.times,
            bytes: waiting.bytes,
        })
    }
}

fn data(number: usize) -> EventData {
    EventData::new_u64(u64::try_from(number).unwrap_or(ORDERS))
}

fn words(opening: &Opening, token: &str) -> Words {
    let headers = opening.headers.replace("{token}", token);
    let first = opening.first_message.as_ref();
    let sign_of_life = opening.sign_of_life.as_ref();
    Words {
        request: handshake(&opening.address, &opening.path, &headers),
        first: first.map(|it| frames::text(it.replace("{token}", token).as_bytes())),
        welcome: opening.welcome.clone(),
        sign_of_life: sign_of_life
            .map(|(asked, answer)| (asked.clone(), frames::text(answer.as_bytes()))),
    }
}

fn tell(told: &Told) -> Outcome<()> {
    let mut line = serde_json::to_vec(told)?;
    line.push(b'\n');
    let mut out = std::io::stdout().lock();
    out.write_all(&line).during("answering")?;
    out.flush().during("answering")
}
