//! The test vectors that every guard passes, against the server's own gate: `tests/vectors/guard.json`.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use sessionwire_guard::{Change, KeySet};

use super::support::ManualClock;
use crate::domain::Reason;
use crate::domain::access::InitiatingEntity;
use crate::domain::clock::{Clock, Timestamp};
use crate::domain::error::Error;
use crate::domain::event::{Event, LogEntry, SessionEnded};
use crate::domain::id::{DeviceId, GroupId, Seq, UserId};
use crate::node::gate::Gate;

/// The event of a log that means this change.
fn event(change: Change) -> Event {
    let nobody = uuid::Uuid::nil();
    match change {
        Change::SessionEnded { session_id, reason } => Event::SessionEnded(SessionEnded {
            session_id,
            user_id: UserId(nobody),
            device_id: DeviceId(nobody),
            reason,
            replaced_by: None,
        }),
        Change::UserEnded {
            user_id,
            reason: Reason::UserSuspended,
        } => Event::UserSuspended { user_id },
        Change::UserEnded { user_id, .. } => Event::UserDeleted {
            user_id,
            username: String::new(),
        },
        Change::EverybodyEnded { .. } => Event::RevokedAll {},
        Change::UserRightsChanged { user_id } => Event::MembershipRemoved {
            user_id,
            group_id: GroupId(nobody),
            group: String::new(),
        },
        Change::GroupRightsChanged { group } => Event::GroupDeleted {
            group_id: GroupId(nobody),
            name: group,
        },
        Change::SigningKeyRetired { kid } => Event::SigningKeyRetired { kid },
    }
}

fn entries(index: &Value, at: Timestamp) -> Vec<LogEntry> {
    let changes = index["changes"].as_array().unwrap();
    let mut entries: Vec<_> = changes
        .iter()
        .map(|change| LogEntry {
            seq: Seq(change["seq"].as_u64().unwrap()),
            at,
            initiating_entity: InitiatingEntity::System,
            event: event(serde_json::from_value(change.clone()).unwrap()),
        })
        .collect();
    entries.sort_by_key(|entry| entry.seq);
    entries
}

#[test]
fn the_gate_gives_the_verdicts_of_the_guards() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/guard.json");
    let vectors: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let text = |name: &str| vectors[name].as_str().unwrap();
    let keys = KeySet::from_jwks(text("issuer"), text("audience"), &vectors["jwks"]).unwrap();
    for case in vectors["cases"].as_array().unwrap() {
        let now = case["now"].as_i64().or(vectors["now"].as_i64()).unwrap();
        let now = Timestamp::from_millis(now * 1000);
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(now));
        let gate = Gate::new(Arc::clone(&clock), Duration::from_secs(2));
        gate.renew(clock.uptime());
        gate.set_keys(keys.clone());
        gate.restart_at(Seq(0));
        gate.apply(&entries(
            &vectors["indexes"][case["index"].as_str().unwrap()],
            now,
        ));
        let found = gate.check(case["token"].as_str().unwrap());
        let verdict = match &found {
            Ok(claims)
                if case["requires"]
                    .as_str()
                    .is_some_and(|it| !claims.allows(it)) =>
            {
                "forbidden"
            }
            Ok(_) => "good",
            Err(Error::TokenInvalid) => "invalid",
            Err(Error::TokenExpired) => "expired",
            Err(Error::SessionEnded(reason)) => {
                assert_eq!(reason.as_str(), case["reason"], "{}", case["name"]);
                "ended"
            }
            Err(Error::TokenStale) => "stale",
            Err(other) => panic!("{}: {other}", case["name"]),
        };
        assert_eq!(verdict, case["verdict"], "{}", case["name"]);
    }
}
