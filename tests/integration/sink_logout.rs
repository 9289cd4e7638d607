//! The sink that tells clients when sessions are over, to a second server that takes the first for an identity
//! provider.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Server, SignedIn, free_port};

/// A server that tells a client at this port.
async fn provider(port: u16, audience: &str, more: &[(&str, &str)]) -> Server {
    let sink = format!(
        "[{{ kind = 'logout', name = 'app', url = 'http://127.0.0.1:{port}/v1/back-channel-logout/first', \
         audience = '{audience}', addresses = 'any', retry_max_s = 1 }}]"
    );
    let mut settings = vec![("SINKS", sink.as_str())];
    settings.extend(more);
    Server::start_with(&settings).await
}

/// The client: a server in which people are who the first one says.
async fn client(port: u16, issuer: &str) -> Server {
    let issuers = format!(
        "[{{ name = 'first', issuer = '{issuer}', jwks_url = '{issuer}/.well-known/jwks.json', \
         audiences = ['sessionwire'], logout_audiences = ['client'], strangers = 'create', addresses = 'any' }}]"
    );
    let listen = format!("127.0.0.1:{port}");
    Server::start_with(&[("ISSUERS", &issuers), ("LISTEN", &listen)]).await
}

async fn until_written(server: &Server) -> Value {
    loop {
        let report = server.get("/v1/sinks", &server.key).await.body["items"][0].clone();
        if report["state"] == "running" && report["seq"] == server.head().await {
            return report;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn whose_session_is_over_is_signed_out_at_the_client() {
    let port = free_port();
    let first = provider(port, "client", &[]).await;
    let second = client(port, &first.url).await;
    first.user("anna", &[]).await;
    let there = first.sign_in("anna", "laptop").await;
    let spared = first.sign_in("anna", "phone").await;
    let here = second.exchange(&there.access_token, "laptop").await;
    let here = SignedIn::read(&here.body);
    let other = second.exchange(&spared.access_token, "phone").await;
    let other = SignedIn::read(&other.body);
    let mut socket = second.socket(&here.access_token).await;
    socket.expect("welcome").await;

    let path = format!("/v1/sessions/{}", there.session_id);
    assert_eq!(first.delete(&path, &first.key).await.status, 200);
    let told = socket.expect("session.revoked").await;
    assert_eq!(told["reason"], "identity_provider_logout");
    socket.expect_close(4501).await;
    until_written(&first).await;
    assert_eq!(second.get("/v1/me", &other.access_token).await.status, 200);
}

#[tokio::test]
async fn a_client_that_was_away_is_told_after_it_also_by_a_server_that_restarted() {
    let port = free_port();
    let directory = tempfile::tempdir().unwrap();
    let address = format!("127.0.0.1:{}", free_port());
    let data = [
        ("DATA_DIR", directory.path().to_str().unwrap()),
        ("LISTEN", &address),
    ];
    let mut first = provider(port, "client", &data).await;
    first.user("anna", &[]).await;
    let there = first.sign_in("anna", "laptop").await;
    let path = format!("/v1/sessions/{}", there.session_id);
    assert_eq!(first.delete(&path, &first.key).await.status, 200);
    first.ask_to_stop();
    first.stopped().await;

    let first = provider(port, "client", &data).await;
    let second = client(port, &first.url).await;
    until_written(&first).await;
    let refused = second.exchange(&there.access_token, "laptop").await;
    assert_eq!((refused.status, refused.code()), (401, "session_ended"));
    assert_eq!(refused.body["reason"], "identity_provider_logout");
}

#[tokio::test]
async fn a_client_that_refuses_a_token_gets_the_next_one() {
    let port = free_port();
    let first = provider(port, "somebody else", &[]).await;
    let second = client(port, &first.url).await;
    first.user("anna", &[]).await;
    let there = first.sign_in("anna", "laptop").await;
    let here = second.exchange(&there.access_token, "laptop").await;
    let here = SignedIn::read(&here.body);
    let path = format!("/v1/sessions/{}", there.session_id);
    assert_eq!(first.delete(&path, &first.key).await.status, 200);
    let report = until_written(&first).await;
    assert_eq!(report["lag_events"], json!(0));
    assert_eq!(second.get("/v1/me", &here.access_token).await.status, 200);
}
