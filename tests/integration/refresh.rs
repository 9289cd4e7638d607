//! Refresh tokens: rotation, grace, lost answers, reuse.

use std::time::Duration;

use crate::support::{Server, SignedIn, copy_of};

async fn signed_in() -> (Server, SignedIn) {
    let server = Server::start().await;
    server.user("anna", &[]).await;
    let who = server.sign_in("anna", "laptop").await;
    (server, who)
}

#[tokio::test]
async fn the_predecessor_gets_the_current_one_and_never_a_second_branch() {
    let (server, who) = signed_in().await;
    let first = SignedIn::read(&server.refresh(&who.refresh_token).await.body);
    assert_ne!(first.refresh_token, who.refresh_token);
    let second = SignedIn::read(&server.refresh(&who.refresh_token).await.body);
    assert_eq!(second.refresh_token, first.refresh_token);
    assert_eq!(server.get("/v1/me", &second.access_token).await.status, 200);
}

#[tokio::test]
async fn a_lost_answer_can_be_fetched_for_a_day_while_nothing_of_it_was_used() {
    let (server, who) = signed_in().await;
    let lost = SignedIn::read(&server.refresh(&who.refresh_token).await.body);
    server.advance(Duration::from_hours(1)).await;
    let fetched = server.refresh(&who.refresh_token).await;
    assert_eq!(fetched.status, 200, "{}", fetched.body);
    let fetched = SignedIn::read(&fetched.body);
    assert_eq!(fetched.refresh_token, lost.refresh_token);
    // Now an access token of it comes back, so the answer arrived: the old one is a copy.
    assert_eq!(
        server.get("/v1/me", &fetched.access_token).await.status,
        200
    );
    let reuse = server.refresh(&who.refresh_token).await;
    assert_eq!((reuse.status, reuse.code()), (401, "refresh_token_reused"));
    let me = server.get("/v1/me", &fetched.access_token).await;
    assert_eq!(me.body["reason"], "refresh_token_reused");
    assert_eq!(
        server.refresh(&lost.refresh_token).await.code(),
        "refresh_token_reused"
    );
}

#[tokio::test]
async fn an_older_one_ends_the_session() {
    let (server, who) = signed_in().await;
    let mut socket = server.welcomed(&who).await;
    let second = SignedIn::read(&server.refresh(&who.refresh_token).await.body);
    let third = SignedIn::read(&server.refresh(&second.refresh_token).await.body);
    let reuse = server.refresh(&who.refresh_token).await;
    assert_eq!((reuse.status, reuse.code()), (401, "refresh_token_reused"));
    assert_eq!(
        socket.expect("session.revoked").await["reason"],
        "refresh_token_reused"
    );
    assert_eq!(
        server.get("/v1/me", &third.access_token).await.code(),
        "session_ended"
    );
}

#[tokio::test]
async fn forged_and_foreign_ones_are_refused_and_end_nothing() {
    let (server, who) = signed_in().await;
    let mut forged = who.refresh_token.clone();
    let last = forged.pop().unwrap();
    forged.push(if last == 'A' { 'B' } else { 'A' });
    for token in [&forged, "", "swr_", &who.access_token, &"x".repeat(100_000)] {
        let refused = server.refresh(token).await;
        assert!([400, 401].contains(&refused.status), "{}", refused.body);
        assert_ne!(refused.code(), "refresh_token_reused");
    }
    assert_eq!(server.refresh(&who.refresh_token).await.status, 200);
    // Only refresh takes it.
    assert_eq!(
        server.get("/v1/me", &who.refresh_token).await.code(),
        "token_invalid"
    );
}

#[tokio::test]
async fn tabs_that_refresh_at_once_share_one_token() {
    let (server, who) = signed_in().await;
    let answers =
        futures::future::join_all((0..20).map(|_| server.refresh(&who.refresh_token))).await;
    let tokens: std::collections::BTreeSet<String> = answers
        .iter()
        .map(|answer| {
            assert_eq!(answer.status, 200, "{}", answer.body);
            SignedIn::read(&answer.body).refresh_token
        })
        .collect();
    assert_eq!(tokens.len(), 1);
}

#[tokio::test]
async fn nothing_in_the_database_is_a_token() {
    let (server, who) = signed_in().await;
    let refreshed = SignedIn::read(&server.refresh(&who.refresh_token).await.body);
    let mut bytes = Vec::new();
    for entry in std::fs::read_dir(server.directory.path()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "key") {
            bytes.extend(std::fs::read(path).unwrap());
        }
    }
    bytes.extend(copy_of(server.directory.path()));
    let secrets = [
        &who.refresh_token,
        &refreshed.refresh_token,
        &refreshed.access_token,
        &server.key,
    ];
    for secret in secrets {
        let needle = secret.as_bytes();
        assert!(!bytes.windows(needle.len()).any(|window| window == needle));
    }
    assert!(
        !bytes
            .windows(21)
            .any(|window| window == b"correct horse battery")
    );
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &std::fs::metadata(server.directory.path().join("sessionwire.key"))
            .unwrap()
            .permissions(),
    );
    assert_eq!(mode & 0o777, 0o600);
}
