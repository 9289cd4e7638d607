//! A WebSocket as what carries messages. It may not know what the messages mean.

use std::future::poll_fn;
use std::sync::Arc;

use super::socket::{Heard, Socket};
use crate::node::Hand;
use crate::transport::driver::{Gone, Incoming, Item, Sent, Wire};

impl Wire for Socket {
    fn read(&mut self) -> impl Future<Output = Incoming> + Send {
        poll_fn(|cx| self.poll_hear(cx).map(incoming))
    }

    fn send_at_once(&mut self, items: Vec<Item>) -> Result<Sent, Gone> {
        for item in items {
            match item {
                Item::Message(frame) => self.put_text(frame.into_bytes()),
                Item::Ping => self.put_ping(),
                Item::Close(close) => self.put_close(close),
            }
        }
        let is_all = self.try_flush()?;
        Ok(if is_all {
            Sent::All
        } else {
            Sent::Left(Vec::new())
        })
    }

    async fn send(&mut self, items: Vec<Item>) -> Result<(), Gone> {
        match self.send_at_once(items)? {
            Sent::All => Ok(()),
            Sent::Left(_) => self.flush().await,
        }
    }

    fn owes(&self) -> bool {
        Socket::owes(self)
    }

    fn hand(&self) -> Option<Arc<dyn Hand>> {
        Some(Socket::hand(self))
    }

    async fn linger(self) {
        self.let_go().await;
    }
}

fn incoming(heard: Heard) -> Incoming {
    match heard {
        Heard::Text(text) => Incoming::Text(text),
        Heard::Binary => Incoming::Binary,
        Heard::Control => Incoming::Control,
        Heard::Gone => Incoming::Gone,
        Heard::Broken(close) => Incoming::Broken(close),
    }
}
