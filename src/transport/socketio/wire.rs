//! Engine.IO as what carries messages: a WebSocket, or polls until one takes over. It may not know what the
//! messages mean.

use std::time::Duration;

use tokio::time::timeout;

use super::packet::{self, Packet};
use super::polling::{Brought, PollingLane, Put, Stirred};
use super::sessions::Seat;
use crate::domain::close::Close;
use crate::transport::driver::{Gone, Incoming, Item, LINGER, Wire};
use crate::transport::websocket::{Heard, Socket};

enum Lane {
    Socket(Box<Socket>),
    /// Under its id until a WebSocket takes over.
    Polling(
        PollingLane,
        #[expect(dead_code, reason = "it is held, not read")] Seat,
    ),
}

/// A session's transport.
pub(super) struct EngineWire {
    lane: Lane,
    /// Packets of Socket.IO's own that are due: acknowledgements, and that a namespace does not exist.
    owed: Vec<String>,
    is_unreadable: bool,
    /// The transport is closed.
    is_closed: bool,
}

impl EngineWire {
    fn new(lane: Lane) -> Self {
        Self {
            lane,
            owed: Vec::new(),
            is_unreadable: false,
            is_closed: false,
        }
    }

    pub(super) fn of_socket(socket: Socket) -> Self {
        Self::new(Lane::Socket(Box::new(socket)))
    }

    pub(super) fn of_polls(lane: PollingLane, seat: Seat) -> Self {
        Self::new(Lane::Polling(lane, seat))
    }

    /// The next thing that comes in. May be dropped half-way without loss.
    pub(super) async fn hear(&mut self) -> Heard {
        loop {
            let lane = match &mut self.lane {
                Lane::Socket(socket) => {
                    let heard = socket.hear().await;
                    self.is_unreadable |= matches!(heard, Heard::Broken(_));
                    return heard;
                }
                Lane::Polling(lane, _) => lane,
            };
            match lane.next().await {
                Stirred::Moved(socket) => self.lane = Lane::Socket(socket),
                Stirred::Brought(Brought::Packet(text)) => return Heard::Text(text.into()),
                Stirred::Brought(Brought::TooLarge) => {
                    return Heard::Broken(Close::FRAME_TOO_LARGE);
                }
                Stirred::Gone => return Heard::Gone,
            }
        }
    }

    /// Writes packets within this time; `last`: the transport is closed after them.
    pub(super) async fn write(
        &mut self,
        packets: Vec<String>,
        last: Option<Close>,
        patience: Duration,
    ) -> Result<(), Gone> {
        let written = timeout(patience, self.put(packets, last)).await;
        written.unwrap_or(Err(Gone))
    }

    async fn put(&mut self, mut packets: Vec<String>, last: Option<Close>) -> Result<(), Gone> {
        if let Lane::Polling(lane, _) = &mut self.lane {
            match lane.put(packets).await {
                Put::Written => {
                    self.is_closed = last.is_some();
                    return Ok(());
                }
                Put::Gone => return Err(Gone),
                Put::Moved(socket, rest) => {
                    self.lane = Lane::Socket(socket);
                    packets = rest;
                }
            }
        }
        match &mut self.lane {
            Lane::Socket(socket) => write(socket, packets, last).await,
            Lane::Polling(..) => Err(Gone),
        }
    }
}

async fn write(socket: &mut Socket, packets: Vec<String>, last: Option<Close>) -> Result<(), Gone> {
    put_all(socket, packets, last);
    socket.flush().await
}

fn put_all(socket: &mut Socket, packets: Vec<String>, last: Option<Close>) {
    for packet in packets {
        socket.put_text(packet);
    }
    if let Some(close) = last {
        socket.put_close(close);
    }
}

impl Wire for EngineWire {
    async fn read(&mut self) -> Incoming {
        let text = match self.hear().await {
            Heard::Text(text) => text,
            Heard::Binary => return Incoming::Binary,
            Heard::Control => return Incoming::Control,
            Heard::Gone => return Incoming::Gone,
            Heard::Broken(why) => return Incoming::Broken(why),
        };
        match Packet::read(&text) {
            Some(Packet::Event(arguments, number)) => {
                self.owed.extend(number.map(packet::acknowledged));
                Incoming::Said(packet::read_event(arguments))
            }
            Some(Packet::ConnectElsewhere(namespace)) => {
                self.owed.push(packet::refused_elsewhere(namespace));
                Incoming::Control
            }
            Some(Packet::Pong | Packet::Noop) => Incoming::Control,
            Some(Packet::Close | Packet::Disconnect) => Incoming::Gone,
            Some(Packet::Binary) => Incoming::Binary,
            // A client that is in can't come in again.
            Some(Packet::Connect(_)) | None => Incoming::Broken(Close::PROTOCOL_ERROR),
        }
    }

    fn owes(&self) -> bool {
        let is_due = |lane: &Lane| matches!(lane, Lane::Socket(socket) if socket.owes());
        !self.owed.is_empty() || is_due(&self.lane)
    }

    async fn send(&mut self, items: Vec<Item>) -> Result<(), Gone> {
        let mut packets = std::mem::take(&mut self.owed);
        let mut last = None;
        for item in items {
            match item {
                Item::Message(frame) => packets.push(packet::event(&frame)),
                Item::Ping => packets.push(packet::PING.to_owned()),
                Item::Close(close) => {
                    packets.extend(packet::end(close));
                    last = (!close.code.keeps_out()).then_some(close);
                }
            }
        }
        self.put(packets, last).await
    }

    /// Who is to stay out closes the transport itself, else it would take that for a reason to come back.
    async fn linger(mut self) {
        if self.is_closed {
            // Whoever polls again finds no session, and begins anew. Told of the end by a packet, one client
            // takes that for a reason to stay out, and another looks at it before it looks at what came with it.
            return;
        }
        if self.is_unreadable {
            tokio::time::sleep(LINGER).await;
        } else {
            let gone = async { while !matches!(self.hear().await, Heard::Gone) {} };
            let _ = timeout(LINGER, gone).await;
        }
    }
}
