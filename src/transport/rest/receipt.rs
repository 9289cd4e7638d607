//! What a changing call answers: a receipt of what it reached, or what it would reach. CONTRACT
//! "Receipt". It may not know which call it was.

use std::time::Duration;

use axum::extract::FromRequestParts;
use http::request::Parts;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::RestState;
use super::context::Context;
use super::extract::{Query, Who};
use super::problem::Problem;
use super::schema;
use crate::domain::clock::Timestamp;
use crate::domain::id::Seq;
use crate::domain::receipt::{ConnectionsReached, Receipt, SpreadReached};
use crate::service::{Call, Change, Effect, Mode, Reach};

const WAIT_MS_DEFAULT: u32 = 1_000;
const WAIT_MS_MAX: u32 = 10_000;

/// The members of a query that every changing call takes.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(super) struct ChangeQuery {
    /// Change nothing, and say what would change.
    #[param(default = false)]
    dry_run: bool,
    /// How long the receipt may wait for the connections concerned, in milliseconds.
    #[param(minimum = 0, maximum = 10_000, default = 1_000)]
    wait_ms: Option<u32>,
}

/// The members of a query that asks how far an earlier change has got.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(super) struct WaitQuery {
    /// How long the answer may wait for those who are late, in milliseconds.
    #[param(minimum = 0, maximum = 10_000, default = 0)]
    wait_ms: u32,
}

impl WaitQuery {
    /// Never so long that the request would be given up meanwhile.
    pub(super) fn wait(&self, request_timeout: Duration) -> Result<Duration, Problem> {
        checked_wait(self.wait_ms, request_timeout)
    }
}

/// A changing call of an entitled caller.
pub(super) struct Changing<W> {
    /// Who asks.
    pub(super) who: W,
    /// How it goes to the core.
    pub(super) call: Call,
    /// How the receipt is waited for.
    pub(super) settling: Settling,
}

/// How long a receipt is waited for, and since when.
#[derive(Clone, Copy, Debug)]
pub(super) struct Settling {
    started: Duration,
    wait: Duration,
}

impl<W: Who + Send> FromRequestParts<RestState> for Changing<W> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, rest: &RestState) -> Result<Self, Problem> {
        let who = W::from_request_parts(parts, rest).await?;
        let Query(query) = Query::<ChangeQuery>::from_request_parts(parts, rest).await?;
        let context = Context::from_request_parts(parts, rest).await?;
        let mode = if query.dry_run {
            Mode::DryRun
        } else {
            Mode::Commit
        };
        Ok(Self {
            call: who.call(mode),
            who,
            settling: Settling {
                started: context.started,
                wait: query.wait(rest.settings.request_timeout)?,
            },
        })
    }
}

impl ChangeQuery {
    /// Never so long that the request would be given up meanwhile.
    fn wait(&self, request_timeout: Duration) -> Result<Duration, Problem> {
        checked_wait(self.wait_ms.unwrap_or(WAIT_MS_DEFAULT), request_timeout)
    }
}

fn checked_wait(wait_ms: u32, request_timeout: Duration) -> Result<Duration, Problem> {
    match wait_ms {
        wait @ 0..=WAIT_MS_MAX => Ok(Duration::from_millis(wait.into()).min(request_timeout / 2)),
        _ => Err(Problem::invalid(format!(
            "`wait_ms` must be from 0 to {WAIT_MS_MAX}"
        ))),
    }
}

/// What a changing call answers: what it did, or what it would do.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub(super) enum Outcome<T> {
    /// It happened.
    Done(T),
    /// It was a dry run.
    Preview(Preview),
}

/// What a change would reach (`?dry_run=true`). Nothing has changed.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Preview {
    /// Always true.
    dry_run: bool,
    /// Users whose rights would change or whose sessions would end.
    users: u64,
    /// Sessions that would end, or whose rights would change.
    sessions: u64,
    /// Connections of theirs on this node.
    connections: u64,
    /// When the last access token concerned would have run out by itself.
    #[schema(schema_with = schema::timestamp)]
    tokens_until: Timestamp,
}

/// The result of a change of rights, and its receipt.
#[derive(Debug, Serialize, ToSchema)]
#[expect(
    clippy::struct_field_names,
    reason = "`changed` is the contract's word"
)]
pub(super) struct Changed<T> {
    #[serde(flatten)]
    result: T,
    /// Whether anything changed.
    changed: bool,
    /// The position of the change's last event; the present head where nothing changed.
    #[schema(value_type = u64)]
    seq: Seq,
    receipt: ReceiptBody,
}

/// The receipt of a change.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub(super) struct ReceiptBody(Receipt);

/// The receipt of what a user changed about himself.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct OwnReceipt {
    /// The position of the change's last event; the present head where nothing changed.
    #[schema(value_type = u64)]
    seq: Seq,
    /// How many sessions ended.
    sessions_ended: u64,
    #[schema(schema_with = schema::connections_reached)]
    connections: ConnectionsReached,
    /// From the request to this receipt, in milliseconds.
    elapsed_ms: u64,
}

impl utoipa::PartialSchema for ReceiptBody {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
        schema::receipt()
    }
}

impl ToSchema for ReceiptBody {
    fn name() -> std::borrow::Cow<'static, str> {
        "Receipt".into()
    }
}

impl Settling {
    /// What an administrator's revoking call answers.
    pub(super) async fn receipt(self, rest: &RestState, effect: Effect) -> Outcome<ReceiptBody> {
        match effect {
            Effect::Committed(change) => {
                Outcome::Done(ReceiptBody(self.settle(rest, &change).await))
            }
            Effect::Previewed(reach) => Outcome::Preview(preview(rest, &reach)),
        }
    }

    /// What a call answers that changes rights: its result, and the receipt beside it.
    pub(super) async fn beside<T>(
        self,
        rest: &RestState,
        effect: Effect,
        result: T,
    ) -> Outcome<Changed<T>> {
        match self.receipt(rest, effect).await {
            Outcome::Done(receipt) => Outcome::Done(Changed {
                result,
                changed: receipt.0.changed,
                seq: receipt.0.seq,
                receipt,
            }),
            Outcome::Preview(preview) => Outcome::Preview(preview),
        }
    }

    /// What a user's own revoking call answers: nothing about nodes and services.
    pub(super) async fn own(self, rest: &RestState, effect: Effect) -> Outcome<OwnReceipt> {
        match self.receipt(rest, effect).await {
            Outcome::Done(ReceiptBody(receipt)) => Outcome::Done(OwnReceipt {
                seq: receipt.seq,
                sessions_ended: receipt.sessions_ended,
                connections: ConnectionsReached {
                    told: receipt.connections.told,
                    closed: receipt.connections.closed,
                },
                elapsed_ms: receipt.elapsed_ms,
            }),
            Outcome::Preview(preview) => Outcome::Preview(preview),
        }
    }

    /// Waits until this node has applied the change and told the connections concerned.
    async fn settle(self, rest: &RestState, change: &Change) -> Receipt {
        let settled = rest.node.settle(change.seq, self.wait).await;
        let elapsed = rest.clock.uptime().saturating_sub(self.started);
        Receipt {
            seq: change.seq,
            changed: change.changed,
            nodes: settled.nodes,
            sessions_ended: change.sessions_ended,
            connections: if change.changed {
                settled.connections
            } else {
                SpreadReached::default()
            },
            guards: settled.guards,
            elapsed_ms: u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
        }
    }
}

fn preview(rest: &RestState, reach: &Reach) -> Preview {
    Preview {
        dry_run: true,
        users: reach.users.len() as u64,
        sessions: reach.sessions.len() as u64,
        connections: reach.connections_elsewhere
            + rest.node.connections_reached(&reach.users, &reach.sessions),
        tokens_until: reach.tokens_until,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::receipt::{GuardsReached, NodesReached};

    fn wait(given: Option<u32>, request_timeout_s: u64) -> Option<u128> {
        let query = ChangeQuery {
            dry_run: false,
            wait_ms: given,
        };
        let wait = query.wait(Duration::from_secs(request_timeout_s));
        wait.ok().map(|wait| wait.as_millis())
    }

    #[test]
    fn the_wait_has_a_default_and_bounds() {
        assert_eq!(wait(None, 30), Some(1_000));
        assert_eq!(wait(Some(0), 30), Some(0));
        assert_eq!(wait(Some(10_000), 30), Some(10_000));
        assert_eq!(wait(Some(10_001), 30), None);
        assert_eq!(wait(Some(10_000), 4), Some(2_000));
    }

    #[test]
    fn a_receipt_stands_beside_the_result() {
        let receipt = Receipt {
            seq: Seq(7),
            changed: true,
            nodes: NodesReached {
                live: 1,
                applied: 0,
                late: vec!["self".into()],
                lost: Vec::new(),
            },
            sessions_ended: 0,
            connections: SpreadReached {
                told: 2,
                ..SpreadReached::default()
            },
            guards: GuardsReached::default(),
            elapsed_ms: 3,
        };
        let outcome = Outcome::Done(Changed {
            result: serde_json::json!({ "id": 1 }),
            changed: true,
            seq: Seq(7),
            receipt: ReceiptBody(receipt),
        });
        insta::assert_json_snapshot!(outcome, @r#"
        {
          "id": 1,
          "changed": true,
          "seq": 7,
          "receipt": {
            "seq": 7,
            "changed": true,
            "nodes": {
              "live": 1,
              "applied": 0,
              "late": [
                "self"
              ]
            },
            "sessions_ended": 0,
            "connections": {
              "told": 2,
              "closed": 0
            },
            "guards": {
              "following": 0,
              "applied": 0
            },
            "elapsed_ms": 3
          }
        }
        "#);
    }
}
