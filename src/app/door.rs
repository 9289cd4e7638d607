//! Where connections come in: how many may be open that are no sockets, in all and from one address, how
//! long a request's head may take, and how long an answer may lie unread. Sockets are counted by the node. It may not know what is served.

use std::collections::HashMap;
use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::response::Response;
use futures::FutureExt as _;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use ipnet::IpNet;
use parking_lot::Mutex;
use socket2::SockRef;
use tokio::io::ReadBuf;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::time::timeout;

use super::settings;
use crate::config::Config;
use crate::transport::patience::Patient;
use crate::transport::rest::Framed;
use crate::transport::underlay::Underlay;

/// So many may wait to be accepted, unless the system lets fewer (`net.core.somaxconn`).
const BACKLOG: u32 = 4096;
/// After a failure to accept: most often there are too many open files, and some are closed meanwhile.
const AFTER_FAILURE: Duration = Duration::from_millis(200);

/// How much may come in.
#[derive(Clone, Debug)]
pub(super) struct Bounds {
    /// Connections in all that are no sockets.
    pub(super) total: usize,
    /// Of them from one address.
    pub(super) per_address: usize,
    /// Addresses that many people come from.
    pub(super) trusted_proxies: Vec<IpNet>,
    /// How long the head of a request may take, and an idle connection wait for its next one.
    pub(super) head_timeout: Duration,
    /// How long a peer may read nothing of what waits for it.
    pub(super) write_timeout: Duration,
}

/// Serves until `stop`, then finishes the requests under way.
pub(super) async fn serve(
    listener: TcpListener,
    served: Framed,
    bounds: Bounds,
    stop: impl Future<Output = ()>,
) {
    let (head_timeout, write_timeout) = (bounds.head_timeout, bounds.write_timeout);
    let places = Arc::new(Places::new(bounds));
    let (open, closing) = watch::channel(());
    tokio::pin!(stop);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut stop => break,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection can't be accepted");
                tokio::time::sleep(AFTER_FAILURE).await;
                continue;
            }
        };
        // Without a place the stream is dropped, which closes it.
        if let Some(place) = places.take(peer.ip()) {
            let visit = Visit {
                stream,
                peer,
                place,
                head_timeout,
                write_timeout,
                closing: closing.clone(),
            };
            tokio::spawn(visit.serve(served.clone()));
        }
    }
    drop((listener, closing));
    open.send_replace(());
    open.closed().await;
}

/// A connection that was let in.
struct Visit {
    stream: TcpStream,
    peer: SocketAddr,
    place: Place,
    head_timeout: Duration,
    write_timeout: Duration,
    closing: watch::Receiver<()>,
}

impl Visit {
    /// Serves a request after the other, or until the connection has become a socket, which the node
    /// counts.
    async fn serve(mut self, served: Framed) {
        if !self.begins().await {
            return;
        }
        let underlay = Underlay::new(self.place);
        let service = service_for(served, self.peer, underlay.clone());
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.head_timeout)
            .serve_connection(
                TokioIo::new(Patient::new(
                    self.stream,
                    self.write_timeout,
                    underlay.clone(),
                )),
                service,
            )
            .with_upgrades();
        let mut connection = pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            _ = self.closing.changed() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::trace!(%error, "a connection failed");
        }
        underlay.give_place_back();
    }

    /// Whether a first byte comes in time: hyper begins to count at that only.
    async fn begins(&mut self) -> bool {
        let stream = &self.stream;
        let mut byte = [0];
        let mut byte = ReadBuf::new(&mut byte);
        let first_byte = std::future::poll_fn(|cx| stream.poll_peek(cx, &mut byte));
        tokio::select! {
            came = timeout(self.head_timeout, first_byte) => matches!(came, Ok(Ok(1))),
            _ = self.closing.changed() => false,
        }
    }
}

/// Listens where the configuration says. All who were cut off come back at once: who finds no room to wait in is asked
/// again after a second, and then after longer and longer.
pub fn listen(config: &Config) -> io::Result<TcpListener> {
    let socket = match config.listen {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    }?;
    socket.set_reuseaddr(true)?;
    // Before anybody comes, or who comes first would take over nothing.
    tune(&socket, settings::of_door(config).write_timeout);
    socket.bind(config.listen)?;
    socket.listen(BACKLOG)
}

/// What connections take over from where they come in. Small messages leave at once: waiting for more to send costs
/// their reader 40 ms.
///
/// What the peer does not acknowledge for as long as patience lasts ends the connection, also where it all
/// fits into the kernel's buffer: else a stream whose reader vanished would be open for a quarter of an hour.
///
/// A socket that refuses either is only slower.
fn tune(socket: &TcpSocket, patience: Duration) {
    let socket = SockRef::from(socket);
    drop(socket.set_tcp_nodelay(true));
    drop(socket.set_tcp_user_timeout(Some(patience)));
}

fn service_for(
    served: Framed,
    peer: SocketAddr,
    underlay: Underlay,
) -> impl hyper::service::Service<Request<Incoming>, Response = Response, Error = Infallible, Future: Send>
{
    service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        request.extensions_mut().insert(underlay.clone());
        served.answer(request.map(Body::new)).map(Ok)
    })
}

/// Who is in.
struct Places {
    bounds: Bounds,
    taken: Mutex<Taken>,
}

#[derive(Default)]
struct Taken {
    total: usize,
    addresses: HashMap<IpAddr, usize>,
}

/// One connection's place; given back when dropped.
struct Place {
    places: Arc<Places>,
    address: Option<IpAddr>,
}

impl Places {
    fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            taken: Mutex::default(),
        }
    }

    fn take(self: &Arc<Self>, address: IpAddr) -> Option<Place> {
        let address = address.to_canonical();
        let is_proxy = |net: &IpNet| net.contains(&address);
        let address = (!self.bounds.trusted_proxies.iter().any(is_proxy)).then_some(address);
        let mut taken = self.taken.lock();
        let from_there = address.and_then(|address| taken.addresses.get(&address));
        if taken.total >= self.bounds.total
            || from_there.is_some_and(|count| *count >= self.bounds.per_address)
        {
            return None;
        }
        taken.total += 1;
        if let Some(address) = address {
            *taken.addresses.entry(address).or_default() += 1;
        }
        Some(Place {
            places: Arc::clone(self),
            address,
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken.lock();
        taken.total -= 1;
        if let Some(address) = self.address
            && let Some(count) = taken.addresses.get_mut(&address)
        {
            *count -= 1;
            if *count == 0 {
                taken.addresses.remove(&address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(total: usize, per_address: usize) -> Arc<Places> {
        Arc::new(Places::new(Bounds {
            total,
            per_address,
            trusted_proxies: vec!["10.0.0.0/8".parse().unwrap()],
            head_timeout: Duration::from_secs(1),
            write_timeout: Duration::from_secs(1),
        }))
    }

    fn address(last: u8) -> IpAddr {
        [192, 0, 2, last].into()
    }

    #[tokio::test]
    async fn the_kernel_has_no_more_patience_than_we() {
        let config = Config {
            listen: "127.0.0.1:0".parse().unwrap(),
            ..Config::default()
        };
        let patience = settings::of_door(&config).write_timeout;
        let listener = listen(&config).unwrap();
        let address = listener.local_addr().unwrap();
        let (_far, near) = tokio::join!(TcpStream::connect(address), listener.accept());
        let (near, _) = near.unwrap();
        let near = SockRef::from(&near);
        assert_eq!(near.tcp_user_timeout().unwrap(), Some(patience));
        assert!(near.tcp_nodelay().unwrap());
    }

    #[test]
    fn an_address_has_its_share_and_a_proxy_everybodys() {
        let places = places(5, 2);
        let held: Vec<_> = (0..2).map(|_| places.take(address(1)).unwrap()).collect();
        assert!(places.take(address(1)).is_none());
        let _other = places.take(address(2)).unwrap();
        let _proxied: Vec<_> = (0..2)
            .map(|_| places.take([10, 0, 0, 1].into()).unwrap())
            .collect();
        assert!(places.take(address(3)).is_none(), "five are in");
        drop(held);
        assert!(places.take(address(1)).is_some());
        assert_eq!(places.taken.lock().addresses.len(), 1);
    }
}
