//! May a page of this origin connect? Browsers always say it and can't lie about it; it guards
//! against other sites' pages and nobody else. It may not know credentials.

use http::{HeaderMap, header};

/// Whether the request's origin is the server's own, or one of those allowed, or none at all.
pub(super) fn is_allowed(headers: &HeaderMap, allowed: &[String]) -> bool {
    let mut origins = headers.get_all(header::ORIGIN).iter();
    let Some(origin) = origins.next() else {
        return true;
    };
    let (Ok(origin), None) = (origin.to_str(), origins.next()) else {
        return false;
    };
    let origin = origin.to_ascii_lowercase();
    allowed.contains(&origin) || is_own(headers, &origin)
}

/// Whether the page came from where it connects to. Behind a proxy that ends TLS the scheme differs,
/// so only host and port are compared.
fn is_own(headers: &HeaderMap, origin: &str) -> bool {
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok())
        .map(str::to_ascii_lowercase);
    let (Some(host), Some((scheme, place))) = (host, origin.split_once("://")) else {
        return false;
    };
    let usual_port = match scheme {
        "http" => ":80",
        "https" => ":443",
        _ => return false,
    };
    let bare = |place: &str| place.strip_suffix(usual_port).unwrap_or(place).to_owned();
    !place.is_empty() && bare(place) == bare(&host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(origins: &[&str], host: &str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, host.parse().unwrap());
        for origin in origins {
            headers.append(header::ORIGIN, origin.parse().unwrap());
        }
        is_allowed(&headers, &["https://app.example.org".to_owned()])
    }

    #[test]
    fn own_listed_and_no_origin_are_fine() {
        assert!(allowed(&[], "sw.example.org"));
        assert!(allowed(&["https://app.example.org"], "sw.example.org"));
        assert!(allowed(&["https://App.Example.org"], "sw.example.org"));
        assert!(allowed(&["https://sw.example.org"], "sw.example.org"));
        assert!(allowed(&["https://sw.example.org"], "SW.example.org:443"));
        assert!(allowed(&["http://127.0.0.1:7400"], "127.0.0.1:7400"));
        assert!(allowed(&["http://[::1]:7400"], "[::1]:7400"));
    }

    #[test]
    fn everything_else_is_not() {
        for origin in [
            "https://evil.example",
            "https://sw.example.org.evil.example",
            "https://sw.example.org:8443",
            "http://app.example.org",
            "null",
            "file://",
            "",
            "sw.example.org",
            "chrome-extension://sw.example.org",
        ] {
            assert!(!allowed(&[origin], "sw.example.org"), "{origin}");
        }
        let two = ["https://app.example.org", "https://app.example.org"];
        assert!(!allowed(&two, "sw.example.org"));
        assert!(!is_allowed(
            &HeaderMap::from_iter([(header::ORIGIN, "https://a".parse().unwrap())]),
            &[]
        ));
    }
}
