//! The pure rules under property tests: who is admitted, what a client is owed, what the index says.

use std::collections::BTreeSet;
use std::sync::Arc;

use proptest::collection::{btree_set, vec};
use proptest::prelude::*;
use sessionwire::domain::access::InitiatingEntity;
use sessionwire::domain::clock::Timestamp;
use sessionwire::domain::device::{Device, Platform};
use sessionwire::domain::id::{DeviceId, Seq, SessionId, UserId};
use sessionwire::domain::message::{RightsCause, owed};
use sessionwire::domain::policy::{Admission, AtLimit, CountBy, Policy, admit, surplus};
use sessionwire::domain::session::LiveSession;
use sessionwire::domain::standing::{Rights, Standing};
use sessionwire_guard::{Change, Claims, Reason, RevocationIndex, Verdict};
use uuid::Uuid;

fn id(n: u128) -> Uuid {
    Uuid::from_u128(n + 1)
}

fn platforms() -> impl Strategy<Value = Platform> {
    prop::sample::select(Platform::ALL.to_vec())
}

fn sessions() -> impl Strategy<Value = Vec<LiveSession>> {
    vec(platforms(), 0..12).prop_map(|platforms| {
        platforms
            .into_iter()
            .enumerate()
            .map(|(n, platform)| LiveSession {
                id: SessionId(id(n as u128)),
                device_id: DeviceId(id(n as u128)),
                platform,
                fence: Seq(100 - n as u64),
            })
            .collect()
    })
}

fn policies() -> impl Strategy<Value = Policy> {
    let count_by = prop::sample::select(vec![CountBy::User, CountBy::Platform]);
    let at_limit = prop::sample::select(vec![
        AtLimit::EvictOldest,
        AtLimit::Reject,
        AtLimit::Ask,
        AtLimit::Approve,
    ]);
    (prop::option::of(1_u32..6), count_by, at_limit).prop_map(
        |(max_sessions, count_by, at_limit)| Policy {
            max_sessions,
            count_by,
            at_limit,
            ..Policy::default()
        },
    )
}

fn names() -> impl Strategy<Value = BTreeSet<String>> {
    btree_set("[a-e]", 0..5)
}

/// How many of them count against a newcomer on this platform.
fn counted(policy: &Policy, live: &[&LiveSession], newcomer: &Device) -> usize {
    let counts = |session: &&&LiveSession| {
        session.device_id != newcomer.id
            && (policy.count_by == CountBy::User || session.platform == newcomer.platform)
    };
    live.iter().filter(counts).count()
}

proptest! {
    #[test]
    fn never_more_sessions_than_the_policy_allows(
        policy in policies(), live in sessions(), device in 0_u128..14, platform in platforms(),
    ) {
        let newcomer = Device { id: DeviceId(id(device)), name: "new".into(), platform };
        let before = counted(&policy, &live.iter().collect::<Vec<_>>(), &newcomer);
        let max = policy.max_sessions.map_or(usize::MAX, |max| max as usize);
        match admit(&policy, &live, &newcomer) {
            Admission::Enter => prop_assert!(before < max),
            Admission::Evict(evicted) => {
                let left: Vec<_> = live.iter().filter(|s| !evicted.contains(&s.id)).collect();
                prop_assert_eq!(counted(&policy, &left, &newcomer) + 1, max);
                // Nobody goes before somebody older stays.
                let fence = |id: &SessionId| live.iter().find(|s| s.id == *id).unwrap().fence;
                let newest_out = evicted.iter().map(fence).max().unwrap();
                let stays = left.iter().filter(|s| s.device_id != newcomer.id);
                for session in stays.filter(|s| policy.count_by == CountBy::User || s.platform == platform) {
                    prop_assert!(session.fence > newest_out);
                }
            }
            Admission::Refuse(seats) | Admission::Ask(seats) | Admission::Approve(seats) => {
                prop_assert!(before >= max);
                prop_assert_eq!(seats.len(), before);
            }
        }
    }

    #[test]
    fn after_the_surplus_has_ended_there_is_none(policy in policies(), live in sessions()) {
        let ended = surplus(&policy, &live);
        let left: Vec<_> = live.iter().filter(|s| !ended.contains(&s.id)).copied().collect();
        prop_assert_eq!(surplus(&policy, &left), Vec::new());
        if policy.max_sessions.is_none() {
            prop_assert!(ended.is_empty());
        }
    }

    #[test]
    fn what_is_owed_leads_from_what_was_told_to_what_is_so(
        told_groups in names(), told_permissions in names(), groups in names(), permissions in names(),
    ) {
        let told = Rights { groups: told_groups, permissions: told_permissions };
        let rights = Rights { groups, permissions };
        let standing = Standing {
            user_id: UserId(id(1)), as_of: Seq(9), rights: Arc::new(rights.clone()),
        };
        let cause = RightsCause {
            id: Seq(8),
            initiating_entity: InitiatingEntity::Admin,
            at: Timestamp::from_millis(0),
            refresh_within_ms: 0,
        };
        match owed(&told, &standing, cause) {
            None => prop_assert_eq!(told, rights),
            Some(message) => {
                let mut now = told;
                now.groups.extend(message.groups.added);
                now.groups.retain(|name| !message.groups.removed.contains(name));
                now.permissions.extend(message.permissions.gained);
                now.permissions.retain(|name| !message.permissions.lost.contains(name));
                prop_assert_eq!(&now, &rights);
                prop_assert!(owed(&now, &standing, cause).is_none());
            }
        }
    }

    #[test]
    fn the_index_says_what_a_reading_of_the_whole_log_says(
        changes in vec((0_u8..5, 0_u128..3), 0..30), as_of in 0_u64..32, session in 0_u128..3, user in 0_u128..3,
    ) {
        let change = |(kind, n): (u8, u128)| match kind {
            0 => Change::SessionEnded { session_id: SessionId(id(n)), reason: Reason::SignedOut },
            1 => Change::UserEnded { user_id: UserId(id(n)), reason: Reason::UserSuspended },
            2 => Change::EverybodyEnded { reason: Reason::RevokeAll },
            3 => Change::UserRightsChanged { user_id: UserId(id(n)) },
            _ => Change::GroupRightsChanged { group: format!("group {n}") },
        };
        let log: Vec<Change> = changes.into_iter().map(change).collect();
        let mut index = RevocationIndex::default();
        for (seq, change) in (1..).zip(&log) {
            index.apply(Seq(seq), [change.clone()], i64::MAX);
            // Repeated and out of order it changes nothing.
            index.apply(Seq(seq), [Change::EverybodyEnded { reason: Reason::Expired }], i64::MAX);
        }
        let token = claims(as_of, session, user);
        let concerns = |change: &Change, ended: bool| match change {
            Change::SessionEnded { session_id: id, .. } => ended && *id == token.sid,
            Change::UserEnded { user_id: id, .. } => ended && *id == token.sub,
            Change::EverybodyEnded { .. } => ended,
            Change::UserRightsChanged { user_id: id } => !ended && *id == token.sub,
            Change::GroupRightsChanged { group: name } => !ended && token.groups.contains(name),
            Change::SigningKeyRetired { .. } => false,
        };
        let later = |ended: bool| (1..).zip(&log).any(|(seq, change): (u64, _)| {
            let always = matches!(change, Change::SessionEnded { .. });
            (always || seq > as_of) && concerns(change, ended)
        });
        match index.verdict(&token).unwrap() {
            Verdict::Ended(..) => prop_assert!(later(true)),
            Verdict::Stale(_) => prop_assert!(!later(true) && later(false)),
            Verdict::Good => prop_assert!(!later(true) && !later(false)),
        }
    }
}

fn claims(as_of: u64, session: u128, user: u128) -> Claims {
    Claims {
        iss: "a".into(),
        sub: UserId(id(user)),
        aud: "a".into(),
        client_id: "a".into(),
        iat: 0,
        exp: 1,
        jti: id(0),
        sid: SessionId(id(session)),
        device_id: DeviceId(id(0)),
        auth_time: 0,
        groups: vec!["group 1".into()],
        permissions: Vec::new(),
        as_of: Seq(as_of),
        fence: Seq(0),
        generation: 1,
        session_exp: None,
        cnf: None,
        kid: None,
    }
}
