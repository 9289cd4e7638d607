//! The log is forgotten from its beginning on, once it is old and everybody has read it; nobody trips over that.

use std::time::Duration;

use crate::support::{Reader, Server};

const DAY: Duration = Duration::from_hours(24);

/// The first position that the log holds.
async fn first(server: &Server) -> u64 {
    let log = server.get("/v1/events?limit=1", &server.key).await;
    log.body["items"][0]["seq"].as_u64().unwrap_or(u64::MAX)
}

#[tokio::test]
async fn what_is_older_than_it_is_to_be_kept_goes_and_nothing_else() {
    let server = Server::start().await;
    server.user("anna", &[]).await;
    let old = server.head().await;
    server.advance(DAY * 2).await;
    server.user("ben", &[]).await;
    let kept = server.core.forget_events(DAY * 3, &[]).await.unwrap();
    assert!(!kept);
    assert_eq!(first(&server).await, 1);
    server.core.forget_events(DAY, &[]).await.unwrap();
    assert_eq!(first(&server).await, old + 1);
    // A reader that was away sees by the positions that it has missed some.
    let log = server.get("/v1/events?after=1", &server.key).await;
    assert_eq!(log.body["items"][0]["type"], "user.created", "{}", log.body);

    // A node that begins when all of it is forgotten knows where it stands.
    server.advance(DAY * 2).await;
    server.core.forget_events(DAY, &[]).await.unwrap();
    let head = server.head().await;
    let next = server.join(&[]).await;
    assert_eq!(next.node.head().0, head);
    next.user("carla", &[]).await;
    assert_eq!(first(&next).await, head + 1);
}

#[tokio::test]
async fn a_sink_that_has_yet_to_write_keeps_it() {
    let server = Server::start().await;
    server.advance(DAY * 2).await;
    let behind = ["behind".to_owned()];
    server.core.forget_events(DAY, &behind).await.unwrap();
    assert_eq!(first(&server).await, 1);
    server.core.forget_events(DAY, &[]).await.unwrap();
    assert_eq!(first(&server).await, u64::MAX);
}

#[tokio::test]
async fn a_guard_that_comes_back_for_what_is_forgotten_begins_anew() {
    let server = Server::start().await;
    for name in ["anna", "ben", "carla"] {
        server.user(name, &[]).await;
    }
    server.advance(DAY * 2).await;
    server.core.forget_events(DAY, &[]).await.unwrap();
    server.user("dora", &[]).await;
    // The node itself may remember more than the log does, so another one is asked.
    let next = server.join(&[]).await;
    let mut feed = Reader::open(&next, "/v1/feed", &next.key, Some(1)).await;
    assert_eq!(feed.next().await.unwrap().event, "hello");
    assert_eq!(feed.next().await.unwrap().event, "reset");
    assert_eq!(feed.next().await.unwrap().event, "snapshot");
}
