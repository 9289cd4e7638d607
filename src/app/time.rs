//! Keeps a node's time to that of the database which it shares with others: one whose clock is wrong would take
//! good tokens for expired and people for idle. It may not know what the time is used for.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use crate::domain::clock::{Clock, Timestamp};
use crate::storage::{Result, Store};

/// How often the two are compared.
const EVERY: Duration = Duration::from_secs(5);
/// How long the database may take to say what the time is. It is known only as well as that.
const ANSWER: Duration = Duration::from_secs(2);
/// Less is not worth a word or a correction.
const TOLERANCE: Duration = Duration::from_millis(250);

/// Agrees with the database on the time, if it has a clock of its own, before anything is done by it.
pub(super) async fn agree(store: &Store, clock: &Arc<dyn Clock>) -> Result<()> {
    if let Some(seen) = look(store, clock).await? {
        // From here on the machine's clock may be set: it is not asked again.
        clock.agree(clock.now());
        seen.follow(clock);
    }
    Ok(())
}

/// Goes on comparing them.
pub(super) async fn keep_agreeing(store: Store, clock: Arc<dyn Clock>) {
    let mut ticks = tokio::time::interval(EVERY);
    loop {
        ticks.tick().await;
        match timeout(ANSWER, look(&store, &clock)).await {
            Ok(Ok(Some(seen))) => seen.follow(&clock),
            Ok(Ok(None)) => return,
            // Time goes on as it did.
            Ok(Err(_)) | Err(_) => {}
        }
    }
}

/// What the database says, in the middle of asking and hearing.
struct Seen {
    time: Timestamp,
    unsure: Duration,
}

async fn look(store: &Store, clock: &Arc<dyn Clock>) -> Result<Option<Seen>> {
    let mut tx = store.read().await?;
    let asked = clock.uptime();
    let time = tx.now().await?;
    let unsure = clock.uptime().saturating_sub(asked) / 2;
    tx.roll_back().await?;
    Ok(time.map(|time| Seen {
        time: time.plus(unsure),
        unsure,
    }))
}

impl Seen {
    fn follow(self, clock: &Arc<dyn Clock>) {
        let own = clock.now();
        let (ahead, behind) = (own.since(self.time), self.time.since(own));
        if ahead.max(behind) > TOLERANCE + self.unsure {
            tracing::warn!(
                ?ahead,
                ?behind,
                "this node's clock is not the database's, by which all nodes go; correcting it"
            );
            clock.agree(self.time);
        }
    }
}
