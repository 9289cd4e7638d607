//! Bad tokens of other issuers at the doors besides `/v1/sign-in/token`, and what an administrator sees of
//! issuers.

use std::time::Duration;

use serde_json::json;

use crate::issuer_keys::{forgeries, misfits};
use crate::support::{Answer, IssuerKey, Program, Provider, Server, Way, free_port};

async fn form(server: &Server, path: &str, parameters: &[(&str, &str)]) -> Answer {
    let url = reqwest::Url::parse_with_params("http://form", parameters).unwrap();
    let request = server.http.post(format!("{}{path}", server.url));
    let content_type = "application/x-www-form-urlencoded";
    let request = request.header("content-type", content_type);
    let body = url.query().unwrap_or_default().to_owned();
    let request = request.bearer_auth(&server.key).body(body);
    Answer::read(request.send().await.unwrap()).await
}

#[tokio::test]
async fn bad_tokens_are_refused_at_every_door() {
    let evil = Provider::start(IssuerKey::rsa("k1")).await;
    for way in ["exchange", "attach"] {
        let provider = Provider::start(IssuerKey::rsa("k1")).await;
        let setting = provider.setting(&format!(", use = '{way}'"));
        let server = Server::start_with(&[("ISSUERS", &setting)]).await;
        let claims = provider.claims(&server, "1", "s1");
        let bad = forgeries(&provider, &evil, &claims);
        let bad: Vec<_> = bad
            .into_iter()
            .chain(misfits(&provider.key, &claims))
            .collect();
        let head = server.head().await;
        for (what, token) in &bad {
            let asked = form(&server, "/oauth/introspect", &[("token", token)]).await;
            let told = (asked.status, asked.body);
            assert_eq!(told, (200, json!({ "active": false })), "{way}: {what}");
            let exchange = [
                (
                    "grant_type",
                    "urn:ietf:params:oauth:grant-type:token-exchange",
                ),
                ("subject_token_type", "urn:ietf:params:oauth:token-type:jwt"),
                ("subject_token", token),
            ];
            let refused = form(&server, "/oauth/token", &exchange).await;
            assert_eq!(refused.status, 400, "{way}: {what}");
            assert_eq!(refused.body["error"], "invalid_request", "{way}: {what}");
            assert_eq!(refused.code(), "token_invalid", "{way}: {what}");
            // What is longer than a header may be gets no further than that.
            if !token.is_empty() && token.len() < 8_000 {
                let me = server.get("/v1/me", token).await;
                assert_eq!(me.code(), "token_invalid", "{way}: {what}");
            }
        }
        assert_eq!(server.head().await, head, "{way}: nobody came in");
        assert_eq!(evil.asked(), 0, "{way}");
    }
}

#[tokio::test]
async fn metrics_say_how_an_issuers_keys_are() {
    let provider = Provider::start(IssuerKey::ec("k1")).await;
    let directory = tempfile::tempdir().unwrap();
    let metrics = format!("127.0.0.1:{}", free_port());
    let setting = provider.setting(", refresh_s = 10");
    let settings = [("ISSUERS", setting.as_str()), ("METRICS_LISTEN", &metrics)];
    let _program = Program::serve_with(directory.path(), 0, &settings);
    let until = async |wanted: &str| {
        let seen = async {
            loop {
                let text = reqwest::get(format!("http://{metrics}/metrics")).await;
                let text = text.unwrap().text().await.unwrap();
                if text.contains(wanted) {
                    return text;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let seen = tokio::time::timeout(Duration::from_mins(1), seen).await;
        seen.unwrap_or_else(|_| panic!("{wanted}"))
    };
    until("sessionwire_issuer_keys{issuer=\"shop\"} 1").await;
    provider.gives(Way::Status(500));
    let failure = "sessionwire_issuer_fetches_total{issuer=\"shop\",outcome=\"failure\"}";
    let text = until(failure).await;
    let success = "sessionwire_issuer_fetches_total{issuer=\"shop\",outcome=\"success\"}";
    assert!(text.contains(success), "{text}");
    assert!(text.contains("sessionwire_issuer_keys{issuer=\"shop\"} 1"));
    assert!(text.contains("sessionwire_issuer_fetched_timestamp_seconds{issuer=\"shop\"}"));
}
