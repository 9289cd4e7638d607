//! A network between a client and a server: it can fall silent, be slow, tear what it carries, be cut, and come back.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What becomes of what is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Weather {
    Fair,
    /// What comes from the server over connections to the feed is held back.
    FeedSilent,
    /// What comes from the server takes this much longer.
    Slow(Duration),
    /// Of what comes from the server half arrives, and then the connection ends.
    Halves,
    /// Nothing comes back over any connection, and over those that there are now never again.
    Swallows,
    /// Nothing comes through, and nobody comes in.
    Cut,
}

/// The network.
pub(crate) struct Proxy {
    pub(crate) url: String,
    weather: watch::Sender<Weather>,
    connections: Arc<AtomicU32>,
}

impl Proxy {
    /// A network before this server.
    pub(crate) async fn before(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let weather = watch::Sender::new(Weather::Fair);
        let connections = Arc::new(AtomicU32::new(0));
        let (seen, count) = (weather.subscribe(), Arc::clone(&connections));
        tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                count.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(carry(client, server, seen.clone()));
            }
        });
        Self {
            url,
            weather,
            connections,
        }
    }

    /// From now on nothing of the feed arrives; it is not lost either.
    pub(crate) fn silence_feed(&self) {
        self.weather.send_replace(Weather::FeedSilent);
    }

    /// From now on nothing is answered, and nobody is told why.
    pub(crate) fn swallow(&self) {
        self.weather.send_replace(Weather::Swallows);
    }

    /// From now on every answer takes this much longer.
    pub(crate) fn slow(&self, by: Duration) {
        self.weather.send_replace(Weather::Slow(by));
    }

    /// From now on every connection ends in the middle of an answer.
    pub(crate) fn halve(&self) {
        self.weather.send_replace(Weather::Halves);
    }

    /// Ends all connections, and lets nobody in.
    pub(crate) fn cut(&self) {
        self.weather.send_replace(Weather::Cut);
    }

    pub(crate) fn mend(&self) {
        self.weather.send_replace(Weather::Fair);
    }

    /// How many ever came.
    pub(crate) fn connections(&self) -> u32 {
        self.connections.load(Ordering::SeqCst)
    }
}

async fn carry(client: TcpStream, server: SocketAddr, mut weather: watch::Receiver<Weather>) {
    let mut cut = weather.clone();
    let carried = async {
        let server = TcpStream::connect(server).await?;
        let (mut from_client, mut to_client) = client.into_split();
        let (mut from_server, mut to_server) = server.into_split();
        let mut first = vec![0; 16 * 1024];
        let length = from_client.read(&mut first).await?;
        first.truncate(length);
        let is_feed = first.starts_with(b"GET /v1/feed");
        to_server.write_all(&first).await?;
        let up = async {
            tokio::io::copy(&mut from_client, &mut to_server).await?;
            to_server.shutdown().await
        };
        let down = async {
            let mut bytes = vec![0; 16 * 1024];
            loop {
                let length = from_server.read(&mut bytes).await?;
                let now = *weather.borrow();
                match now {
                    Weather::Swallows => std::future::pending().await,
                    Weather::Slow(by) => tokio::time::sleep(by).await,
                    Weather::Halves => {
                        to_client.write_all(&bytes[..length / 2]).await?;
                        return to_client.shutdown().await;
                    }
                    Weather::Fair | Weather::FeedSilent | Weather::Cut => {}
                }
                if is_feed {
                    let fair = |it: &Weather| *it != Weather::FeedSilent;
                    drop(weather.wait_for(fair).await);
                }
                match bytes.get(..length) {
                    None | Some([]) => return to_client.shutdown().await,
                    Some(bytes) => to_client.write_all(bytes).await?,
                }
            }
        };
        tokio::try_join!(up, down).map(drop)
    };
    tokio::select! {
        _ = carried => {}
        _ = cut.wait_for(|it| *it == Weather::Cut) => {}
    }
}
