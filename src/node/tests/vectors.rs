//! The test vectors that every guard passes, against the server's own gate: `tests/vectors/guard.json`.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use sessionwire_guard::{Change, Claims, KeySet, Verdict};

use super::support::ManualClock;
use crate::domain::Reason;
use crate::domain::access::InitiatingEntity;
use crate::domain::clock::{Clock, Timestamp};
use crate::domain::error::Error;
use crate::domain::event::{Event, LogEntry, SessionEnded};
use crate::domain::id::{DeviceId, GroupId, Seq, UserId};
use crate::node::Seen;
use crate::node::gate::{Certainty, Gate};

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

/// The vectors, and the keys that their tokens are good by.
fn read() -> (Value, KeySet) {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/guard.json");
    let vectors: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let text = |name: &str| vectors[name].as_str().unwrap();
    let keys = KeySet::from_jwks(text("issuer"), text("audience"), &vectors["jwks"]).unwrap();
    (vectors, keys)
}

/// The first case of a good token.
fn good(vectors: &Value) -> &Value {
    let mut cases = vectors["cases"].as_array().unwrap().iter();
    cases.find(|case| case["verdict"] == "good").unwrap()
}

/// A gate that has applied the index of this case, and its clock.
fn gate(vectors: &Value, case: &Value, keys: &KeySet) -> (Gate, Arc<ManualClock>) {
    let now = case["now"].as_i64().or(vectors["now"].as_i64()).unwrap();
    let now = Timestamp::from_seconds(now);
    let clock = Arc::new(ManualClock::at(now));
    let gate = Gate::new(
        Arc::clone(&clock) as Arc<dyn Clock>,
        Duration::from_mins(10),
    );
    gate.renew(clock.uptime());
    gate.set_keys(keys.clone());
    gate.restart_at(Seq(0));
    let index = &vectors["indexes"][case["index"].as_str().unwrap()];
    gate.apply(&entries(index, now));
    (gate, clock)
}

/// What the gate says of a token, by what it remembers of it.
fn judged(gate: &Gate, token: &str) -> Result<Arc<Claims>, Error> {
    match gate.examine_seen(&gate.look_up(token), Certainty::Leased)? {
        (claims, Verdict::Good) => Ok(claims),
        (_, Verdict::Ended(_, reason)) => Err(Error::SessionEnded(reason)),
        (_, Verdict::Stale(_)) => Err(Error::TokenStale),
    }
}

#[test]
fn the_gate_gives_the_verdicts_of_the_guards() {
    let (vectors, keys) = read();
    for case in vectors["cases"].as_array().unwrap() {
        let (gate, _) = gate(&vectors, case, &keys);
        let token = case["token"].as_str().unwrap();
        let first_seen = gate.check(token).map(Arc::new);
        for found in [first_seen, judged(&gate, token), judged(&gate, token)] {
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
}

#[test]
fn what_is_remembered_of_a_token_does_not_outlive_its_key() {
    let (vectors, keys) = read();
    let case = good(&vectors);
    let token = case["token"].as_str().unwrap();
    let (gate, _) = gate(&vectors, case, &keys);
    assert!(!gate.look_up(token).is_known());
    let once = gate.examine_seen(&Seen::once(token), Certainty::Leased);
    assert!(once.is_ok() && !gate.look_up(token).is_known());
    let claims = judged(&gate, token).unwrap();
    assert!(gate.look_up(token).is_known());

    let forged = format!("{token}A");
    assert!(judged(&gate, &forged).is_err() && !gate.look_up(&forged).is_known());

    gate.set_keys(KeySet::new(&*claims.iss, &*claims.aud));
    assert!(!gate.look_up(token).is_known());
    assert!(matches!(judged(&gate, token), Err(Error::TokenInvalid)));
    gate.set_keys(keys.clone());
    assert!(judged(&gate, token).is_ok());
    gate.disown(vec![claims.kid.as_deref().unwrap().to_owned()]);
    assert!(matches!(judged(&gate, token), Err(Error::TokenInvalid)));
}

#[test]
fn a_remembered_token_ends_with_its_session() {
    let (vectors, keys) = read();
    let case = good(&vectors);
    let token = case["token"].as_str().unwrap();
    let (gate, clock) = gate(&vectors, case, &keys);
    let claims = judged(&gate, token).unwrap();
    let ended = event(Change::SessionEnded {
        session_id: claims.sid,
        reason: Reason::SignedOut,
    });
    gate.apply(&[LogEntry {
        seq: claims.as_of.next(),
        at: clock.now(),
        initiating_entity: InitiatingEntity::User,
        event: ended,
    }]);
    let found = judged(&gate, token);
    assert!(matches!(found, Err(Error::SessionEnded(Reason::SignedOut))));
}

#[test]
fn a_remembered_token_expires() {
    let (vectors, keys) = read();
    let case = good(&vectors);
    let token = case["token"].as_str().unwrap();
    let (gate, clock) = gate(&vectors, case, &keys);
    let claims = judged(&gate, token).unwrap();
    let rest = u64::try_from(claims.exp - clock.now().as_seconds()).unwrap();
    clock.advance(Duration::from_secs(rest));
    gate.renew(clock.uptime());
    assert!(gate.look_up(token).is_known());
    assert!(matches!(judged(&gate, token), Err(Error::TokenExpired)));
}
