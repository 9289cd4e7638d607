//! Tokens that are bound to a key (DPoP, RFC 9449): whoever has the token alone can't use it anywhere.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, Holder, IssuerKey, Reader, Server, SignedIn, refusal};

pub(crate) const ME: &str = "/v1/me";
const REFRESH: &str = "/v1/token/refresh";

pub(crate) async fn server() -> Server {
    let server = Server::start().await;
    server.user("anna", &[]).await;
    server
}

fn claims(token: &str) -> Value {
    let body = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&BASE64.decode(body).unwrap()).unwrap()
}

pub(crate) fn told(answer: &Answer) -> (u16, &str) {
    (answer.status, answer.code())
}

pub(crate) const REFUSED: (u16, &str) = (401, "invalid_dpop_proof");

#[tokio::test]
async fn a_sign_in_with_a_proof_binds_the_session_to_its_key() {
    let server = server().await;
    for key in [IssuerKey::ec("e"), IssuerKey::ed("d"), IssuerKey::rsa("r")] {
        let anna = Holder::with(&server, key);
        let who = anna.sign_in("anna", "laptop").await;
        let token = &who.access_token;
        let bound = claims(token)["cnf"]["jkt"].clone();
        assert_eq!(bound.as_str().unwrap().len(), 43);
        let first = anna.proof("GET", ME, Some(token));
        assert_eq!(anna.me(token, &first).await.status, 200);
        // Once.
        let again = anna.me(token, &first).await;
        assert_eq!(told(&again), REFUSED, "{}", again.body);
        let challenge = again.headers["www-authenticate"].to_str().unwrap();
        assert!(challenge.starts_with("DPoP "), "{challenge}");
        assert!(challenge.contains(r#"error="invalid_dpop_proof""#));

        let proof = anna.proof("POST", REFRESH, None);
        let fresh = anna.refresh(&who.refresh_token, Some(&proof)).await;
        assert_eq!(
            (fresh.status, &fresh.body["token_type"]),
            (200, &json!("DPoP"))
        );
        let fresh = SignedIn::read(&fresh.body);
        assert_eq!(claims(&fresh.access_token)["cnf"]["jkt"], bound);
        let replayed = anna.refresh(&fresh.refresh_token, Some(&proof)).await;
        assert_eq!(told(&replayed), REFUSED);
        let token = &fresh.access_token;
        let proof = anna.proof("GET", ME, Some(token));
        assert_eq!(anna.me(token, &proof).await.status, 200);
    }
}

#[tokio::test]
async fn a_stolen_token_opens_nothing() {
    let server = server().await;
    let anna = Holder::new(&server);
    let who = anna.sign_in("anna", "laptop").await;
    let token = &who.access_token;
    assert_eq!(told(&server.get(ME, token).await), REFUSED);
    assert_eq!(told(&server.get("/v1/verify", token).await), REFUSED);
    assert_eq!(
        told(&server.post("/v1/sign-out", token, json!({})).await),
        REFUSED
    );
    let ticket = server.post("/v1/socket-tickets", token, json!({})).await;
    assert_eq!(told(&ticket), REFUSED);
    let key = format!("Bearer {}", server.key);
    let asked = [("authorization", key.as_str()), ("x-access-token", token)];
    let verified = anna.ask(Method::GET, "/v1/verify", &asked, None).await;
    assert_eq!(told(&verified), REFUSED);
    assert_eq!(
        Reader::ask(&server, "/v1/stream", token, None)
            .await
            .status(),
        401
    );

    let reason = server.socket(token).await.expect_close(4500).await;
    assert_eq!(reason, "invalid_dpop_proof");
    let mut socket = server.socket_with("/v1/socket", &[]).await;
    socket.say(json!({ "type": "auth", "token": token })).await;
    assert_eq!(socket.expect_close(4500).await, "invalid_dpop_proof");
    let mut engine = server.engine("", None).await;
    engine.expect_open().await;
    engine
        .say(&format!("40{}", json!({ "token": token })))
        .await;
    assert_eq!(refusal(&engine.hear().await)["code"], 4500);

    // With a key of the thief's own neither, and the session goes on.
    let thief = Holder::new(&server);
    let proof = thief.proof("GET", ME, Some(token));
    assert_eq!(told(&thief.me(token, &proof).await), REFUSED);
    let refreshed = thief.refresh(&who.refresh_token, None).await;
    assert_eq!(told(&refreshed), REFUSED);
    let proof = thief.proof("POST", REFRESH, None);
    let refreshed = thief.refresh(&who.refresh_token, Some(&proof)).await;
    assert_eq!(told(&refreshed), REFUSED);
    let proof = anna.proof("GET", ME, Some(token));
    assert_eq!(anna.me(token, &proof).await.status, 200);
}

#[tokio::test]
async fn a_token_of_nobody_in_particular_is_not_made_better_by_a_proof() {
    let server = server().await;
    let who = server.sign_in("anna", "laptop").await;
    let thief = Holder::new(&server);
    let proof = thief.proof("GET", ME, Some(&who.access_token));
    let answer = thief.me(&who.access_token, &proof).await;
    assert_eq!(told(&answer), (401, "token_invalid"));
    let key = server.key.clone();
    let proof = thief.proof("GET", ME, Some(&key));
    assert_eq!(told(&thief.me(&key, &proof).await), (401, "token_invalid"));
    // A refresh with a proof binds nothing afterwards.
    let proof = thief.proof("POST", REFRESH, None);
    let answer = thief.refresh(&who.refresh_token, Some(&proof)).await;
    assert_eq!(
        (answer.status, &answer.body["token_type"]),
        (200, &json!("Bearer"))
    );
}

#[tokio::test]
async fn sockets_are_opened_with_a_proof() {
    let server = server().await;
    let anna = Holder::new(&server);
    let who = anna.sign_in("anna", "laptop").await;
    let token = &who.access_token;
    let scheme = format!("DPoP {token}");
    let proof = anna.proof("GET", "/v1/socket", Some(token));
    let headers = [("authorization", scheme.as_str()), ("dpop", &proof)];
    let mut socket = server.socket_with("/v1/socket", &headers).await;
    socket.expect("welcome").await;
    let mut again = server.socket_with("/v1/socket", &headers).await;
    assert_eq!(again.expect_close(4500).await, "invalid_dpop_proof");

    let first = |proof: String| json!({ "type": "auth", "token": token, "dpop": proof });
    let mut other = server.socket_with("/v1/socket", &[]).await;
    let mut body = anna.body("GET", "/v1/socket", Some(token));
    body["htu"] = json!(format!("ws://{}/v1/socket", server.address));
    other.say(first(anna.sign(&anna.head(), &body))).await;
    other.expect("welcome").await;
    let mut wrong = server.socket_with("/v1/socket", &[]).await;
    wrong.say(first(anna.proof("GET", ME, Some(token)))).await;
    assert_eq!(wrong.expect_close(4500).await, "invalid_dpop_proof");

    let proof = anna.proof("GET", "/v1/stream", Some(token));
    let headers = [("authorization", scheme.as_str()), ("dpop", &proof)];
    let mut stream = server.http.get(format!("{}/v1/stream", server.url));
    for (name, value) in headers {
        stream = stream.header(name, value);
    }
    let mut stream = Reader::of(stream.send().await.unwrap());
    assert_eq!(stream.next().await.unwrap().event, "welcome");

    let mut engine = server.engine("", None).await;
    engine.expect_open().await;
    let proof = anna.proof("GET", "/socket.io/", Some(token));
    let auth = json!({ "token": token, "dpop": proof });
    engine.say(&format!("40{auth}")).await;
    assert!(engine.hear().await.starts_with(r#"40{"sid":""#));

    // A ticket was asked for with a proof.
    let proof = anna.proof("POST", "/v1/socket-tickets", Some(token));
    let headers = [("authorization", scheme.as_str()), ("dpop", &proof)];
    let path = "/v1/socket-tickets";
    let ticket = anna
        .ask(Method::POST, path, &headers, Some(json!({})))
        .await;
    let ticket = ticket.body["ticket"].as_str().unwrap().to_owned();
    let path = format!("/v1/socket?ticket={ticket}");
    let mut by_ticket = server.socket_with(&path, &[]).await;
    by_ticket.expect("welcome").await;

    // And a newer token of the same session is taken where the key was shown.
    let proof = anna.proof("POST", REFRESH, None);
    let fresh = anna.refresh(&who.refresh_token, Some(&proof)).await;
    let fresh = SignedIn::read(&fresh.body).access_token;
    for socket in [&mut socket, &mut by_ticket] {
        socket
            .say(json!({ "type": "token.refresh", "token": fresh }))
            .await;
        socket.expect("token.refreshed").await;
    }
}

#[tokio::test]
async fn the_key_goes_along_through_a_takeover() {
    let server = server().await;
    server
        .policy(json!({ "max_sessions": 1, "at_limit": "ask" }))
        .await;
    server.sign_in("anna", "phone").await;
    let anna = Holder::new(&server);
    let refused = anna.try_sign_in("anna", "laptop").await;
    assert_eq!(told(&refused), (409, "session_limit_reached"));
    let body = json!({ "takeover_token": refused.body["takeover_token"] });
    let taken = server.post("/v1/sign-in/takeover", "", body).await;
    assert_eq!(
        (taken.status, &taken.body["token_type"]),
        (200, &json!("DPoP"))
    );
    let who = SignedIn::read(&taken.body);
    assert_eq!(told(&server.get(ME, &who.access_token).await), REFUSED);
    let proof = anna.proof("GET", ME, Some(&who.access_token));
    assert_eq!(anna.me(&who.access_token, &proof).await.status, 200);
}

#[tokio::test]
async fn oauth_knows_bound_tokens() {
    let server = server().await;
    let metadata = server
        .get("/.well-known/oauth-authorization-server", "")
        .await;
    assert_eq!(
        metadata.body["dpop_signing_alg_values_supported"],
        json!(["ES256", "EdDSA", "RS256"])
    );
    let anna = Holder::new(&server);
    let who = anna.sign_in("anna", "laptop").await;
    let post = async |path: &str, form: &[(&str, &str)], header: (&str, String)| {
        let request = server.http.post(format!("{}{path}", server.url));
        let request = request.form(form).header(header.0, header.1);
        Answer::read(request.send().await.unwrap()).await
    };
    let bearer = ("authorization", format!("Bearer {}", server.key));
    let question = [("token", who.access_token.as_str())];
    let said = post("/oauth/introspect", &question, bearer).await.body;
    assert_eq!(
        (&said["active"], &said["token_type"]),
        (&json!(true), &json!("DPoP"))
    );
    assert_eq!(said["cnf"], claims(&who.access_token)["cnf"]);

    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", who.refresh_token.as_str()),
    ];
    let stolen = post("/oauth/token", &form, ("x-other", "1".to_owned())).await;
    assert_eq!(
        (stolen.status, &stolen.body["error"]),
        (400, &json!("invalid_dpop_proof"))
    );
    let proof = anna.proof("POST", "/oauth/token", None);
    let fresh = post("/oauth/token", &form, ("dpop", proof)).await;
    assert_eq!(
        (fresh.status, &fresh.body["token_type"]),
        (200, &json!("DPoP"))
    );
}

#[tokio::test]
async fn behind_a_proxy_the_address_is_the_one_that_the_client_used() {
    let server = Server::start_with(&[("TRUSTED_PROXIES", "127.0.0.0/8")]).await;
    server.user("anna", &[]).await;
    let anna = Holder::new(&server);
    let scheme = |token: &str| format!("DPoP {token}");
    let who = anna.sign_in("anna", "laptop").await;
    let token = &who.access_token;
    let ask = async |htm: &str, htu: &str, path: &str, more: &[(&'static str, &str)]| {
        let mut body = anna.body(htm, ME, Some(token));
        body["htu"] = json!(htu);
        let (scheme, proof) = (scheme(token), anna.sign(&anna.head(), &body));
        let mut headers = vec![("authorization", scheme.as_str()), ("dpop", &proof)];
        headers.extend(more);
        anna.ask(Method::GET, path, &headers, None).await.status
    };
    let outside = [
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "app.example"),
    ];
    assert_eq!(
        ask("GET", "https://app.example/v1/me", ME, &outside).await,
        200
    );
    assert_eq!(
        ask("GET", "https://App.Example:443/v1/me?a=1", ME, &outside).await,
        200
    );
    assert_eq!(
        ask("GET", "http://app.example/v1/me", ME, &outside).await,
        401
    );
    assert_eq!(
        ask("GET", &format!("{}{ME}", server.url), ME, &outside).await,
        401
    );
    // Forward authentication: the request that the proxy asks about.
    let asked = [
        outside[0],
        outside[1],
        ("x-forwarded-method", "PUT"),
        ("x-forwarded-uri", "/reports?year=1"),
    ];
    let verify = "/v1/verify";
    assert_eq!(
        ask("PUT", "https://app.example/reports", verify, &asked).await,
        200
    );
    assert_eq!(
        ask("GET", "https://app.example/v1/verify", verify, &asked).await,
        401
    );
}
