//! What a client may say, what it hears in answer, and every way in which it is closed.

use std::time::Duration;

use sessionwire_guard::{Claims, Verdict};
use uuid::Uuid;

use super::machine::{Known, Machine, TIMING, claims, intents};
use super::support::{ManualClock, session};
use super::world::{World, hear};
use crate::domain::Reason;
use crate::domain::clock::{Clock, Timestamp};
use crate::domain::id::Seq;
use crate::node::connection::{Intent, Unidentified};

const REFRESH: &str = r#"{"type":"token.refresh","token":"good"}"#;

#[test]
fn before_auth_nothing_else_is_said() {
    let now = Duration::from_secs(1);
    let state = Unidentified::new(now, TIMING.patience);
    let auth = r#"{"type":"auth","token":"a.b.c"}"#;
    assert_eq!(
        state.on_text(auth, now).unwrap(),
        ("a.b.c".to_owned(), None)
    );
    let bomb = "[".repeat(100_000);
    for wrong in [
        "",
        "hello",
        "[]",
        "1",
        "null",
        bomb.as_str(),
        "{}",
        r#"{"type":"ping"}"#,
        r#"{"type":"nonsense"}"#,
        r#"{"type":"auth"}"#,
        r#"{"type":"auth","token":7}"#,
        r#"{"type":"auth","token":"a","more":1}"#,
        REFRESH,
    ] {
        let close = state.on_text(wrong, now).unwrap_err();
        assert_eq!(close.code.number(), 4505, "{wrong:.40}");
    }
    let late = now + TIMING.patience;
    assert_eq!(state.on_text(auth, late).unwrap_err().code.number(), 4006);
    assert_eq!(state.on_tick(late).unwrap_err().code.number(), 4006);
    assert!(state.on_tick(now).is_ok());
}

#[test]
fn before_auth_pings_may_not_go_on_for_ever() {
    let now = Duration::from_secs(1);
    let mut state = Unidentified::new(now, TIMING.patience);
    let close = (0..1000).find_map(|_| state.on_control(now).err()).unwrap();
    assert_eq!(close.code.number(), 4003);
}

#[test]
fn every_wrong_text_has_its_answer() {
    let bomb = "[".repeat(100_000);
    for (said, heard) in [
        ("", "4505 protocol_error"),
        ("hello", "4505 protocol_error"),
        ("[]", "4505 protocol_error"),
        ("\"text\"", "4505 protocol_error"),
        (bomb.as_str(), "4505 protocol_error"),
        (r#"{"type":"ping"} {}"#, "4505 protocol_error"),
        (r#"{"type":"auth","token":"good"}"#, "4505 protocol_error"),
        ("{}", "error validation_failed"),
        (r#"{"type":7}"#, "error validation_failed"),
        (r#"{"type":"welcome"}"#, "error validation_failed"),
        (r#"{"type":"ping","more":1}"#, "error validation_failed"),
        (r#"{"type":"ack"}"#, "error validation_failed"),
        (r#"{"type":"ack","id":-1}"#, "error validation_failed"),
        (r#"{"type":"ack","id":"1"}"#, "error validation_failed"),
        (r#"{"type":"token.refresh"}"#, "error validation_failed"),
        (
            r#"{"type":"takeover.answer","request_id":"x","allow":true}"#,
            "error validation_failed",
        ),
        (r#"{"type":"ping"}"#, "pong"),
    ] {
        let mut machine = Machine::live();
        assert_eq!(machine.says(said), [heard], "{said:.40}");
    }
}

#[test]
fn what_the_service_is_asked() {
    let mut machine = Machine::live();
    assert_eq!(
        machine.intents(r#"{"type":"ack","id":4}"#),
        [Intent::Acknowledged(Seq(4))]
    );
    let answer = format!(
        r#"{{"type":"takeover.answer","request_id":"{}","allow":true}}"#,
        Uuid::nil()
    );
    assert!(matches!(
        machine.intents(&answer)[..],
        [Intent::AnswerTakeover { allow: true, .. }]
    ));
    let activity = r#"{"type":"activity"}"#;
    assert_eq!(machine.intents(activity), [Intent::Activity]);
    assert_eq!(machine.intents(activity), []);
    machine.clock.advance(Duration::from_secs(59));
    assert_eq!(machine.intents(activity), []);
    machine.clock.advance(Duration::from_secs(1));
    assert_eq!(machine.intents(activity), [Intent::Activity]);
}

#[test]
fn a_flood_is_closed() {
    let mut machine = Machine::live();
    let close = (0..200).find_map(|_| {
        let heard = machine.says(r#"{"type":"ping"}"#);
        (heard != ["pong"]).then_some(heard)
    });
    assert_eq!(close.unwrap(), ["4003 rate_limited"]);
}

#[test]
fn a_newer_token_moves_the_expiry_and_nothing_else() {
    let mut machine = Machine::live();
    assert_eq!(machine.after(239), ["(ping)"]);
    assert_eq!(machine.after(1), ["token.expiring"]);
    assert_eq!(machine.after(1), [""; 0]);
    machine.tokens.0 = Claims {
        generation: 2,
        ..claims(&machine.clock, 300)
    };
    assert_eq!(machine.says(REFRESH), ["token.refreshed"]);
    assert!(matches!(
        machine.intents(REFRESH)[..],
        [Intent::Presented(2)]
    ));
    assert_eq!(machine.after(60), ["(ping)"], "the old expiry is no more");
    assert_eq!(machine.has(6, &["staff"]).unwrap().len(), 1);
}

#[test]
fn what_is_asked_of_the_service_when_a_token_is_accepted() {
    let asks = |generation, lives_s, session_lives_s: Option<i64>| {
        let clock = ManualClock::default();
        let session_exp = session_lives_s.map(|it| clock.now().as_seconds() + it);
        let claims = Claims {
            generation,
            session_exp,
            ..claims(&clock, lives_s)
        };
        let start = clock.now();
        let mut machine = Machine::arriving_with(clock, claims);
        let outputs = machine.shown(5, &[]).unwrap();
        let due = machine.state.due().wall.map(|it| it.since(start).as_secs());
        (intents(outputs), due)
    };
    // The first of a session, and that of a session without any, spend none; and of a session nothing is to be told
    // before its last five minutes, nor before the last ones of a token that does not say when those are.
    assert_eq!(asks(0, 3600, None), (vec![], Some(3300)));
    assert_eq!(asks(1, 3600, Some(4000)), (vec![], Some(3540)));
    assert_eq!(asks(1, 300, Some(86_400)), (vec![], Some(240)));
    let looks = vec![Intent::LookAhead];
    assert_eq!(asks(1, 300, None), (looks.clone(), Some(60)));
    assert_eq!(asks(1, 300, Some(300)), (looks, Some(60)));
    let presented = vec![Intent::Presented(2)];
    assert_eq!(asks(2, 3600, Some(86_400)), (presented, Some(60)));
}

#[test]
fn a_bad_token_leaves_the_expiry_as_it_was() {
    for (verdict, lives_s, token, heard) in [
        (Verdict::Good, 300, "bad", "error token_invalid"),
        (Verdict::Good, 300, "expired", "error token_expired"),
        (Verdict::Good, 200, "good", "error validation_failed"),
        (
            Verdict::Ended(Seq(9), Reason::SignedOut),
            400,
            "good",
            "error session_ended",
        ),
        (Verdict::Stale(Seq(9)), 400, "good", "token.refreshed"),
    ] {
        let mut machine = Machine::live();
        machine.tokens = Known(claims(&machine.clock, lives_s), verdict);
        let said = format!(r#"{{"type":"token.refresh","token":"{token}"}}"#);
        assert_eq!(machine.says(&said), [heard]);
        let expired = machine.after(300) == ["4001 token_expired"];
        assert_eq!(expired, heard != "token.refreshed", "{heard}");
    }
}

#[test]
fn a_token_of_another_session_closes() {
    let mut machine = Machine::live();
    machine.tokens.0.sid = session(2);
    assert_eq!(machine.says(REFRESH), ["4500 token_invalid"]);
}

#[test]
fn a_silent_client_is_pinged_and_then_closed() {
    let mut machine = Machine::live();
    assert_eq!(machine.after(59), [""; 0]);
    assert_eq!(machine.after(1), ["(ping)"]);
    let mut outputs = Vec::new();
    machine
        .state
        .on_control(machine.clock.uptime(), &mut outputs);
    assert!(outputs.is_empty());
    assert_eq!(machine.after(60), ["(ping)"]);
    assert_eq!(machine.after(59), [""; 0]);
    assert_eq!(machine.after(1), ["4004 heartbeat_missed"]);
}

#[test]
fn a_machine_that_slept_asks_first() {
    let mut machine = Machine::live();
    assert_eq!(machine.after(200), ["(ping)"]);
    assert_eq!(machine.after(60), ["4004 heartbeat_missed"]);
}

#[test]
fn it_looks_at_the_time_when_something_is_due() {
    let mut machine = Machine::arriving();
    let start = (machine.clock.now(), machine.clock.uptime());
    let due = |machine: &Machine| {
        let due = machine.state.due();
        let wall = due
            .wall
            .map_or(0, |it: Timestamp| it.since(start.0).as_secs());
        (wall, due.uptime.saturating_sub(start.1).as_secs())
    };
    assert_eq!(due(&machine), (300, 10));
    machine.has(5, &[]);
    assert_eq!(due(&machine), (60, 60), "nobody has said yet how long");
    machine.state.on_outlook(None, start.0, &mut Vec::new());
    assert_eq!(due(&machine), (240, 60));
    machine.after(60);
    assert_eq!(due(&machine), (240, 120));
    machine.says(r#"{"type":"ping"}"#);
    machine.after(180);
    assert_eq!(due(&machine).0, 300, "once warned, the expiry itself");
}

#[test]
fn an_arrival_waits_for_a_state_that_covers_its_token_but_not_for_ever() {
    let mut machine = Machine::arriving();
    assert_eq!(machine.has(4, &["old"]), None);
    assert_eq!(machine.after(9), [""; 0]);
    assert_eq!(machine.after(1), ["4005 cannot_decide"]);
}

#[test]
fn what_is_owed_is_the_difference_from_what_was_told() {
    let mut machine = Machine::arriving();
    let heard = machine.has(5, &["a"]).unwrap();
    assert_eq!(heard, ["welcome", "changed 5 +[a] -[] +[] -[]"]);
    assert_eq!(machine.has(6, &["a"]).unwrap(), [""; 0]);
    let heard = machine.has(7, &["b"]).unwrap();
    assert_eq!(heard, ["changed 7 +[b] -[a] +[] -[]"]);
    assert_eq!(machine.has(6, &["a"]).unwrap(), [""; 0], "an older state");
}

#[tokio::test(start_paused = true)]
async fn the_shared_timer_reaches_every_connection() {
    let world = World::new([]).await;
    let mut visitor = world.node.admit(None).unwrap();
    let (mut client, _) = world.connect(world.claims(1)).await;
    world.clock.advance(Duration::from_millis(10_500));
    let heard = hear(visitor.next().await);
    assert_eq!(heard, ["4006 not_authenticated_in_time"]);
    world.clock.advance(Duration::from_mins(5));
    assert_eq!(client.hears().await, ["4001 token_expired"]);
}
