//! The index against a model that remembers everything: whatever happens, in whatever pieces it comes.

use proptest::prelude::*;
use uuid::Uuid;

use crate::claims::Claims;
use crate::feed::{FeedFault, FeedMessage, FeedState, Heard, Taken};
use crate::id::{DeviceId, Seq, SessionId, UserId};
use crate::keys::Rejection;
use crate::reason::Reason;
use crate::revocation::{Change, Note, Verdict};

const ENTRIES_MAX: usize = 10_000;
const GROUPS: [&str; 3] = ["analysts", "editors", "admins"];
const KEYS: [&str; 2] = ["key-1", "key-2"];

fn id(number: u8) -> Uuid {
    Uuid::from_u128(u128::from(number))
}

fn reason() -> impl Strategy<Value = Reason> {
    proptest::sample::select(Reason::ALL)
}

fn change() -> impl Strategy<Value = Option<Change>> {
    let (session, user) = (0_u8..6, 0_u8..3);
    prop_oneof![
        3 => Just(None),
        3 => (session, reason()).prop_map(|(session, reason)| Some(Change::SessionEnded {
            session_id: SessionId(id(session)),
            reason,
        })),
        2 => (user.clone(), reason()).prop_map(|(user, reason)| Some(Change::UserEnded {
            user_id: UserId(id(user)),
            reason,
        })),
        1 => reason().prop_map(|reason| Some(Change::EverybodyEnded { reason })),
        2 => user.prop_map(|user| Some(Change::UserRightsChanged { user_id: UserId(id(user)) })),
        2 => proptest::sample::select(&GROUPS[..]).prop_map(|group| {
            Some(Change::GroupRightsChanged { group: group.to_owned() })
        }),
        1 => proptest::sample::select(&KEYS[..]).prop_map(|kid| {
            Some(Change::SigningKeyRetired { kid: kid.to_owned() })
        }),
    ]
}

fn token() -> impl Strategy<Value = Claims> {
    let groups = proptest::sample::subsequence(&GROUPS[..], 0..=GROUPS.len());
    let kid = proptest::sample::select(&[None, Some(KEYS[0]), Some(KEYS[1])][..]);
    (0_u8..6, 0_u8..3, groups, 0_u64..60, kid).prop_map(|(session, user, groups, as_of, kid)| {
        Claims {
            iss: String::new(),
            sub: UserId(id(user)),
            aud: String::new(),
            client_id: String::new(),
            iat: 0,
            exp: 0,
            jti: Uuid::nil(),
            sid: SessionId(id(session)),
            device_id: DeviceId(Uuid::nil()),
            auth_time: 0,
            groups: groups.into_iter().map(str::to_owned).collect(),
            permissions: Vec::new(),
            as_of: Seq(as_of),
            fence: Seq(0),
            generation: 0,
            session_exp: None,
            cnf: None,
            kid: kid.map(Into::into),
        }
    })
}

/// The log, position by position.
type Log = Vec<(Seq, Option<Change>)>;

/// What the contract says of a token, by looking at every event that ever was.
fn expected(log: &Log, claims: &Claims) -> &'static str {
    let is_disowned = log.iter().any(|(_, change)| {
        matches!(change, Some(Change::SigningKeyRetired { kid }) if claims.kid.as_deref() == Some(kid))
    });
    if is_disowned {
        return "invalid";
    }
    let concerning = |is_end: bool| {
        log.iter().any(|(seq, change)| {
            change.as_ref().is_some_and(|change| match change {
                Change::SessionEnded { session_id, .. } => is_end && *session_id == claims.sid,
                Change::UserEnded { user_id, .. } => {
                    is_end && *user_id == claims.sub && *seq > claims.as_of
                }
                Change::EverybodyEnded { .. } => is_end && *seq > claims.as_of,
                Change::UserRightsChanged { user_id } => {
                    !is_end && *user_id == claims.sub && *seq > claims.as_of
                }
                Change::GroupRightsChanged { group } => {
                    !is_end && claims.groups.contains(group) && *seq > claims.as_of
                }
                Change::SigningKeyRetired { .. } => false,
            })
        })
    };
    match (concerning(true), concerning(false)) {
        (true, _) => "ended",
        (false, true) => "stale",
        (false, false) => "good",
    }
}

fn name(verdict: Result<Verdict, Rejection>) -> &'static str {
    match verdict {
        Err(_) => "invalid",
        Ok(Verdict::Good) => "good",
        Ok(Verdict::Ended(..)) => "ended",
        Ok(Verdict::Stale(_)) => "stale",
    }
}

fn heard((seq, change): &(Seq, Option<Change>)) -> Option<Heard> {
    let note = Note {
        seq: *seq,
        keep_until: i64::MAX,
        change: change.clone()?,
    };
    Some(Heard { note, age_ms: None })
}

fn stretch(log: &Log, after: Seq, seq: Seq) -> FeedMessage {
    let between = log.iter().filter(|(it, _)| *it > after && *it <= seq);
    FeedMessage::Changes {
        after,
        seq,
        head: Seq(log.len() as u64),
        now_ms: None,
        changes: between.filter_map(heard).collect(),
    }
}

proptest! {
    #[test]
    fn the_index_says_what_the_whole_log_says(
        changes in proptest::collection::vec(change(), 0..60),
        tokens in proptest::collection::vec(token(), 1..20),
        cuts in proptest::collection::vec(1_u64..12, 1..60),
        first in 0_usize..60,
    ) {
        let log: Log = (1..).map(Seq).zip(changes).collect();
        let head = Seq(log.len() as u64);
        let first = first.min(log.len());
        // The snapshot of a reader that had seen the first part.
        let mut origin = FeedState::default();
        origin.take(FeedMessage::Snapshot { seq: Seq(0), changes: Vec::new(), more: false }, ENTRIES_MAX).unwrap();
        origin.take(stretch(&log, Seq(0), Seq(first as u64)), ENTRIES_MAX).unwrap();
        let notes = origin.index().unwrap().notes();
        let mut state = FeedState::default();
        let pieces: Vec<_> = notes.chunks(3).collect();
        for (number, piece) in pieces.iter().enumerate() {
            prop_assert_eq!(state.position(), None);
            let changes = piece.iter().map(|note| Heard { note: note.clone(), age_ms: None }).collect();
            let more = number + 1 < pieces.len();
            state.take(FeedMessage::Snapshot { seq: Seq(first as u64), changes, more }, ENTRIES_MAX).unwrap();
        }
        if pieces.is_empty() {
            let changes = Vec::new();
            state.take(FeedMessage::Snapshot { seq: Seq(first as u64), changes, more: false }, ENTRIES_MAX).unwrap();
        }
        for cut in cuts.iter().cycle() {
            let position = state.position().unwrap();
            if position >= head {
                break;
            }
            let upto = Seq(position.0 + cut).min(head);
            // What has been left out is noticed, and changes nothing.
            let gap = stretch(&log, position.next(), head.next());
            prop_assert_eq!(state.take(gap, ENTRIES_MAX), Err(FeedFault::Gap));
            let moved = state.take(stretch(&log, position, upto), ENTRIES_MAX);
            prop_assert!(matches!(moved, Ok(Taken::Moved(_))));
        }
        for claims in &tokens {
            let verdict = state.index().unwrap().verdict(claims);
            prop_assert_eq!(name(verdict), expected(&log, claims));
        }
    }

    #[test]
    fn a_change_concerns_whom_it_takes_the_token_from(
        change in change(),
        claims in token(),
        seq in 1_u64..60,
    ) {
        let log: Log = vec![(Seq(seq), change.clone())];
        let is_good = expected(&log, &claims) == "good";
        let concerns = change.is_some_and(|change| change.concerns(Seq(seq), &claims));
        prop_assert_eq!(concerns, !is_good);
    }

    #[test]
    fn no_text_brings_the_reader_down(text in "\\PC*", event in "hello|snapshot|changes|reset|problem|x") {
        let _ = FeedMessage::read(&text);
        let data = serde_json::from_str(&text).unwrap_or(serde_json::Value::Null);
        if let Ok(message) = FeedMessage::named(&event, data) {
            let _ = FeedState::default().take(message, ENTRIES_MAX);
        }
    }
}

#[test]
fn an_index_has_a_bound() {
    let many: Log = (1..=11)
        .map(|number| {
            let session_id = SessionId(Uuid::from_u128(u128::from(number)));
            let reason = Reason::SignedOut;
            (
                Seq(number),
                Some(Change::SessionEnded { session_id, reason }),
            )
        })
        .collect();
    let begun = |state: &mut FeedState| {
        let changes = Vec::new();
        state.take(
            FeedMessage::Snapshot {
                seq: Seq(0),
                changes,
                more: false,
            },
            10,
        )
    };
    let mut state = FeedState::default();
    begun(&mut state).unwrap();
    let taken = state.take(stretch(&many, Seq(0), Seq(11)), 10);
    assert_eq!(taken, Err(FeedFault::TooLarge));
    assert_eq!(state.position(), Some(Seq(0)));
    assert!(state.take(stretch(&many, Seq(0), Seq(10)), 10).is_ok());
}
