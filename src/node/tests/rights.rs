//! Rights, ends, notices and receipts, from the log to the connections that they concern.

use std::time::Duration;

use sessionwire_guard::Claims;

use super::support::{grants, joins, leaves, session, user};
use super::world::World;
use crate::domain::Reason;
use crate::domain::access::InitiatingEntity;
use crate::domain::clock::Clock;
use crate::domain::device::{Device, DeviceLabel, Platform};
use crate::domain::event::{Audience, Event, SessionEnded, TakeoverRequested};
use crate::domain::id::{DeviceId, GroupId, Seq, TakeoverRequestId};
use crate::domain::message::{NoticeContent, NoticeLevel, ServerMessage};
use crate::domain::policy::Lifetimes;
use crate::domain::session::{Session, SessionEnd};

fn ended(number: u128, reason: Reason) -> Event {
    Event::SessionEnded(SessionEnded {
        session_id: session(number),
        user_id: user(number),
        device_id: DeviceId(uuid::Uuid::nil()),
        reason,
        replaced_by: None,
    })
}

fn says(to: Audience) -> Event {
    let notice = NoticeContent {
        level: NoticeLevel::Info,
        title: "title".into(),
        body: "body".into(),
        data: None,
    };
    Event::NoticeSent { to, notice }
}

fn nobody() -> Vec<String> {
    Vec::new()
}

#[tokio::test(start_paused = true)]
async fn a_change_reaches_every_connection_of_its_user_and_nobody_else() {
    let world = World::new([grants("staff", "reports:read")]).await;
    let (mut one, _) = world.connect(world.claims(1)).await;
    let (mut two, _) = world.connect(world.claims(1)).await;
    let (mut other, _) = world.connect(world.claims(2)).await;
    let seq = world.commit([joins(1, "staff")]);
    let message = "changed 2 +[staff] -[] +[reports:read] -[]";
    assert_eq!(one.hears().await, [message]);
    assert_eq!(two.hears().await, [message]);
    let settled = world.settle(seq).await;
    assert!(settled.everywhere());
    assert_eq!(
        (settled.connections.told, settled.connections.closed),
        (2, 0)
    );
    assert_eq!(other.has_heard(), nobody());
}

#[tokio::test(start_paused = true)]
async fn changes_that_cancel_out_are_not_told() {
    let world = World::new([]).await;
    let (mut client, _) = world.connect(world.claims(1)).await;
    let seq = world.commit([joins(1, "staff"), leaves(1, "staff")]);
    assert_eq!(client.next().await, nobody());
    let settled = world.settle(seq).await;
    assert!(settled.everywhere());
    assert_eq!(settled.connections.told, 0);
}

#[tokio::test(start_paused = true)]
async fn changes_behind_a_slow_client_merge_into_one_message() {
    let world = World::new([]).await;
    let (mut client, _) = world.connect(world.claims(1)).await;
    world.log.hold_standings();
    let first = world.commit([joins(1, "a")]);
    world.log.until_read(1).await;
    let last = world.commit([joins(1, "b")]);
    world.applied(last).await;
    world.log.hold.add_permits(1);
    world.log.until_read(2).await;
    world.log.hold.add_permits(1);
    // Which of the two reads gets through first is all the same: both deliveries are answered.
    while client.0.is_live()
        && world
            .node
            .inner
            .deliveries
            .settle(last, Duration::ZERO)
            .await
            .told
            == 0
    {
        client.next().await;
    }
    assert_eq!(world.settle(first).await.connections.told, 1);
    assert_eq!(world.settle(last).await.connections.told, 1);
}

#[tokio::test(start_paused = true)]
async fn a_stale_token_opens_a_socket_that_hears_the_difference_at_once() {
    let world = World::new([joins(1, "old")]).await;
    let claims = world.claims_with(1, &["old"], &[]);
    let seq = world.commit([leaves(1, "old"), joins(1, "new")]);
    world.applied(seq).await;
    let (_client, heard) = world.connect(claims).await;
    assert_eq!(heard, ["changed 3 +[new] -[old] +[] -[]"]);
}

#[tokio::test(start_paused = true)]
async fn a_token_that_holds_says_what_its_user_may_do() {
    let world = World::new([joins(1, "staff"), grants("staff", "a")]).await;
    let claims = world.claims(1);
    // What concerns others leaves it as good as it was.
    let seq = world.commit([joins(2, "staff"), grants("guests", "b")]);
    world.applied(seq).await;
    let (mut client, heard) = world.connect(claims).await;
    assert_eq!(heard, nobody());
    assert_eq!(*world.log.standing_reads.borrow(), 0);
    world.commit([grants("staff", "c")]);
    assert_eq!(client.hears().await, ["changed 5 +[] -[] +[c] -[]"]);
}

#[tokio::test(start_paused = true)]
async fn a_token_that_is_out_of_date_does_not() {
    let world = World::new([]).await;
    let claims = world.stale_claims(1, "staff").await;
    let (_client, heard) = world.connect(claims.clone()).await;
    assert_eq!(heard, ["changed 1 +[staff] -[] +[] -[]"]);
    assert_eq!(*world.log.standing_reads.borrow(), 1);
    let (_second, heard) = world.connect(claims).await;
    assert_eq!(heard, ["changed 1 +[staff] -[] +[] -[]"]);
    assert_eq!(*world.log.standing_reads.borrow(), 1, "it is known by then");
}

#[tokio::test(start_paused = true)]
async fn what_a_stolen_key_vouched_for_is_read_anew() {
    let world = World::new([]).await;
    let (mut honest, _) = world.connect(world.claims(1)).await;
    let as_of = world.commit([joins(2, "staff")]);
    world.applied(as_of).await;
    let forged = Claims {
        kid: Some("stolen".into()),
        as_of,
        sid: session(7),
        ..world.claims_with(1, &["admins"], &["everything"])
    };
    let (mut thief, _) = world.connect(forged).await;
    let kid = "stolen".to_owned();
    world.commit([Event::SigningKeyRetired { kid }]);
    assert_eq!(thief.hears().await, ["4500 token_invalid"]);
    let lie = "changed 1 +[admins] -[] +[everything] -[]";
    let truth = "changed 2 +[] -[admins] +[] -[everything]";
    let mut told = honest.hears().await;
    while told.last().is_none_or(|it| it != truth) {
        told.extend(honest.hears().await);
    }
    assert_eq!(told, [lie, truth]);
}

#[tokio::test(start_paused = true)]
async fn an_event_that_is_applied_while_rights_are_read_is_in_the_welcome() {
    let world = World::new([]).await;
    let claims = world.stale_claims(1, "first").await;
    world.log.hold_standings();
    let mut client = world.open(claims).await.unwrap();
    // The read has looked before the change and answers after it.
    world.log.until_read(1).await;
    let seq = world.commit([joins(1, "staff")]);
    world.applied(seq).await;
    world.log.hold.add_permits(1);
    world.log.until_read(2).await;
    assert_eq!(client.has_heard(), nobody(), "the old state is not shown");
    assert!(!client.0.is_live());
    world.log.hold.add_permits(1);
    let heard = client.hears().await;
    assert_eq!(heard, ["welcome", "changed 2 +[first, staff] -[] +[] -[]"]);
}

#[tokio::test(start_paused = true)]
async fn a_group_that_might_be_the_users_counts_while_rights_are_read() {
    let world = World::new([]).await;
    let claims = world.stale_claims(1, "staff").await;
    world.log.hold_standings();
    let mut client = world.open(claims).await.unwrap();
    world.log.until_read(1).await;
    let seq = world.commit([grants("staff", "reports:read")]);
    world.applied(seq).await;
    world.log.hold.add_permits(2);
    let heard = client.hears().await;
    assert_eq!(
        heard,
        ["welcome", "changed 2 +[staff] -[] +[reports:read] -[]"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_group_that_a_user_just_came_into_counts_before_the_rights_are_read() {
    let world = World::new([]).await;
    let (mut client, _) = world.connect(world.claims(1)).await;
    world.log.hold_standings();
    world.commit([joins(1, "staff")]);
    // This read sees the membership, and nothing of what comes next; the hub knows neither yet.
    world.log.until_read(1).await;
    let seq = world.commit([grants("staff", "reports:read")]);
    world.applied(seq).await;
    world.log.hold.add_permits(2);
    let mut heard = client.hears().await;
    if !heard[0].contains("reports:read") {
        heard = client.hears().await;
    }
    assert!(heard[0].contains("reports:read"), "{heard:?}");
}

#[tokio::test(start_paused = true)]
async fn a_token_that_is_ahead_of_the_node_waits_for_it() {
    let world = World::new([]).await;
    let batch = world.log.commit([joins(1, "staff")]);
    let mut claims = world.claims_with(1, &["staff"], &[]);
    claims.as_of = batch.last_seq();
    let mut client = world.open(claims).await.unwrap();
    let heard = client.hears().await;
    assert_eq!(heard, ["welcome"], "it never hears the state before");
    assert_eq!(world.node.head(), batch.last_seq());
}

#[tokio::test(start_paused = true)]
async fn a_groups_change_reaches_its_members_only() {
    let world = World::new([joins(1, "staff"), joins(2, "guests")]).await;
    let (mut member, _) = world.connect(world.claims_with(1, &["staff"], &[])).await;
    let (mut guest, _) = world.connect(world.claims_with(2, &["guests"], &[])).await;
    let seq = world.commit([grants("staff", "reports:read")]);
    assert_eq!(
        member.hears().await,
        ["changed 3 +[] -[] +[reports:read] -[]"]
    );
    assert_eq!(world.settle(seq).await.connections.told, 1);
    assert_eq!(guest.has_heard(), nobody());
}

#[tokio::test(start_paused = true)]
async fn an_end_overtakes_what_waits_and_counts_once() {
    let world = World::new([]).await;
    let (mut client, _) = world.connect(world.claims(1)).await;
    let deleted = Event::UserDeleted {
        user_id: user(1),
        username: "maryo".into(),
    };
    let events = [joins(1, "staff"), ended(1, Reason::UserDeleted), deleted];
    let seq = world.commit(events);
    assert_eq!(
        client.hears().await,
        ["revoked user_deleted", "4503 user_deleted"]
    );
    let reached = world.settle(seq).await.connections;
    assert_eq!((reached.told, reached.closed), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn an_end_reaches_a_connection_that_is_not_welcomed_yet() {
    let world = World::new([]).await;
    let claims = world.stale_claims(1, "staff").await;
    world.log.hold_standings();
    let mut client = world.open(claims).await.unwrap();
    world.commit([ended(1, Reason::RevokedByAdmin)]);
    assert_eq!(
        client.hears().await,
        ["revoked revoked_by_admin", "4501 revoked_by_admin"]
    );
}

#[tokio::test(start_paused = true)]
async fn an_ended_session_is_answered_as_if_it_ended_now() {
    let world = World::new([]).await;
    let claims = world.claims(1);
    let seq = world.commit([ended(1, Reason::Superseded)]);
    world.applied(seq).await;
    let mut kept = kept_session(&world, seq);
    for replaced_by in [None, Some("Maryo's iPad")] {
        let refused = world.open(claims.clone()).await.err().unwrap();
        assert_eq!(refused.close.code.number(), 4502);
        let Some(ServerMessage::SessionRevoked(told)) = refused.last_words.as_deref() else {
            panic!("the client is told why")
        };
        assert_eq!((told.id, told.reason), (seq, Reason::Superseded));
        let name = told.replaced_by.as_ref().map(|it| it.device_name.as_str());
        assert_eq!(name, replaced_by);
        kept.id = session(1);
        world.log.keep_session(kept.clone());
    }
    assert_eq!(world.node.connections_of_session(session(1), user(1)), 0);
}

fn kept_session(world: &World, seq: Seq) -> Session {
    let now = world.clock.now();
    Session {
        id: session(1),
        user_id: user(1),
        device: Device {
            id: DeviceId(uuid::Uuid::nil()),
            name: "Phone".into(),
            platform: Platform::Android,
        },
        fence: Seq(0),
        created_at: now,
        signed_in_at: now,
        last_active_at: now,
        expires_at: now,
        remembered: false,
        lifetimes: Lifetimes {
            sign_in_max_age_s: None,
            idle_timeout_s: None,
            max_age_s: None,
        },
        address: None,
        user_agent: None,
        jkt: None,
        end: Some(SessionEnd {
            seq,
            at: now,
            reason: Reason::Superseded,
            initiating_entity: InitiatingEntity::Policy,
            replaced_by: Some(DeviceLabel {
                device_name: "Maryo's iPad".into(),
                platform: Platform::Ios,
            }),
        }),
    }
}

#[tokio::test(start_paused = true)]
async fn notices_go_to_open_connections_of_their_audience() {
    let world = World::new([joins(1, "staff")]).await;
    let (mut member, _) = world.connect(world.claims_with(1, &["staff"], &[])).await;
    let (mut other, _) = world.connect(world.claims(2)).await;
    let staff = Audience::Group {
        group_id: GroupId(uuid::Uuid::nil()),
        name: "staff".into(),
    };
    let seq = world.commit([says(staff)]);
    assert_eq!(member.hears().await, ["notice"]);
    assert_eq!(world.settle(seq).await.connections.told, 1);
    world.commit([says(Audience::User(user(2)))]);
    assert_eq!(other.hears().await, ["notice"]);
    assert_eq!(member.has_heard(), nobody());
}

#[tokio::test(start_paused = true)]
async fn a_client_that_lets_too_much_wait_is_too_slow() {
    let world = World::new([]).await;
    let (mut client, _) = world.connect(world.claims(1)).await;
    let notices = (0..17).map(|_| says(Audience::User(user(1))));
    let seq = world.commit(notices);
    world.applied(seq).await;
    assert_eq!(client.next().await, ["4002 too_slow"]);
}

#[tokio::test(start_paused = true)]
async fn a_takeover_question_goes_to_the_sessions_in_the_way() {
    let world = World::new([]).await;
    let (mut asked, _) = world.connect(world.claims(1)).await;
    let mut second = world.claims(1);
    second.sid = session(7);
    let (mut spared, _) = world.connect(second).await;
    let request = Event::TakeoverRequested(TakeoverRequested {
        request_id: TakeoverRequestId(uuid::Uuid::nil()),
        user_id: user(1),
        sessions: vec![session(1)],
        device: DeviceLabel {
            device_name: "Phone".into(),
            platform: Platform::Android,
        },
        expires_at: world.clock.now(),
    });
    world.commit([request]);
    assert_eq!(asked.hears().await, ["session.takeover_requested"]);
    assert_eq!(spared.has_heard(), nobody());
}

#[tokio::test(start_paused = true)]
async fn a_failing_read_of_rights_is_tried_again() {
    use std::sync::atomic::Ordering;
    let world = World::new([]).await;
    let (mut client, _) = world.connect(world.claims(1)).await;
    let batch = world.log.commit([joins(1, "staff")]);
    world.log.broken.store(true, Ordering::Relaxed);
    crate::bus::Bus::publish(world.bus.as_ref(), batch);
    world.log.until_read(2).await;
    world.log.broken.store(false, Ordering::Relaxed);
    assert_eq!(client.hears().await, ["changed 1 +[staff] -[] +[] -[]"]);
}
