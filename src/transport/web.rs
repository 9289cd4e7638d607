//! The pages that come with the program: the demo application, the console, the stage, and the browser
//! client that they use. Files as they are, nothing is rendered; a debug build reads them from disk at
//! each request. It may not know sessions: the pages use the same API as everybody.

use std::borrow::Cow;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use http::{HeaderMap, StatusCode};
use rust_embed::{Embed, EmbeddedFile};

use super::rest::Problem;
use crate::domain::error::Error;

#[derive(Embed)]
#[folder = "web-demo"]
#[include = "*.html"]
#[include = "*.css"]
#[include = "*.js"]
#[include = "*.svg"]
#[exclude = "node_modules/*"]
struct Site;

#[derive(Embed)]
#[folder = "clients/js/src"]
#[include = "*.js"]
struct Client;

/// Everything from our own origin, nothing inline, in no foreign frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
     img-src 'self' data:; font-src 'self'; connect-src 'self'; frame-src 'self'; \
     frame-ancestors 'self'; base-uri 'none'; form-action 'none'";
/// Kept, but asked for each time: a new binary shows its own pages at once.
const CACHE: &str = "no-cache";
/// What the console is made of; the rest is the demo.
const CONSOLE_FILES: [&str; 2] = ["admin/", "shared/"];
const INDEX: &str = "index.html";
/// Where the sign-in pages ask for the demo's people, and what they hear where there is no demo.
const PEOPLE: &str = "/demo.json";
const NOBODY: &[u8] = b"null";

/// Which pages are served.
#[derive(Clone, Debug)]
pub enum Pages {
    /// None.
    Nothing,
    /// The administrators' console, at `/admin`.
    Console,
    /// The console, the demo application at `/`, and the stage at `/stage`.
    Everything {
        /// The demo's people with their passwords, for its sign-in page, as JSON.
        people: Option<Bytes>,
    },
}

/// The pages' routes.
pub fn routes(pages: Pages) -> Router {
    let client = Client::iter().fold(Router::new(), |routes, name| {
        let path = format!("/client/{name}");
        routes.route(
            &path,
            get(async move |headers| client_file(&name, &headers)),
        )
    });
    match pages {
        Pages::Nothing => Router::new(),
        Pages::Console => site(client, |name| {
            CONSOLE_FILES.iter().any(|folder| name.starts_with(folder))
        })
        .route("/", get(async || Redirect::temporary("/admin")))
        .route(PEOPLE, get(async || json(Bytes::from_static(NOBODY)))),
        Pages::Everything { people } => {
            let people = people.unwrap_or(Bytes::from_static(NOBODY));
            site(client, |_| true).route(PEOPLE, get(async move || json(people)))
        }
    }
}

/// A route for each file, and for a folder's index under the folder's own name.
fn site(routes: Router, shown: impl Fn(&str) -> bool) -> Router {
    Site::iter()
        .filter(|name| shown(name))
        .fold(routes, |routes, name| {
            let path = path_of(&name);
            routes.route(&path, get(async move |headers| site_file(&name, &headers)))
        })
}

fn path_of(name: &str) -> String {
    match name.strip_suffix(INDEX) {
        Some(folder) => format!("/{}", folder.trim_end_matches('/')),
        None => format!("/{name}"),
    }
}

fn site_file(name: &str, headers: &HeaderMap) -> Response {
    answer(name, Site::get(name), headers)
}

fn client_file(name: &str, headers: &HeaderMap) -> Response {
    answer(name, Client::get(name), headers)
}

/// A file, or that the browser has it already (RFC 9110 section 13.1.2).
fn answer(name: &str, file: Option<EmbeddedFile>, headers: &HeaderMap) -> Response {
    let Some(file) = file else {
        return Problem::from(Error::NotFound("path")).into_response();
    };
    let tag = format!(
        "\"{}\"",
        URL_SAFE_NO_PAD.encode(file.metadata.sha256_hash())
    );
    let head = [
        (CONTENT_TYPE, kind_of(name)),
        (CACHE_CONTROL, CACHE),
        (CONTENT_SECURITY_POLICY, POLICY),
        (ETAG, tag.as_str()),
    ];
    let has_it = headers
        .get(IF_NONE_MATCH)
        .is_some_and(|has| has == tag.as_str());
    if has_it {
        (StatusCode::NOT_MODIFIED, head).into_response()
    } else {
        (head, body(file.data)).into_response()
    }
}

fn body(data: Cow<'static, [u8]>) -> Body {
    match data {
        Cow::Borrowed(bytes) => Bytes::from_static(bytes).into(),
        Cow::Owned(bytes) => bytes.into(),
    }
}

fn json(people: Bytes) -> Response {
    let head = [
        (CONTENT_TYPE, "application/json"),
        (CACHE_CONTROL, "no-store"),
    ];
    (head, people).into_response()
}

fn kind_of(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, end)| end) {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use tower::ServiceExt as _;

    use super::*;

    async fn ask(pages: Pages, path: &str, tag: Option<&str>) -> Response {
        let mut request = http::Request::builder().uri(path);
        if let Some(tag) = tag {
            request = request.header(IF_NONE_MATCH, tag);
        }
        let request = request.body(Body::empty()).unwrap();
        routes(pages).oneshot(request).await.unwrap()
    }

    fn everything() -> Pages {
        Pages::Everything { people: None }
    }

    #[tokio::test]
    async fn pages_are_where_people_look_for_them() {
        for path in ["/", "/admin", "/stage", "/client/index.js"] {
            let answer = ask(everything(), path, None).await;
            assert_eq!(answer.status(), 200, "{path}");
            assert!(answer.headers().contains_key(CONTENT_SECURITY_POLICY));
        }
    }

    #[tokio::test]
    async fn what_a_browser_has_is_not_sent_again() {
        let first = ask(everything(), "/", None).await;
        let tag = first.headers()[ETAG].to_str().unwrap().to_owned();
        assert_eq!(ask(everything(), "/", Some(&tag)).await.status(), 304);
        assert_eq!(ask(everything(), "/", Some("\"x\"")).await.status(), 200);
    }

    #[tokio::test]
    async fn production_shows_the_console_alone() {
        assert_eq!(ask(Pages::Console, "/admin", None).await.status(), 200);
        let root = ask(Pages::Console, "/", None).await;
        assert_eq!(root.headers()["location"], "/admin");
        assert_eq!(ask(Pages::Console, "/stage", None).await.status(), 404);
        assert_eq!(ask(Pages::Nothing, "/admin", None).await.status(), 404);
    }

    async fn people(pages: Pages) -> Bytes {
        let answer = ask(pages, PEOPLE, None).await;
        assert_eq!(answer.headers()[CACHE_CONTROL], "no-store");
        axum::body::to_bytes(answer.into_body(), 100).await.unwrap()
    }

    #[tokio::test]
    async fn passwords_are_shown_by_a_demo_only() {
        assert_eq!(people(everything()).await, NOBODY);
        assert_eq!(people(Pages::Console).await, NOBODY);
        let anna = Bytes::from_static(b"{\"users\":[]}");
        let demo = Pages::Everything {
            people: Some(anna.clone()),
        };
        assert_eq!(people(demo).await, anna);
    }
}
