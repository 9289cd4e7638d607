//! A session in cookies: tokens that no script sees, and that count only where a page of ours asks.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, PASSWORD, Reader, Server, device_named};

/// A browser as far as cookies are concerned: keeps them, and sends them with whatever is asked.
struct Browser<'a> {
    server: &'a Server,
    cookies: Vec<(String, String)>,
    /// What a page of ours makes the browser say, and another can't.
    site: &'static str,
}

impl<'a> Browser<'a> {
    fn new(server: &'a Server) -> Self {
        Self {
            server,
            cookies: Vec::new(),
            site: "same-origin",
        }
    }

    fn header(&self) -> String {
        let pairs = self.cookies.iter();
        let pairs: Vec<String> = pairs
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        pairs.join("; ")
    }

    async fn ask(&mut self, method: Method, path: &str, body: Option<Value>) -> Answer {
        let url = format!("{}{path}", self.server.url);
        let mut request = self.server.http.request(method, url);
        request = request.header("sec-fetch-site", self.site);
        if !self.cookies.is_empty() {
            request = request.header("cookie", self.header());
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = Answer::read(request.send().await.unwrap()).await;
        for set in answer.headers.get_all("set-cookie") {
            self.keep(set.to_str().unwrap());
        }
        answer
    }

    fn keep(&mut self, set: &str) {
        for attribute in ["Path=/", "Secure", "SameSite=Strict"] {
            assert!(set.contains(attribute), "{set}");
        }
        // A page repeats what one of them says; no script sees the others.
        assert_ne!(set.contains("HttpOnly"), set.contains("-csrf="), "{set}");
        let (name, rest) = set.split_once('=').unwrap();
        assert!(name.starts_with("__Host-"), "{set}");
        let value = rest.split(';').next().unwrap();
        self.cookies.retain(|(its_name, _)| its_name != name);
        if !set.contains("Max-Age=0") {
            self.cookies.push((name.to_owned(), value.to_owned()));
        }
    }

    async fn sign_in(&mut self, username: &str) -> Answer {
        let body = json!({
            "username": username, "password": PASSWORD, "device": device_named("browser"),
        });
        let path = "/v1/sign-in?tokens=cookie";
        self.ask(Method::POST, path, Some(body)).await
    }

    async fn post(&mut self, path: &str) -> Answer {
        self.ask(Method::POST, path, Some(json!({}))).await
    }

    async fn me(&mut self) -> Answer {
        self.ask(Method::GET, "/v1/me", None).await
    }
}

#[tokio::test]
async fn a_session_lives_in_cookies_that_no_script_sees() {
    let server = Server::start().await;
    let group = server.group("analysts", &["reports:read"]).await;
    let anna = server.user("anna", &["analysts"]).await;
    let mut browser = Browser::new(&server);
    let signed_in = browser.sign_in("anna").await;
    assert_eq!(signed_in.status, 200, "{}", signed_in.body);
    assert_eq!(signed_in.body["token_type"], "cookie");
    assert!(signed_in.body.get("access_token").is_none());
    assert!(signed_in.body.get("refresh_token").is_none());
    let secrets: Vec<String> = browser
        .cookies
        .iter()
        .map(|(_, value)| value.clone())
        .collect();
    assert_eq!(secrets.len(), 3);
    let text = signed_in.body.to_string();
    assert!(secrets.iter().all(|secret| !text.contains(secret)));

    assert_eq!(browser.me().await.body["username"], "anna");
    let path = format!("/v1/groups/{group}/members/{anna}");
    server.delete(&path, &server.key).await;
    assert_eq!(browser.me().await.code(), "token_stale");
    let refreshed = browser.post("/v1/token/refresh").await;
    assert_eq!(refreshed.status, 200, "{}", refreshed.body);
    assert!(refreshed.body.get("access_token").is_none());
    assert_eq!(browser.me().await.body["permissions"], json!([]));

    let preview = browser.post("/v1/sign-out?dry_run=true").await;
    assert_eq!(preview.body["dry_run"], true);
    assert_eq!(browser.cookies.len(), 3);
    browser.post("/v1/sign-out").await;
    assert!(browser.cookies.is_empty());
    assert_eq!(browser.me().await.code(), "token_missing");
}

#[tokio::test]
async fn what_another_site_makes_the_browser_send_does_not_count() {
    let server = Server::start().await;
    server.user("anna", &[]).await;
    let mut browser = Browser::new(&server);
    browser.sign_in("anna").await;
    for site in ["cross-site", "same-site", "none"] {
        browser.site = site;
        assert_eq!(browser.me().await.code(), "token_missing", "{site}");
        for path in ["/v1/sign-out", "/v1/token/refresh", "/v1/socket-tickets"] {
            assert_eq!(browser.post(path).await.code(), "token_missing", "{site}");
        }
        // Nor can it sign its victim in as somebody else.
        assert_eq!(browser.sign_in("anna").await.code(), "forbidden", "{site}");
    }
    browser.site = "same-origin";
    assert_eq!(browser.me().await.status, 200);
}

#[tokio::test]
async fn where_the_browser_says_nothing_the_page_repeats_its_cookie() {
    let server = Server::start().await;
    for name in ["anna", "ben"] {
        server.user(name, &[]).await;
    }
    let (mut anna, mut ben) = (Browser::new(&server), Browser::new(&server));
    anna.sign_in("anna").await;
    ben.sign_in("ben").await;
    let csrf = |browser: &Browser<'_>| {
        let mut pairs = browser.cookies.iter();
        let found = pairs.find(|(name, _)| name.ends_with("-csrf"));
        found.unwrap().1.clone()
    };
    let cookies = anna.header();
    let ask = async |method: Method, path: &str, cookies: &str, headers: &[(&str, &str)]| {
        let mut request = server.http.request(method, format!("{}{path}", server.url));
        request = request.header("cookie", cookies).json(&json!({}));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Answer::read(request.send().await.unwrap()).await
    };
    let (own, bens) = (csrf(&anna), csrf(&ben));
    let repeated = [("x-csrf-token", own.as_str())];
    let path = "/v1/socket-tickets";
    let good = ask(Method::POST, path, &cookies, &repeated).await;
    assert_eq!(good.status, 201, "{}", good.body);
    assert_eq!(
        ask(Method::POST, path, &cookies, &[]).await.code(),
        "token_missing"
    );
    // What fits together and is another session's proves nothing.
    let planted = cookies.replace(&own, &bens);
    let answer = ask(Method::POST, path, &planted, &[("x-csrf-token", &bens)]).await;
    assert_eq!(answer.code(), "token_missing");
    let refreshing = "/v1/token/refresh";
    let answer = ask(
        Method::POST,
        refreshing,
        &planted,
        &[("x-csrf-token", &bens)],
    )
    .await;
    assert_eq!(answer.code(), "token_missing");
    let cross = [repeated[0], ("sec-fetch-site", "cross-site")];
    assert_eq!(
        ask(Method::POST, path, &cookies, &cross).await.code(),
        "token_missing"
    );
    let refreshed = ask(Method::POST, refreshing, &cookies, &repeated).await;
    assert_eq!(refreshed.status, 200, "{}", refreshed.body);
}

#[tokio::test]
async fn a_session_that_ended_takes_its_cookies_along() {
    let server = Server::start().await;
    let anna = server.user("anna", &[]).await;
    let mut browser = Browser::new(&server);
    browser.sign_in("anna").await;
    let path = format!("/v1/users/{anna}/sessions");
    server.delete(&path, &server.key).await;
    assert_eq!(browser.me().await.code(), "session_ended");
    let refused = browser.post("/v1/token/refresh").await;
    assert_eq!(refused.code(), "session_ended");
    assert!(browser.cookies.is_empty());
}

#[tokio::test]
async fn without_cookies_a_refresh_needs_its_token() {
    let server = Server::start().await;
    let refused = Browser::new(&server).post("/v1/token/refresh").await;
    assert_eq!((refused.status, refused.code()), (400, "validation_failed"));
}

#[tokio::test]
async fn a_header_goes_before_a_cookie() {
    let server = Server::start().await;
    server.user("anna", &[]).await;
    server.user("ben", &[]).await;
    let mut browser = Browser::new(&server);
    browser.sign_in("anna").await;
    let ben = server.sign_in("ben", "laptop").await;
    let request = server.http.get(format!("{}/v1/me", server.url));
    let request = request.header("sec-fetch-site", "same-origin");
    let request = request.header("cookie", browser.header());
    let answer = request.bearer_auth(ben.access_token).send().await.unwrap();
    assert_eq!(Answer::read(answer).await.body["username"], "ben");
}

#[tokio::test]
async fn the_stream_takes_the_cookie_where_a_page_of_ours_asks_only() {
    let server = Server::start().await;
    let anna = server.user("anna", &[]).await;
    let mut browser = Browser::new(&server);
    browser.sign_in("anna").await;
    let cookie = browser.header();
    let ask = async |headers: &[(&str, &str)]| {
        let mut request = server.http.get(format!("{}/v1/stream", server.url));
        request = request.header("cookie", &cookie);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send().await.unwrap()
    };
    let own = format!("http://{}", server.address);
    for proof in [("sec-fetch-site", "same-origin"), ("origin", own.as_str())] {
        let mut stream = Reader::of(ask(&[proof]).await);
        assert_eq!(stream.expect("welcome").await.data["user_id"], anna);
    }
    for stray in [
        &[][..],
        &[("sec-fetch-site", "cross-site")],
        &[("origin", "https://evil.example")],
    ] {
        let refused = Answer::read(ask(stray).await).await;
        assert_eq!((refused.status, refused.code()), (403, "forbidden"));
    }
}

#[tokio::test]
async fn the_socket_takes_the_cookie_from_an_allowed_origin_only() {
    let server = Server::start().await;
    let anna = server.user("anna", &[]).await;
    let mut browser = Browser::new(&server);
    browser.sign_in("anna").await;
    let cookie = browser.header();
    let own = format!("http://{}", server.address);
    let mut socket = server
        .socket_with("/v1/socket", &[("cookie", &cookie), ("origin", &own)])
        .await;
    assert_eq!(socket.expect("welcome").await["user_id"], anna);
    let path = format!("/v1/users/{anna}/sessions");
    let receipt = server.delete(&path, &server.key).await;
    assert_eq!(receipt.body["connections"]["closed"], 1);
    socket.expect("session.revoked").await;
    socket.expect_close(4501).await;

    let foreign = [
        ("cookie", cookie.as_str()),
        ("origin", "https://evil.example"),
    ];
    server
        .socket_with("/v1/socket", &foreign)
        .await
        .expect_close(4506)
        .await;
    let no_origin = [("cookie", cookie.as_str())];
    let mut stray = server.socket_with("/v1/socket", &no_origin).await;
    stray.expect_close(4506).await;

    // A client that brings its own token says so, and an old cookie is not in its way.
    let who = server.sign_in("root", "laptop").await;
    let headers = [("cookie", cookie.as_str()), ("origin", own.as_str())];
    let mut socket = server
        .socket_with("/v1/socket?auth=message", &headers)
        .await;
    let auth = json!({ "type": "auth", "token": who.access_token });
    socket.say(auth).await;
    assert_eq!(socket.expect("welcome").await["user_id"], who.user_id);
}
