//! Tokens that are good only beside a cookie: stolen ones are worth nothing elsewhere.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, Heard, PASSWORD, Server, SignedIn, device_named};

const COOKIE: &str = "__Host-sessionwire-binding";

/// A page that signed in so, and its cookie.
struct Page<'a> {
    server: &'a Server,
    tokens: SignedIn,
    cookie: String,
}

fn cookie_of(answer: &Answer) -> String {
    let set = answer.headers.get("set-cookie").unwrap().to_str().unwrap();
    for attribute in ["Path=/", "Secure", "HttpOnly", "SameSite=Strict"] {
        assert!(set.contains(attribute), "{set}");
    }
    let (pair, _) = set.split_once(';').unwrap();
    assert!(pair.starts_with(COOKIE), "{set}");
    pair.to_owned()
}

async fn ask(
    server: &Server,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: Option<Value>,
) -> Answer {
    let mut request = server.http.request(method, format!("{}{path}", server.url));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    if let Some(body) = body {
        request = request.json(&body);
    }
    Answer::read(request.send().await.unwrap()).await
}

impl<'a> Page<'a> {
    async fn sign_in(server: &'a Server, site: &str) -> Result<Self, Answer> {
        let body = json!({
            "username": "anna", "password": PASSWORD, "device": device_named("browser"),
        });
        let headers = [("sec-fetch-site", site)];
        let answer = ask(
            server,
            Method::POST,
            "/v1/sign-in?tokens=bound",
            &headers,
            Some(body),
        )
        .await;
        if answer.status != 200 {
            return Err(answer);
        }
        Ok(Self {
            server,
            tokens: SignedIn::read(&answer.body),
            cookie: cookie_of(&answer),
        })
    }

    async fn get(&self, path: &str, cookie: Option<&str>) -> Answer {
        let bearer = format!("Bearer {}", self.tokens.access_token);
        let mut headers = vec![("authorization", bearer.as_str())];
        headers.extend(cookie.map(|cookie| ("cookie", cookie)));
        ask(self.server, Method::GET, path, &headers, None).await
    }

    async fn refresh(&self, cookie: Option<&str>) -> Answer {
        let headers: Vec<_> = cookie
            .map(|cookie| ("cookie", cookie))
            .into_iter()
            .collect();
        let body = json!({ "refresh_token": self.tokens.refresh_token });
        ask(
            self.server,
            Method::POST,
            "/v1/token/refresh",
            &headers,
            Some(body),
        )
        .await
    }
}

#[tokio::test]
async fn a_stolen_token_is_worth_nothing_without_its_cookie() {
    let server = Server::start().await;
    server.user("anna", &[]).await;
    let page = Page::sign_in(&server, "same-origin").await.ok().unwrap();
    let other = Page::sign_in(&server, "same-origin").await.ok().unwrap();
    let page = Page {
        cookie: page.cookie,
        ..other
    };
    // The same device replaced its session: its cookie is another one now.
    assert_eq!(
        page.get("/v1/me", Some(&page.cookie)).await.code(),
        "token_invalid"
    );
    let page = Page::sign_in(&server, "same-origin").await.ok().unwrap();

    for path in ["/v1/me", "/v1/me/sessions", "/v1/verify"] {
        assert_eq!(
            page.get(path, Some(&page.cookie)).await.status,
            200,
            "{path}"
        );
        let wrong = format!("{COOKIE}=AAAA");
        let twice = format!("{0}; {0}", page.cookie);
        for cookie in [
            None,
            Some(wrong.as_str()),
            Some(twice.as_str()),
            Some(COOKIE),
        ] {
            let answer = page.get(path, cookie).await;
            assert_eq!(
                (answer.status, answer.code()),
                (401, "token_invalid"),
                "{path} {cookie:?}"
            );
        }
    }
    // What was stolen is refused and spends nothing.
    let stolen = page.refresh(None).await;
    assert_eq!(
        (stolen.status, stolen.code()),
        (401, "refresh_token_invalid")
    );
    let refreshed = page.refresh(Some(&page.cookie)).await;
    assert_eq!(refreshed.status, 200, "{}", refreshed.body);
    assert_eq!(cookie_of(&refreshed), page.cookie);
    let next = Page {
        tokens: SignedIn::read(&refreshed.body),
        ..page
    };
    assert_eq!(next.get("/v1/me", None).await.code(), "token_invalid");
    assert_eq!(next.get("/v1/me", Some(&next.cookie)).await.status, 200);
    let form = format!(
        "grant_type=refresh_token&refresh_token={}",
        next.tokens.refresh_token
    );
    let asked = server.http.post(format!("{}/oauth/token", server.url));
    let asked = asked
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form);
    let refused = Answer::read(asked.send().await.unwrap()).await;
    assert_eq!(refused.body["error"], "invalid_grant", "{}", refused.body);
}

#[tokio::test]
async fn sockets_want_the_cookie_or_a_ticket() {
    let server = Server::start().await;
    server.user("anna", &[]).await;
    let page = Page::sign_in(&server, "same-origin").await.ok().unwrap();
    let token = &page.tokens.access_token;
    let mut stolen = server.socket(token).await;
    assert_eq!(
        stolen.hear().await,
        Heard::Close(4500, "token_invalid".into())
    );
    let bearer = format!("Bearer {token}");
    let headers = [
        ("authorization", bearer.as_str()),
        ("cookie", page.cookie.as_str()),
    ];
    let mut own = server.socket_with("/v1/socket", &headers).await;
    own.expect("welcome").await;
    let mut by_message = server
        .socket_with("/v1/socket?auth=message", &headers[1..])
        .await;
    by_message
        .say(json!({ "type": "auth", "token": token }))
        .await;
    by_message.expect("welcome").await;

    let refreshed = page.refresh(Some(&page.cookie)).await.body;
    let newer = refreshed["access_token"].as_str().unwrap();
    own.say(json!({ "type": "token.refresh", "token": newer }))
        .await;
    own.expect("token.refreshed").await;

    let body = json!({});
    let tickets = ask(
        &server,
        Method::POST,
        "/v1/socket-tickets",
        &headers,
        Some(body),
    )
    .await;
    let path = format!(
        "/v1/socket?ticket={}",
        tickets.body["ticket"].as_str().unwrap()
    );
    server.socket_with(&path, &[]).await.expect("welcome").await;
    let stolen = ask(
        &server,
        Method::POST,
        "/v1/socket-tickets",
        &headers[..1],
        Some(json!({})),
    )
    .await;
    assert_eq!(stolen.code(), "token_invalid");
}

#[tokio::test]
async fn who_is_asked_about_a_bound_token_says_that_it_is_one() {
    let server = Server::start().await;
    server.user("anna", &[]).await;
    let page = Page::sign_in(&server, "same-origin").await.ok().unwrap();
    let asked = server.http.post(format!("{}/oauth/introspect", server.url));
    let asked = asked.header("content-type", "application/x-www-form-urlencoded");
    let asked = asked.bearer_auth(&server.key);
    let asked = asked.body(format!("token={}", page.tokens.access_token));
    let told = Answer::read(asked.send().await.unwrap()).await;
    assert_eq!(told.body["active"], true, "{}", told.body);
    assert!(told.body["cnf"]["cookie_s256"].is_string(), "{}", told.body);
    // No page of another site has its victim bound to what it knows.
    let refused = Page::sign_in(&server, "cross-site").await.err().unwrap();
    assert_eq!((refused.status, refused.code()), (403, "forbidden"));
}
