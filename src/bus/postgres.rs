//! PostgreSQL's LISTEN and NOTIFY: that the log has grown, and how far nodes are. Never inside a transaction
//! that writes, since announcing takes a lock there until the commit. It may not know what it carries.

use std::str::FromStr as _;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use sqlx::ConnectOptions as _;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgListener, PgPool, PgPoolOptions};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::exchange::{Exchange, Subscription};
use super::letter::{Letter, News, Seal};
use super::{Batch, Bus, BusError};
use crate::domain::id::Seq;
use crate::domain::progress::Progress;
use crate::domain::secret::DatabaseUrl;

/// What all nodes of a database speak on. The seal holds those apart that have a schema each.
const CHANNEL: &str = "sessionwire";
/// Letters that wait for the server; while it is away, newer ones are left out.
const OUTBOX: usize = 1_024;
/// How long anything may take there.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often something is said although there is nothing to say, so that silence means something.
const BEAT: Duration = Duration::from_secs(5);
/// After so long a silence the connection is another one.
const SILENCE: Duration = Duration::from_secs(15);
/// How long until a lost server is tried again.
const AGAIN: Duration = Duration::from_secs(1);
/// As much of a report as fits into a notification of 8000 bytes.
const DELIVERED_MAX: usize = 20;

/// Carries news between processes that share a database.
pub struct PostgresBus {
    exchange: Exchange,
    outbox: mpsc::Sender<Letter>,
    tasks: Vec<JoinHandle<()>>,
}

impl Drop for PostgresBus {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl PostgresBus {
    /// Connects in the background, as often as it takes: a server that is away costs time only.
    pub fn open(url: &DatabaseUrl, seal: Seal) -> Result<Self, BusError> {
        let options = PgConnectOptions::from_str(url.expose());
        let options = options.map_err(|error| BusError::Unusable(error.to_string()))?;
        let options = options
            .application_name("sessionwire bus")
            .disable_statement_logging();
        let exchange = Exchange::new();
        let (outbox, letters) = mpsc::channel(OUTBOX);
        let listening = listen(options.clone(), seal.clone(), exchange.clone());
        let tasks = vec![
            tokio::spawn(listening),
            tokio::spawn(announce(options, seal, letters)),
        ];
        Ok(Self {
            exchange,
            outbox,
            tasks,
        })
    }

    fn post(&self, letter: Letter) {
        // A full outbox loses the letter; the log has what it would have said.
        drop(self.outbox.try_send(letter));
    }
}

impl Bus for PostgresBus {
    fn publish(&self, batch: Arc<Batch>) {
        let head = batch.last_seq();
        self.exchange.hand_out(Letter::News(News::Batch(batch)));
        self.post(Letter::News(News::Head(head)));
    }

    fn report(&self, progress: Progress) {
        if progress.delivered.len() <= DELIVERED_MAX {
            return self.post(Letter::Progress(progress));
        }
        for part in progress.delivered.chunks(DELIVERED_MAX) {
            self.post(Letter::Progress(Progress {
                delivered: part.to_vec(),
                ..progress
            }));
        }
    }

    fn subscribe(&self) -> Subscription<News> {
        self.exchange.subscribe()
    }

    fn progress(&self) -> Subscription<Arc<Progress>> {
        self.exchange.progress()
    }
}

async fn listen(options: PgConnectOptions, seal: Seal, exchange: Exchange) {
    let mut was_there = true;
    loop {
        match hear(&options, &seal, &exchange, &mut was_there).await {
            Ok(()) => tracing::warn!("the bus is silent; connecting anew"),
            Err(error) if was_there => {
                was_there = false;
                tracing::warn!(%error, "the bus is away; the log is read instead");
            }
            Err(_) => {}
        }
        sleep(AGAIN).await;
    }
}

/// Hears until the connection is lost, or silent for too long.
async fn hear(
    options: &PgConnectOptions,
    seal: &Seal,
    exchange: &Exchange,
    was_there: &mut bool,
) -> sqlx::Result<()> {
    let pool: PgPool = PgPoolOptions::new()
        .max_connections(1)
        .acquire_timeout(PATIENCE)
        .connect_lazy_with(options.clone());
    let mut listener = PgListener::connect_with(&pool).await?;
    listener.listen(CHANNEL).await?;
    if !std::mem::replace(was_there, true) {
        tracing::info!("the bus is there");
    }
    // `None`: the connection was lost, and what was said meanwhile too.
    while let Ok(heard) = timeout(SILENCE, listener.try_recv()).await {
        let Some(heard) = heard? else { continue };
        let sealed = STANDARD_NO_PAD.decode(heard.payload());
        if let Some(letter) = sealed.ok().and_then(|sealed| seal.open(&sealed)) {
            exchange.hand_out(letter);
        } else {
            tracing::debug!("something on the bus is none of our letters");
        }
    }
    Ok(())
}

async fn announce(options: PgConnectOptions, seal: Seal, mut letters: mpsc::Receiver<Letter>) {
    let mut connection: Option<PgConnection> = None;
    let mut head = Seq(0);
    loop {
        let mut waiting = Vec::new();
        match timeout(BEAT, letters.recv_many(&mut waiting, OUTBOX)).await {
            Ok(0) => return,
            Ok(_) => {}
            Err(_) => waiting.push(Letter::News(News::Head(head))),
        }
        for letter in newest(waiting, &mut head) {
            let Some(sealed) = seal.close(&letter) else {
                continue;
            };
            let payload = STANDARD_NO_PAD.encode(sealed);
            let said = timeout(PATIENCE, say(&options, &mut connection, &payload)).await;
            if !matches!(said, Ok(Ok(()))) {
                // What is lost here is read from the log.
                connection = None;
                sleep(AGAIN).await;
                break;
            }
        }
    }
}

/// Of the positions only the last one matters.
fn newest(letters: Vec<Letter>, head: &mut Seq) -> Vec<Letter> {
    let mut rest = Vec::new();
    let mut is_told = false;
    for letter in letters {
        match letter {
            Letter::News(News::Head(seq)) => {
                *head = (*head).max(seq);
                is_told = true;
            }
            Letter::News(News::Batch(batch)) => {
                *head = (*head).max(batch.last_seq());
                is_told = true;
            }
            Letter::Progress(_) => rest.push(letter),
        }
    }
    if is_told {
        rest.insert(0, Letter::News(News::Head(*head)));
    }
    rest
}

async fn say(
    options: &PgConnectOptions,
    connection: &mut Option<PgConnection>,
    payload: &str,
) -> sqlx::Result<()> {
    const SQL: &str = "SELECT pg_notify($1, $2)";
    let connected = match connection {
        Some(connected) => connected,
        None => connection.insert(options.connect().await?),
    };
    sqlx::query(SQL)
        .bind(CHANNEL)
        .bind(payload)
        .execute(connected)
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::NodeId;

    fn progress(applied: u64) -> Letter {
        Letter::Progress(Progress {
            node: NodeId(uuid::Uuid::nil()),
            applied: Seq(applied),
            delivered: Vec::new(),
        })
    }

    #[test]
    fn of_several_positions_the_last_is_told_and_no_report_is_lost() {
        let head = |seq| Letter::News(News::Head(Seq(seq)));
        let mut known = Seq(4);
        let letters = vec![head(5), progress(5), head(7), head(6), progress(6)];
        assert_eq!(
            newest(letters, &mut known),
            [head(7), progress(5), progress(6)]
        );
        assert_eq!(newest(vec![progress(7)], &mut known), [progress(7)]);
        assert_eq!(newest(vec![head(2)], &mut known), [head(7)]);
    }
}
