//! Redis: a key for each revocation, so that any language can ask with one command, and a stream of the
//! events. It may not know the log.
//!
//! A batch is one transaction, and with it the key that says how far Redis has come. Where that key is
//! behind what was written, Redis has lost its memory: every live revocation is written at once from the
//! index, and then the log again from where it matters. The stream refuses a position that it has
//! already, so a repeated event is there once.

mod keys;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, IntoConnectionInfo as _, Pipeline, Value};
use tokio::sync::watch;
use tokio::time::Instant;

use super::target::{Batch, Failure, Item, Target};
use crate::domain::clock::{Clock, Timestamp};
use crate::domain::error::Error;
use crate::domain::event::Event;
use crate::domain::id::Seq;
use crate::domain::secret::Password;
use crate::node::gate::Gate;
use crate::node::{Node, Source};
use keys::{CONCERN, Keys, Op};

/// Events of one transaction.
const BATCH: usize = 200;
/// Keys of one piece of a refill.
const PIECE: usize = 1000;
/// Who is further behind than this writes new revocations ahead of the log.
const BEHIND: u64 = 1000;
/// How often.
const AHEAD_EVERY: Duration = Duration::from_secs(1);

/// What a Redis sink can be told.
#[derive(Clone, Debug)]
pub struct RedisSettings {
    /// `redis://…`, or `rediss://…` for TLS; may hold a user and a password.
    pub url: String,
    /// The password, where the address has none.
    pub password: Option<Password>,
    /// What every key begins with.
    pub prefix: String,
    /// About how many events the stream keeps.
    pub stream_max_length: u64,
    /// How long each answer may take.
    pub timeout: Duration,
}

/// A Redis server.
pub(super) struct Redis {
    client: Client,
    config: AsyncConnectionConfig,
    keys: Keys,
    stream_max_length: u64,
    gate: Arc<Gate>,
    source: Arc<dyn Source>,
    applied: watch::Receiver<Seq>,
    clock: Arc<dyn Clock>,
    link: Option<Link>,
    ahead: Ahead,
}

/// A connection, and how far Redis has come by our own account.
#[derive(Clone)]
struct Link {
    connection: MultiplexedConnection,
    position: Seq,
}

/// Revocations that were written ahead of the log.
struct Ahead {
    upto: Seq,
    at: Instant,
    /// Keys about which the log has nothing to say before it comes to these positions.
    keys: HashMap<String, Seq>,
}

impl Target for Redis {
    fn batch_max(&self) -> usize {
        BATCH
    }

    fn needs(&self, event: &Event) -> bool {
        let ends_or_resumes = matches!(event, Event::SessionEnded(_) | Event::UserResumed { .. });
        ends_or_resumes || event.changes().is_some()
    }

    fn write<'a>(&'a mut self, batch: &'a Batch) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            let written = self.write_batch(batch).await;
            self.judge(written)
        })
    }

    fn look(&mut self, upto: Seq) -> BoxFuture<'_, Result<(), Failure>> {
        Box::pin(async move {
            let looked = self.check(upto, false).await;
            self.judge(looked.map(drop))
        })
    }
}

impl Redis {
    /// Connects at the first write.
    pub(super) fn open(settings: &RedisSettings, node: &Node) -> Result<Self, Error> {
        let mut info = settings
            .url
            .as_str()
            .into_connection_info()
            .map_err(Error::internal)?;
        if let Some(password) = &settings.password {
            let account = info
                .redis_settings()
                .clone()
                .set_password(password.expose());
            info = info.set_redis_settings(account);
        }
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(settings.timeout))
            .set_response_timeout(Some(settings.timeout));
        Ok(Self {
            client: Client::open(info).map_err(Error::internal)?,
            config,
            keys: Keys::new(&settings.prefix),
            stream_max_length: settings.stream_max_length,
            gate: Arc::clone(&node.inner.gate),
            source: Arc::clone(&node.inner.source),
            applied: node.inner.applied.clone(),
            clock: Arc::clone(&node.inner.clock),
            link: None,
            ahead: Ahead::none(),
        })
    }

    /// After a failure nobody knows what the connection still carries: the next attempt has its own.
    fn judge(&mut self, outcome: Result<(), Failure>) -> Result<(), Failure> {
        if matches!(outcome, Err(Failure::Again { .. })) {
            self.link = None;
        }
        outcome
    }

    async fn write_batch(&mut self, batch: &Batch) -> Result<(), Failure> {
        let mut link = self.check(batch.after, true).await?;
        let behind = self.applied().0.saturating_sub(batch.upto.0);
        if behind > BEHIND && self.ahead.at.elapsed() >= AHEAD_EVERY {
            self.write_ahead(&mut link.connection).await?;
        }
        let position = link.position.max(batch.upto);
        let pipe = self.transaction(batch, position)?;
        let answer = pipe.query_async(&mut link.connection).await;
        match answer? {
            Value::Nil => return Err(Failure::again("somebody else writes to the same keys")),
            Value::Array(answers) => judge_answers(answers)?,
            _ => return Err(Failure::again("the answer to EXEC is none")),
        }
        self.link = Some(Link { position, ..link });
        if batch.upto >= self.ahead.upto {
            self.ahead.keys.clear();
        }
        Ok(())
    }

    fn transaction(&self, batch: &Batch, position: Seq) -> Result<Pipeline, Failure> {
        let mut pipe = redis::pipe();
        pipe.atomic().ignore_errors();
        let now = self.clock.now();
        let is_news = |op: &Op| {
            let last_word = self.ahead.keys.get(&op.key).copied().unwrap_or_default();
            !op.may_be_overtaken || op.seq >= last_word
        };
        for item in &batch.items {
            if let Some(op) = self.keys.of_entry(&item.entry).filter(is_news) {
                op.put(&mut pipe, now);
            }
            if item.passes {
                self.put_event(&mut pipe, item)?;
            }
        }
        pipe.cmd("SET").arg(self.keys.position()).arg(position.0);
        Ok(pipe)
    }

    fn put_event(&self, pipe: &mut Pipeline, item: &Item) -> Result<(), Failure> {
        let event = serde_json::to_string(&item.record)?;
        pipe.cmd("XADD").arg(self.keys.stream());
        pipe.arg("MAXLEN").arg("~").arg(self.stream_max_length);
        pipe.arg(format!("{}-0", item.record.seq));
        pipe.arg("type")
            .arg(item.record.kind)
            .arg("event")
            .arg(event);
        Ok(())
    }

    /// A connection to a Redis that has everything up to the position, and maybe more: this sink's place
    /// is kept only now and then. With `watch` a transaction fails if the key of the position moves.
    async fn check(&mut self, position: Seq, watch: bool) -> Result<Link, Failure> {
        let Link {
            mut connection,
            position: expected,
        } = match &self.link {
            Some(link) => link.clone(),
            None => self.connect(position).await?,
        };
        let mut pipe = redis::pipe();
        if watch {
            pipe.cmd("WATCH").arg(self.keys.position()).ignore();
        }
        pipe.cmd("GET").arg(self.keys.position());
        let found: Result<(Option<u64>,), _> = pipe.query_async(&mut connection).await;
        let found = found?.0.map(Seq);
        if found.is_some_and(|found| found > self.applied()) {
            return Err(self.foreign());
        }
        match found.filter(|found| *found >= expected) {
            Some(position) => {
                let link = Link {
                    connection,
                    position,
                };
                self.link = Some(link.clone());
                Ok(link)
            }
            None => Err(self.refill(connection, found, expected).await),
        }
    }

    async fn connect(&self, position: Seq) -> Result<Link, Failure> {
        let connecting = self
            .client
            .get_multiplexed_async_connection_with_config(&self.config);
        let mut connection = connecting.await?;
        let mut query = redis::cmd("XREVRANGE");
        query
            .arg(self.keys.stream())
            .arg("+")
            .arg("-")
            .arg("COUNT")
            .arg(1);
        let last: Vec<(String, Value)> = query.query_async(&mut connection).await?;
        let last = last
            .first()
            .and_then(|(id, _)| id.split('-').next()?.parse().ok());
        if last.is_some_and(|last| Seq(last) > self.applied()) {
            return Err(self.foreign());
        }
        Ok(Link {
            connection,
            position,
        })
    }

    fn foreign(&self) -> Failure {
        Failure::again(format!(
            "`{}` or `{}` holds positions that this log has yet to reach: another server's, or those of a \
             database that is gone; give the sink another prefix, or remove them",
            self.keys.position(),
            self.keys.stream()
        ))
    }

    fn applied(&self) -> Seq {
        *self.applied.borrow()
    }

    /// Writes every live revocation, and says from where on the log is to be written again.
    async fn refill(
        &mut self,
        mut connection: MultiplexedConnection,
        found: Option<Seq>,
        expected: Seq,
    ) -> Failure {
        self.ahead.forget();
        let refilled = async {
            self.write_ahead(&mut connection).await?;
            let back = self.back_to(found, expected).await?;
            let mut pipe = redis::pipe();
            pipe.cmd("UNWATCH").ignore();
            pipe.cmd("SET")
                .arg(self.keys.position())
                .arg(back.0)
                .ignore();
            let () = pipe.query_async(&mut connection).await?;
            Ok(back)
        };
        match refilled.await {
            Ok(position) => {
                self.link = Some(Link {
                    connection,
                    position,
                });
                Failure::Behind(position)
            }
            Err(failure) => failure,
        }
    }

    /// Before the oldest event that a living token may be concerned by, and before as many as the stream
    /// keeps or as it lacks; in this log in any case.
    async fn back_to(&self, found: Option<Seq>, expected: Seq) -> Result<Seq, Error> {
        let since = self.clock.now().minus(CONCERN);
        let concern = self.source.position_before(since).await?;
        let start = self
            .source
            .position_before(Timestamp::from_millis(i64::MIN))
            .await?;
        let kept = Seq(expected.0.saturating_sub(self.stream_max_length));
        let lacking = found.unwrap_or_default().max(kept);
        Ok(concern.min(lacking).max(start).min(expected))
    }

    /// Writes the revocations that are newer than what was written so.
    async fn write_ahead(&mut self, connection: &mut MultiplexedConnection) -> Result<(), Failure> {
        let (upto, notes) = self.gate.snapshot();
        let is_new = notes.iter().filter(|note| note.seq > self.ahead.upto);
        let ops: Vec<Op> = is_new.filter_map(|note| self.keys.of_note(note)).collect();
        for piece in ops.chunks(PIECE) {
            let mut pipe = redis::pipe();
            let now = self.clock.now();
            for op in piece {
                op.put(&mut pipe, now);
            }
            if pipe.is_empty() {
                continue;
            }
            let () = pipe.query_async(connection).await?;
        }
        let words = ops.into_iter().filter(|op| op.may_be_overtaken);
        self.ahead.keys.extend(words.map(|op| (op.key, op.seq)));
        self.ahead.upto = upto;
        self.ahead.at = Instant::now();
        Ok(())
    }
}

impl Ahead {
    fn none() -> Self {
        Self {
            upto: Seq(0),
            at: Instant::now(),
            keys: HashMap::new(),
        }
    }

    fn forget(&mut self) {
        *self = Self::none();
    }
}

/// A position that the stream has already is done; everything else that went wrong is not.
fn judge_answers(answers: Vec<Value>) -> Result<(), Failure> {
    for answer in answers {
        if let Value::ServerError(error) = answer {
            let is_repeated = error
                .details()
                .is_some_and(|details| details.contains("equal or smaller"));
            if !is_repeated {
                return Err(redis::RedisError::from(error).into());
            }
        }
    }
    Ok(())
}
