//! Tells the server which tokens were accepted too late. It may not know how they are found.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use super::Shared;
use super::uses::LateUse;

/// Late uses that wait to be reported; more are counted as lost.
pub(super) const REPORTS_MAX: usize = 1000;
/// Late uses of one report.
const BATCH: usize = 100;
/// How often one is tried.
const TRIES: u32 = 5;
/// Between two tries.
const AGAIN: Duration = Duration::from_secs(1);
/// How long is waited for a connection to the feed: reports are in its reader's name.
const PATIENCE: Duration = Duration::from_secs(30);
/// As much as is said of what a token was used for, in characters.
const WHAT_CHARS_MAX: usize = 200;

/// Reports for ever.
pub(super) async fn report(
    shared: Arc<Shared>,
    http: reqwest::Client,
    mut waiting: mpsc::Receiver<LateUse>,
) {
    let mut batch = Vec::new();
    while waiting.recv_many(&mut batch, BATCH).await > 0 {
        let uses: Vec<Value> = batch.drain(..).map(|late| body(&late)).collect();
        let told = tell(&shared, &http, &uses).await;
        shared.counts.reported(uses.len(), told);
    }
}

async fn tell(shared: &Shared, http: &reqwest::Client, uses: &[Value]) -> bool {
    for _ in 0..TRIES {
        if let Some(reader) = reader(shared).await
            && send(shared, http, reader, uses).await
        {
            return true;
        }
        sleep(AGAIN).await;
    }
    tracing::warn!(count = uses.len(), "late uses could not be reported");
    false
}

async fn reader(shared: &Shared) -> Option<Uuid> {
    let mut reader = shared.reader.subscribe();
    let there = timeout(PATIENCE, reader.wait_for(Option::is_some)).await;
    *there.ok()?.ok()?
}

async fn send(shared: &Shared, http: &reqwest::Client, reader: Uuid, uses: &[Value]) -> bool {
    let Ok(url) = shared.settings.address("/v1/feed/late-uses") else {
        return false;
    };
    let request = http.post(url).bearer_auth(&shared.settings.api_key);
    let request = request.json(&json!({ "reader": reader, "uses": uses }));
    let answer = request.send().await;
    answer.is_ok_and(|answer| answer.status().is_success())
}

fn body(late: &LateUse) -> Value {
    let what = late.what.chars().filter(|it| !it.is_control());
    let what: String = what.take(WHAT_CHARS_MAX).collect();
    json!({
        "session_id": late.claims.sid,
        "user_id": late.claims.sub,
        "jti": late.claims.jti,
        "seq": late.seq,
        "code": if late.is_ended { "session_ended" } else { "token_stale" },
        "what": what,
        "count": late.count,
        "first_at": rfc3339(late.first_at),
        "last_at": rfc3339(late.last_at),
    })
}

/// Milliseconds since the Unix epoch, as RFC 3339.
fn rfc3339(millis: i64) -> String {
    DateTime::from_timestamp_millis(millis)
        .unwrap_or_default()
        .to_rfc3339_opts(SecondsFormat::Millis, true)
}
