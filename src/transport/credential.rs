//! How the request for a socket says who asks. It may not know whether the credential is good.

use http::{HeaderMap, header};

use super::cookies::{self, Sent};
use super::origin::AllowedOrigins;
use super::possession::SCHEME;
use crate::domain::secret::Bearer;

/// How the client says who it is.
pub(super) enum Credential {
    /// An access token in the `Authorization` header, or in the session's cookie.
    Token(String),
    /// A ticket in the address.
    Ticket(Bearer),
    /// In the first message. A token in the address is never looked at: addresses end in logs.
    Later,
    /// In a cookie, without proof that a page of ours asked.
    StrayCookie,
    /// By a scheme that is not taken.
    NotTaken,
}

impl Credential {
    /// The credential of a request. The header comes first, so that a ticket beside it is not spent; the
    /// cookie, which a browser sends whether or not it is meant, last, and not where the client says
    /// `auth=message`.
    pub(super) fn of(headers: &HeaderMap, query: &str, origins: &AllowedOrigins) -> Self {
        if let Some(value) = headers.get(header::AUTHORIZATION) {
            let bearer = value.to_str().ok().and_then(in_scheme);
            return bearer.map_or(Self::NotTaken, |token| Self::Token(token.to_owned()));
        }
        // Tickets are made of characters that need no escaping in an address.
        let said = |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(name));
        if let Some(ticket) = said("ticket=") {
            return Self::Ticket(Bearer::new(ticket.to_owned()));
        }
        if said("auth=") == Some("message") {
            return Self::Later;
        }
        match cookies::access_token(headers, origins) {
            Sent::Nothing => Self::Later,
            // A browser says whose page opens a socket.
            Sent::Stray | Sent::Submitted(..) => Self::StrayCookie,
            Sent::Proven(token) => Self::Token(token.to_owned()),
        }
    }
}

/// The token of a `Bearer` or `DPoP` header; the scheme's name is of any case (RFC 9110 section 11.1).
fn in_scheme(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    let token = token.trim();
    let is_taken = ["bearer", SCHEME]
        .into_iter()
        .any(|it| scheme.eq_ignore_ascii_case(it));
    (is_taken && !token.is_empty()).then_some(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(authorization: Option<&str>, query: &str) -> String {
        let mut headers = HeaderMap::new();
        if let Some(value) = authorization {
            headers.insert(header::AUTHORIZATION, value.parse().unwrap());
        }
        match Credential::of(&headers, query, &AllowedOrigins::default()) {
            Credential::Token(token) => format!("token {token}"),
            Credential::Ticket(ticket) => format!("ticket {}", ticket.expose()),
            Credential::Later => "later".to_owned(),
            Credential::StrayCookie => "stray cookie".to_owned(),
            Credential::NotTaken => "not taken".to_owned(),
        }
    }

    #[test]
    fn header_then_ticket_then_first_message() {
        assert_eq!(said(Some("Bearer abc"), "ticket=t"), "token abc");
        assert_eq!(said(Some("bearer  abc "), ""), "token abc");
        assert_eq!(said(None, "a=b&ticket=t-_"), "ticket t-_");
        assert_eq!(said(None, ""), "later");
        assert_eq!(said(None, "tickets=t"), "later");
    }

    #[test]
    fn a_cookie_comes_last_and_only_where_it_is_meant() {
        let of = |query: &str, origin: Option<&str>| {
            let mut headers = HeaderMap::new();
            let cookie = "__Host-sessionwire-access=abc";
            headers.insert(header::COOKIE, cookie.parse().unwrap());
            headers.insert(header::HOST, "app.example".parse().unwrap());
            if let Some(origin) = origin {
                headers.insert(header::ORIGIN, origin.parse().unwrap());
            }
            Credential::of(&headers, query, &AllowedOrigins::default())
        };
        let own = Some("https://app.example");
        assert!(matches!(of("", own), Credential::Token(token) if token == "abc"));
        assert!(matches!(of("ticket=t", own), Credential::Ticket(_)));
        assert!(matches!(of("auth=message", own), Credential::Later));
        assert!(matches!(of("", None), Credential::StrayCookie));
        assert!(matches!(of("auth=message", None), Credential::Later));
    }

    #[test]
    fn a_token_in_the_address_is_not_looked_at_and_other_schemes_are_not_taken() {
        assert_eq!(said(None, "token=abc"), "later");
        assert_eq!(said(None, "x=1&access_token=abc"), "later");
        assert_eq!(said(Some("Basic abc"), "ticket=t"), "not taken");
        assert_eq!(said(Some("Bearer "), ""), "not taken");
        assert_eq!(said(Some("abc"), ""), "not taken");
    }
}
