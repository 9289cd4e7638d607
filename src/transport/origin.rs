//! Which pages may use this server from a browser. It may not know credentials.

use http::HeaderMap;
use http::header::{HOST, ORIGIN};

/// The allowed origins; empty: the server's own only.
#[derive(Clone, Debug, Default)]
pub struct AllowedOrigins(Vec<String>);

impl AllowedOrigins {
    /// From their texts, as browsers send them.
    pub fn new(origins: Vec<String>) -> Self {
        Self(origins)
    }

    /// The texts.
    pub fn as_slice(&self) -> &[String] {
        &self.0
    }

    /// Whether the request may come from where it says. Without an `Origin` no browser page sent it.
    pub fn admit(&self, headers: &HeaderMap) -> bool {
        let Some(origin) = headers.get(ORIGIN) else {
            return true;
        };
        let Ok(origin) = origin.to_str() else {
            return false;
        };
        if self
            .0
            .iter()
            .any(|allowed| allowed.eq_ignore_ascii_case(origin))
        {
            return true;
        }
        // Behind a proxy that ends TLS the server can't know its own scheme, so hosts are compared.
        let host = headers.get(HOST).and_then(|host| host.to_str().ok());
        let authority = origin.split_once("://").map(|(_, authority)| authority);
        self.0.is_empty()
            && matches!((host, authority), (Some(host), Some(authority)) if host.eq_ignore_ascii_case(authority))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admitted(allowed: &[&str], origin: Option<&str>) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, "app.example:7400".parse().unwrap());
        if let Some(origin) = origin {
            headers.insert(ORIGIN, origin.parse().unwrap());
        }
        AllowedOrigins::new(allowed.iter().map(|&o| o.into()).collect()).admit(&headers)
    }

    #[test]
    fn without_a_list_only_the_own_origin_is_allowed() {
        assert!(admitted(&[], None));
        assert!(admitted(&[], Some("http://app.example:7400")));
        assert!(!admitted(&[], Some("http://app.example")));
        assert!(!admitted(&[], Some("https://evil.example")));
        assert!(!admitted(&[], Some("null")));
    }

    #[test]
    fn with_a_list_only_the_list_is_allowed() {
        assert!(admitted(
            &["https://shop.example"],
            Some("https://shop.example")
        ));
        assert!(!admitted(
            &["https://shop.example"],
            Some("http://app.example:7400")
        ));
    }
}
