//! Sessions that are in use: an access token of theirs came back. In a storm that is everybody's at once, so
//! what is written down and read about it is shared by many sessions. It may not know where a token came back.

use std::collections::{HashMap, HashSet};

use parking_lot::Mutex;
use sessionwire_guard::Claims;
use tokio::sync::oneshot;
use tokio::sync::oneshot::error::TryRecvError;

use super::{Core, Result};
use crate::domain::error::Error;
use crate::domain::id::SessionId;
use crate::domain::session::{Life, Outlook};

/// How many sessions are remembered as having presented their newest token.
const REMEMBERED_MAX: usize = 100_000;
/// How many share a transaction.
const AT_ONCE: usize = 256;

/// Who waits, and what is known already.
#[derive(Default)]
pub(super) struct Presented {
    /// Sessions of which the token of this number has come back, so that it is written down once.
    noted: Mutex<HashMap<SessionId, u32>>,
    /// One for each caller.
    waiting: Mutex<Vec<Waiting>>,
    /// Whoever has it answers those who wait.
    turn: tokio::sync::Mutex<()>,
}

struct Waiting {
    session: SessionId,
    /// The number of the token that came back.
    presented: Option<u32>,
    answer: oneshot::Sender<Option<Outlook>>,
}

impl Presented {
    fn knows(&self, session: SessionId, presented: u32) -> bool {
        let noted = self.noted.lock().get(&session).copied();
        noted.is_some_and(|noted| noted >= presented)
    }

    fn note(&self, tokens: &[(SessionId, u32)]) {
        let mut noted = self.noted.lock();
        for (session, presented) in tokens {
            if noted.len() >= REMEMBERED_MAX {
                noted.clear();
            }
            noted.insert(*session, *presented);
        }
    }

    fn take(&self) -> Vec<Waiting> {
        let mut waiting = self.waiting.lock();
        let count = waiting.len().min(AT_ONCE);
        waiting.drain(..count).collect()
    }
}

impl Core {
    /// Writes down that an access token came back, at most once: from then on the refresh token before its own is
    /// spent. Nothing is written where there is none.
    pub async fn note_presented(&self, claims: &Claims) -> Result<()> {
        match claims.rotation() {
            Some(number) if !self.presented.knows(claims.sid, number) => {
                // Boxed: most tokens came before, and need no room for it.
                Box::pin(self.look_ahead(claims.sid, Some(number))).await?;
            }
            Some(_) | None => {}
        }
        Ok(())
    }

    /// How long the session can be used yet, if nobody uses it meanwhile; `None`: it has ended. `presented`:
    /// the rotation of its token that came back, as for [`Self::note_presented`].
    pub async fn look_ahead(
        &self,
        session: SessionId,
        presented: Option<u32>,
    ) -> Result<Option<Outlook>> {
        let (answer, mut answered) = oneshot::channel();
        self.presented.waiting.lock().push(Waiting {
            session,
            presented,
            answer,
        });
        let _turn = tokio::select! {
            biased;
            outlook = &mut answered => return outlook.map_err(|_| Error::CannotDecide),
            turn = self.presented.turn.lock() => turn,
        };
        loop {
            // Of a crowd, all who are ready to ask do so before the first is answered.
            tokio::task::yield_now().await;
            match answered.try_recv() {
                Ok(outlook) => return Ok(outlook),
                // Whoever had the turn failed.
                Err(TryRecvError::Closed) => return Err(Error::CannotDecide),
                Err(TryRecvError::Empty) => self.answer_all(self.presented.take()).await?,
            }
        }
    }

    async fn answer_all(&self, waiting: Vec<Waiting>) -> Result<()> {
        let tokens = waiting
            .iter()
            .filter_map(|it| it.presented.map(|presented| (it.session, presented)));
        let new: Vec<_> = tokens
            .filter(|(session, presented)| !self.presented.knows(*session, *presented))
            .collect();
        let mut lives = self.mark(&new).await?;
        let known: HashSet<_> = lives.iter().map(|life| life.session).collect();
        let mut others: Vec<_> = waiting.iter().map(|it| it.session).collect();
        others.retain(|session| !known.contains(session));
        if !others.is_empty() {
            lives.extend(self.look().await?.list_lives(&others).await?);
        }
        let now = self.clock.now();
        let outlooks: HashMap<_, _> = lives
            .iter()
            .filter_map(|life| Some((life.session, life.outlook(now)?)))
            .collect();
        for waiting in waiting {
            // Who has gone meanwhile need not know.
            let _ = waiting.answer.send(outlooks.get(&waiting.session).copied());
        }
        Ok(())
    }

    /// Answers the sessions that it has noted something of, as they are.
    async fn mark(&self, tokens: &[(SessionId, u32)]) -> Result<Vec<Life>> {
        if tokens.is_empty() {
            return Ok(Vec::new());
        }
        let mut tx = self.begin().await?;
        let marked = tx.mark_presented_if_free(tokens).await?;
        self.commit(tx).await?;
        let free: HashSet<_> = marked.iter().map(|life| life.session).collect();
        // Those that somebody held, who may hold others in another order; and those that have a newer token.
        for (session, presented) in tokens.iter().filter(|(it, _)| !free.contains(it)) {
            let mut tx = self.begin().await?;
            tx.mark_presented(*session, *presented).await?;
            self.commit(tx).await?;
        }
        self.presented.note(tokens);
        Ok(marked)
    }
}
