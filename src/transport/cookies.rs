//! A session in cookies, for pages whose scripts shall not see tokens: how they are set, read and taken
//! away. It may not know what the tokens in them say.
//!
//! A browser sends cookies with whatever any page asks of us. So one counts only beside a proof that a
//! page of ours asked: `Sec-Fetch-Site: same-origin`, or an `Origin` that is allowed. Neither can be set by
//! a page. Where both are missing, as no browser that is in use leaves them, a header has to repeat what only
//! a page of ours can read from another cookie. `SameSite=Strict` is the second wall.

use http::header::{COOKIE, ORIGIN, SET_COOKIE};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::origin::AllowedOrigins;
use crate::domain::secret::Bearer;

/// `__Host-`: bound to this host, with `Secure` and `Path=/` (RFC 6265bis section 4.1.3.2).
const ACCESS: &str = "__Host-sessionwire-access";
const REFRESH: &str = "__Host-sessionwire-refresh";
/// What a page of ours repeats in a header.
const CSRF: &str = "__Host-sessionwire-csrf";
/// What bound tokens are good beside. It gives nobody anything by itself.
const BINDING: &str = "__Host-sessionwire-binding";
const UNSEEN: &str = "Path=/; Secure; HttpOnly; SameSite=Strict";
const SEEN: &str = "Path=/; Secure; SameSite=Strict";

/// Repeats the cookie that a page of ours can read.
pub(super) const X_CSRF_TOKEN: HeaderName = HeaderName::from_static("x-csrf-token");

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The tokens of a session, on their way to a browser.
pub(super) struct Tokens<'a> {
    pub(super) access: &'a str,
    pub(super) refresh: &'a str,
    /// What a page repeats in a header.
    pub(super) csrf: &'a str,
    /// How long the browser keeps them, in seconds; `None`: until it is closed.
    pub(super) keep_s: Option<u64>,
}

/// Whether a page of ours asked.
pub(super) fn asked_by_own_page(headers: &HeaderMap, origins: &AllowedOrigins) -> bool {
    let same_origin = headers
        .get(SEC_FETCH_SITE)
        .is_some_and(|site| site == "same-origin");
    same_origin || (headers.contains_key(ORIGIN) && origins.admit(headers))
}

/// What a browser sent of a cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sent<'a> {
    /// None.
    Nothing,
    /// One, without proof that a page of ours asked.
    Stray,
    /// One of a browser that does not say who asked, and what the page repeated: it counts if that is the
    /// session's.
    Submitted(&'a str, &'a str),
    /// One that counts.
    Proven(&'a str),
}

/// The access token.
pub(super) fn access_token<'a>(headers: &'a HeaderMap, origins: &AllowedOrigins) -> Sent<'a> {
    sent(headers, ACCESS, origins)
}

/// The refresh token.
pub(super) fn refresh_token<'a>(headers: &'a HeaderMap, origins: &AllowedOrigins) -> Sent<'a> {
    sent(headers, REFRESH, origins)
}

fn sent<'a>(headers: &'a HeaderMap, name: &str, origins: &AllowedOrigins) -> Sent<'a> {
    match cookie(headers, name) {
        None => Sent::Nothing,
        Some(token) if asked_by_own_page(headers, origins) => Sent::Proven(token),
        Some(token) => match submitted(headers) {
            Some(repeated) => Sent::Submitted(token, repeated),
            None => Sent::Stray,
        },
    }
}

/// What a page repeated of its cookie, where nothing says whose page it is. That both are alike shows only
/// that no other page wrote the header: whether it is the session's is for whoever knows the session.
fn submitted(headers: &HeaderMap) -> Option<&str> {
    if headers.contains_key(SEC_FETCH_SITE) || headers.contains_key(ORIGIN) {
        return None;
    }
    let mut repeated = headers.get_all(X_CSRF_TOKEN).iter();
    let first = repeated.next()?.to_str().ok()?;
    (repeated.next().is_none() && cookie(headers, CSRF) == Some(first)).then_some(first)
}

/// What bound tokens are good beside.
pub(super) fn binding(headers: &HeaderMap) -> Option<Bearer> {
    cookie(headers, BINDING).map(|value| Bearer::new(value.to_owned()))
}

/// Gives a browser what bound tokens are good beside.
pub(super) fn set_binding(headers: &mut HeaderMap, value: &Bearer, keep_s: Option<u64>) {
    put(headers, BINDING, value.expose(), UNSEEN, keep_s);
}

/// Gives a browser the tokens. The access token outlives its expiry there: an expired one is told apart
/// from none.
pub(super) fn set(headers: &mut HeaderMap, tokens: &Tokens<'_>) {
    put(headers, ACCESS, tokens.access, UNSEEN, tokens.keep_s);
    put(headers, REFRESH, tokens.refresh, UNSEEN, tokens.keep_s);
    put(headers, CSRF, tokens.csrf, SEEN, tokens.keep_s);
}

/// Takes them away.
pub(super) fn clear(headers: &mut HeaderMap) {
    for name in [ACCESS, REFRESH, BINDING] {
        put(headers, name, "", UNSEEN, Some(0));
    }
    put(headers, CSRF, "", SEEN, Some(0));
}

fn put(headers: &mut HeaderMap, name: &str, value: &str, attributes: &str, keep_s: Option<u64>) {
    let age = keep_s.map_or_else(String::new, |age| format!("; Max-Age={age}"));
    // Tokens are made of characters that stand in a cookie as they are.
    if let Ok(value) = HeaderValue::from_str(&format!("{name}={value}; {attributes}{age}")) {
        headers.append(SET_COOKIE, value);
    }
}

/// A cookie that came once. Two of a name are none that can be believed.
fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut found = headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(its_name, value)| *its_name == name && !value.is_empty())
        .map(|(_, value)| value);
    let first = found.next();
    first.filter(|_| found.next().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            let name: HeaderName = name.parse().unwrap();
            headers.append(name, value.parse().unwrap());
        }
        headers
    }

    fn read(pairs: &[(&str, &str)], allowed: &[&str]) -> Option<String> {
        let mut headers = headers(pairs);
        headers.insert("host", HeaderValue::from_static("app.example"));
        let allowed = AllowedOrigins::new(allowed.iter().map(|&it| it.into()).collect());
        match access_token(&headers, &allowed) {
            Sent::Proven(token) => Some(token.to_owned()),
            Sent::Nothing | Sent::Stray | Sent::Submitted(..) => None,
        }
    }

    const SENT: (&str, &str) = ("cookie", "a=b; __Host-sessionwire-access=t0k");

    #[test]
    fn a_cookie_counts_only_where_a_page_of_ours_asked() {
        let same = ("sec-fetch-site", "same-origin");
        assert_eq!(read(&[SENT, same], &[]).as_deref(), Some("t0k"));
        let own = ("origin", "https://app.example");
        assert_eq!(read(&[SENT, own], &[]).as_deref(), Some("t0k"));
        let shop = ("origin", "https://shop.example");
        assert!(read(&[SENT, shop], &["https://shop.example"]).is_some());

        assert_eq!(read(&[SENT], &[]), None);
        assert_eq!(read(&[SENT, shop], &[]), None);
        assert_eq!(read(&[SENT, ("origin", "null")], &[]), None);
        for site in ["cross-site", "same-site", "none", "same-origin, cross-site"] {
            assert_eq!(read(&[SENT, ("sec-fetch-site", site)], &[]), None, "{site}");
        }
    }

    #[test]
    fn a_page_repeats_its_cookie_where_the_browser_says_nothing() {
        let of = |pairs: &[(&str, &str)]| {
            let headers = headers(pairs);
            match access_token(&headers, &AllowedOrigins::default()) {
                Sent::Submitted(token, repeated) => format!("{token} {repeated}"),
                Sent::Proven(_) => "proven".into(),
                Sent::Nothing | Sent::Stray => "none".into(),
            }
        };
        let cookie = ("cookie", "__Host-sessionwire-csrf=c5f");
        let header = ("x-csrf-token", "c5f");
        assert_eq!(of(&[SENT, cookie, header]), "t0k c5f");
        assert_eq!(of(&[SENT, header]), "none");
        assert_eq!(of(&[SENT, cookie]), "none");
        assert_eq!(of(&[SENT, cookie, ("x-csrf-token", "other")]), "none");
        assert_eq!(of(&[SENT, cookie, header, header]), "none");
        // What the browser says goes before what a page says.
        assert_eq!(
            of(&[SENT, cookie, header, ("sec-fetch-site", "cross-site")]),
            "none"
        );
        assert_eq!(
            of(&[SENT, cookie, header, ("origin", "https://evil.example")]),
            "none"
        );
    }

    #[test]
    fn two_cookies_of_a_name_are_none() {
        let same = ("sec-fetch-site", "same-origin");
        assert_eq!(read(&[SENT, SENT, same], &[]), None);
        let empty = ("cookie", "__Host-sessionwire-access=");
        assert_eq!(read(&[empty, same], &[]), None);
    }

    #[test]
    fn cookies_are_out_of_reach_of_scripts_and_of_other_sites() {
        let mut headers = HeaderMap::new();
        let tokens = Tokens {
            access: "a",
            refresh: "r",
            csrf: "c",
            keep_s: Some(9),
        };
        set(&mut headers, &tokens);
        clear(&mut headers);
        let set: Vec<&HeaderValue> = headers.get_all(SET_COOKIE).iter().collect();
        assert_eq!(
            set,
            [
                "__Host-sessionwire-access=a; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=9",
                "__Host-sessionwire-refresh=r; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=9",
                "__Host-sessionwire-csrf=c; Path=/; Secure; SameSite=Strict; Max-Age=9",
                "__Host-sessionwire-access=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0",
                "__Host-sessionwire-refresh=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0",
                "__Host-sessionwire-binding=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0",
                "__Host-sessionwire-csrf=; Path=/; Secure; SameSite=Strict; Max-Age=0",
            ]
        );
    }
}
