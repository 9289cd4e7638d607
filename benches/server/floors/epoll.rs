//! The floor of telling many: one thread in one loop, which writes the same bytes to one socket after the other.
//! `POST /tell/all` and `POST /tell/{token}` send their body as a text to all sockets, or to that of one token.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};

use super::sockets::Sockets;
use crate::failure::{During as _, Outcome};

/// What the listener is known by among the sockets.
const LISTENER: u64 = u64::MAX;

/// Serves until it is killed.
pub(crate) fn run() -> Outcome<()> {
    sessionwire::app::system::raise_open_files(0);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).during("listening")?;
    listener.set_nonblocking(true).during("listening")?;
    say_address(listener.local_addr().during("listening")?)?;
    let epoll = epoll::create(CreateFlags::CLOEXEC).during("making an epoll")?;
    let data = EventData::new_u64(LISTENER);
    epoll::add(&epoll, &listener, data, EventFlags::IN).during("waiting for clients")?;
    let mut sockets = Sockets::default();
    let mut events = Vec::with_capacity(1024);
    let mut buffer = vec![0; 65_536];
    loop {
        epoll::wait(&epoll, spare_capacity(&mut events), None).during("waiting")?;
        for event in events.drain(..) {
            let key = event.data.u64();
            if key != LISTENER {
                sockets.serve(key, &mut buffer);
                continue;
            }
            while let Ok((stream, _)) = listener.accept() {
                stream.set_nonblocking(true).during("accepting")?;
                stream.set_nodelay(true).during("accepting")?;
                let key = sockets.next_key();
                let data = EventData::new_u64(key);
                epoll::add(&epoll, &stream, data, EventFlags::IN).during("accepting")?;
                sockets.add(key, stream);
            }
        }
    }
}

/// Says where it listens, on the first line.
pub(super) fn say_address(address: SocketAddr) -> Outcome<()> {
    use std::io::Write as _;
    let mut out = std::io::stdout().lock();
    writeln!(out, "\"{address}\"").during("saying where")?;
    out.flush().during("saying where")
}
