//! Drives a connection, whatever carries its messages: what comes in goes to the state machine, what comes
//! out of it to the wire and to the service. It may not decide what that is.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::sockets::SocketState;
use crate::domain::client_message::{ClientMessage, Unreadable};
use crate::domain::close::Close;
use crate::domain::error::Error;
use crate::domain::message::ServerMessage;
use crate::domain::metric;
use crate::node::{Frame, Hand, Intent, Line, Outcome, Output, Ticket};
use crate::service::Origin;

/// How long a peer that was given up, or that was told why it is closed, gets to read and answer that.
pub(super) const LINGER: Duration = Duration::from_secs(1);

/// How long a connection that is carried by HTTP answers may be silent: proxies often cut them after a
/// minute.
pub(super) const BEAT_MAX: Duration = Duration::from_secs(25);

/// What came in.
pub(super) enum Incoming {
    /// Text.
    Text(Utf8Bytes),
    /// A message, read already.
    Said(Result<ClientMessage, Unreadable>),
    /// Binary, which nobody speaks here.
    Binary,
    /// A sign of life that says nothing.
    Control,
    /// The peer has gone, or says that it goes.
    Gone,
    /// Something that has to be answered with a close.
    Broken(Close),
}

/// What is written.
pub(super) enum Item {
    /// A message.
    Message(Frame),
    /// Whether the peer is still there.
    Ping,
    /// The end.
    Close(Close),
}

/// Nothing can be written any more.
pub(super) struct Gone;

/// What came of writing without waiting.
pub(super) enum Sent {
    /// All has gone to the kernel.
    All,
    /// These are still to be sent, or the wire knows of something itself.
    Left(Vec<Item>),
}

/// What carries messages.
pub(super) trait Wire: Send {
    /// The next thing that comes in. May be dropped half-way without loss.
    fn read(&mut self) -> impl Future<Output = Incoming> + Send;

    /// Writes, in order, as far as nothing has to be waited for.
    fn send_at_once(&mut self, items: Vec<Item>) -> Result<Sent, Gone> {
        Ok(Sent::Left(items))
    }

    /// Writes, in order; returns when all has gone to the kernel.
    fn send(&mut self, items: Vec<Item>) -> impl Future<Output = Result<(), Gone>> + Send;

    /// Whether it has something of its own to write.
    fn owes(&self) -> bool {
        false
    }

    /// What may write messages beside it, while it is not written to; none where only it can.
    fn hand(&self) -> Option<Arc<dyn Hand>> {
        None
    }

    /// Lets go after the end was written or read.
    fn linger(self) -> impl Future<Output = ()> + Send;
}

/// What is left to do when outputs have been carried out.
enum Next {
    /// Go on.
    On,
    /// The end was written: let go.
    Closed,
    /// Nothing can be written any more.
    Gone,
}

/// The life of a connection: how it came, and then as long as it is held.
///
/// In a box, so that it doesn't keep the memory of its beginning for the rest of its life.
pub(super) fn live<W: Wire>(
    come: impl Future<Output = Option<Box<Held<W>>>> + Send,
) -> impl Future<Output = ()> + Send {
    let come = Box::pin(come);
    async move {
        let held = come.await;
        if let Some(held) = held {
            held.hold().await;
        }
    }
}

/// A connection that is held, from the hub to the end.
///
/// In a box, and what is rare in boxes of its own: a future keeps a place for whatever it hands on, and what an idle
/// connection holds is as large as what it waits for.
pub(super) struct Held<W> {
    wire: W,
    line: Line,
    state: Arc<SocketState>,
    address: Option<IpAddr>,
}

impl<W: Wire> Held<W> {
    /// One that is in the hub.
    pub(super) fn new(
        wire: W,
        line: Box<Line>,
        state: Arc<SocketState>,
        address: Option<IpAddr>,
    ) -> Box<Self> {
        Box::new(Self {
            wire,
            line: *line,
            state,
            address,
        })
    }

    async fn hold(mut self: Box<Self>) {
        loop {
            let was_live = self.line.is_live();
            let Some(outputs) = self.next().await else {
                break;
            };
            let next = match self.carry_out(outputs) {
                Ok(next) => next,
                Err(rest) => Box::pin(self.carry_on(rest)).await,
            };
            match next {
                Next::On => {}
                Next::Closed => break,
                Next::Gone => return,
            }
            if !was_live
                && self.line.is_live()
                && let Some(hand) = self.wire.hand()
            {
                self.line.lend(hand);
            }
        }
        Box::pin(self.let_go()).await;
    }

    /// What is to be done next; `None`: the peer has gone.
    async fn next(&mut self) -> Option<Vec<Output>> {
        let (wire, line) = (&mut self.wire, &mut self.line);
        if !line.is_live() {
            // What the client says is left unread until it is welcomed.
            return Some(line.next().await);
        }
        let incoming = tokio::select! {
            biased;
            outputs = line.next() => return Some(outputs),
            incoming = wire.read() => incoming,
        };
        match incoming {
            Incoming::Text(text) => Some(line.on_text(&text)),
            Incoming::Said(said) => Some(line.on_said(|| said)),
            Incoming::Binary => Some(vec![Output::Close(Close::PROTOCOL_ERROR)]),
            Incoming::Control => Some(line.on_control()),
            Incoming::Gone => None,
            Incoming::Broken(why) => Some(vec![Output::Close(why)]),
        }
    }

    /// Does what has to be done, where nothing has to be waited for, as most often; else answers what is left.
    fn carry_out(&mut self, outputs: Vec<Output>) -> Result<Next, Box<Batch>> {
        let mut batch = Batch::of(outputs);
        match batch.write_at_once(&mut self.wire) {
            Err(Gone) => Ok(Next::Gone),
            Ok(true) if batch.intents.is_empty() => Ok(batch.settle()),
            Ok(_) => Err(Box::new(batch)),
        }
    }

    /// Waits until all is written, and asks the service.
    async fn carry_on(&mut self, mut batch: Box<Batch>) -> Next {
        let patience = self.state.settings.write_timeout;
        loop {
            let intents = std::mem::take(&mut batch.intents);
            let Ok(next) = batch.write(&mut self.wire, patience).await else {
                return Next::Gone;
            };
            if intents.is_empty() || matches!(next, Next::Closed) {
                return next;
            }
            let asked = ask_all(intents, &mut self.line, &self.state, self.address);
            *batch = Batch::of(asked.await);
        }
    }

    async fn let_go(self: Box<Self>) {
        let Self { wire, line, .. } = *self;
        // Out of the hub first: who is closing is not present any more.
        let _pass = line.leave();
        wire.linger().await;
    }
}

/// The whole life of a connection that is not let in: it is told why.
pub(super) async fn turn_away(mut wire: impl Wire, last_words: Vec<Output>, state: &SocketState) {
    let batch = Batch::of(last_words);
    let written = batch.write(&mut wire, state.settings.write_timeout).await;
    if written.is_ok() {
        wire.linger().await;
    }
}

/// Outputs, by what has to be done about them.
#[derive(Default)]
struct Batch {
    items: Vec<Item>,
    messages: u64,
    settled: Vec<(Ticket, Outcome)>,
    intents: Vec<Intent>,
    close: Option<Close>,
}

impl Batch {
    fn of(outputs: Vec<Output>) -> Self {
        let mut batch = Self::default();
        for output in outputs {
            match output {
                Output::Send(message) => batch.message(Frame::of(&message)),
                Output::SendShared(frame) => batch.message(frame),
                Output::Ping => batch.items.push(Item::Ping),
                Output::Settle(ticket, outcome) => batch.settled.push((ticket, outcome)),
                Output::Call(intent) => batch.intents.push(intent),
                // Nothing is sent after a close.
                Output::Close(close) => batch.close = batch.close.or(Some(close)),
            }
        }
        batch.items.extend(batch.close.map(Item::Close));
        batch
    }

    fn message(&mut self, frame: Frame) {
        self.messages += 1;
        self.items.push(Item::Message(frame));
    }

    /// Writes, in order, what the kernel takes at once; whether that was all. The rest stays.
    fn write_at_once(&mut self, wire: &mut impl Wire) -> Result<bool, Gone> {
        if self.items.is_empty() && !wire.owes() {
            return Ok(true);
        }
        match wire.send_at_once(std::mem::take(&mut self.items))? {
            Sent::All => Ok(true),
            Sent::Left(items) => {
                self.items = items;
                Ok(false)
            }
        }
    }

    /// Writes all of it, in order; a client that takes nothing for as long as patience lasts is too slow.
    async fn write(mut self, wire: &mut impl Wire, patience: Duration) -> Result<Next, Gone> {
        if !self.write_at_once(wire)? {
            send(wire, std::mem::take(&mut self.items), patience).await?;
        }
        Ok(self.settle())
    }

    /// Those who wait for a receipt hear of it once all has gone to the kernel.
    fn settle(self) -> Next {
        if self.messages > 0 {
            metrics::counter!(metric::MESSAGES_SENT).increment(self.messages);
        }
        for (ticket, outcome) in self.settled {
            ticket.resolve(outcome);
        }
        match self.close {
            Some(close) => {
                count_close(close);
                Next::Closed
            }
            None => Next::On,
        }
    }
}

/// Writes for as long as patience lasts.
async fn send(wire: &mut impl Wire, items: Vec<Item>, patience: Duration) -> Result<(), Gone> {
    match timeout(patience, wire.send(items)).await {
        Ok(sent) => sent,
        Err(_) => Err(give_up(wire).await),
    }
}

/// The peer does not read. It may yet read the end, if that finds room on the way to it.
async fn give_up(wire: &mut impl Wire) -> Gone {
    count_close(Close::TOO_SLOW);
    let end = wire.send(vec![Item::Close(Close::TOO_SLOW)]);
    // It has gone either way.
    let _ = timeout(LINGER, end).await;
    Gone
}

/// Counts a connection that is closed.
pub(super) fn count_close(close: Close) {
    let code = close.code.number().to_string();
    metrics::counter!(metric::CONNECTIONS_CLOSED, "code" => code).increment(1);
}

/// Asks the service; what it answers with an error is told to the client where the client asked.
async fn ask_all(
    intents: Vec<Intent>,
    line: &mut Line,
    state: &SocketState,
    address: Option<IpAddr>,
) -> Vec<Output> {
    let mut outputs = Vec::new();
    for intent in intents {
        let told = matches!(intent, Intent::AnswerTakeover { .. });
        let error = match ask(intent, line, state, address).await {
            Ok(answered) => {
                outputs.extend(answered);
                continue;
            }
            Err(error) => error,
        };
        if let Error::Internal(cause) = &error {
            tracing::error!(%cause, session.id = %line.session(), "a socket's request failed");
        }
        if told {
            outputs.push(Output::Send(Box::new(ServerMessage::Error {
                code: error.code().as_str(),
                message: error.to_string(),
            })));
        }
    }
    outputs
}

async fn ask(
    intent: Intent,
    line: &mut Line,
    state: &SocketState,
    address: Option<IpAddr>,
) -> Result<Vec<Output>, Error> {
    match intent {
        Intent::Presented(generation) => return look_ahead(line, state, Some(generation)).await,
        Intent::LookAhead => return look_ahead(line, state, None).await,
        Intent::Activity => state.desk.record_activity(line.session()).await?,
        Intent::AnswerTakeover { request_id, allow } => {
            let (desk, session) = (&state.desk, line.session());
            let origin = Origin::of(address);
            desk.answer_takeover(request_id, session, allow, &origin)
                .await?;
        }
        Intent::Acknowledged(_) => metrics::counter!(metric::ACKS).increment(1),
    }
    Ok(Vec::new())
}

async fn look_ahead(
    line: &mut Line,
    state: &SocketState,
    presented: Option<u32>,
) -> Result<Vec<Output>, Error> {
    let outlook = state.desk.look_ahead(line.session(), presented).await?;
    Ok(line.on_outlook(outlook))
}
