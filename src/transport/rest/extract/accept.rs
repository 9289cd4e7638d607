//! Whether a client takes JSON (RFC 9110 section 12.5.1). It may not know routes.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use http::HeaderMap;
use http::header::ACCEPT;

use crate::domain::error::ErrorCode;
use crate::transport::rest::problem::Problem;

/// Refuses a request whose answer its client would not take.
pub(in crate::transport::rest) async fn accept_json(
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    if takes_json(request.headers()) {
        Ok(next.run(request).await)
    } else {
        Err(Problem::form(
            ErrorCode::NotAcceptable,
            "answers come as application/json; the header Accept excludes it",
        ))
    }
}

/// Of several ranges that fit the most specific decides; without any header everything is fine.
fn takes_json(headers: &HeaderMap) -> bool {
    let mut ranges = headers
        .get_all(ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .filter(|range| !range.is_empty())
        .peekable();
    if ranges.peek().is_none() {
        return true;
    }
    ranges
        .filter_map(|range| Some((specificity(range)?, is_wanted(range))))
        .max()
        .is_some_and(|(_, wanted)| wanted)
}

/// How closely a range names JSON; `None` where it does not.
fn specificity(range: &str) -> Option<u8> {
    let name = range.split(';').next().unwrap_or_default().trim();
    match name.to_ascii_lowercase().as_str() {
        "application/json" => Some(2),
        "application/*" => Some(1),
        "*/*" => Some(0),
        _ => None,
    }
}

/// Whether its weight is not zero.
fn is_wanted(range: &str) -> bool {
    let weight = range
        .split(';')
        .skip(1)
        .filter_map(|parameter| parameter.split_once('='))
        .find(|(name, _)| name.trim().eq_ignore_ascii_case("q"))
        .and_then(|(_, weight)| weight.trim().parse::<f32>().ok());
    weight.is_none_or(|weight| weight > 0.0)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn json_must_not_be_excluded() {
        for (accept, taken) in [
            ("", true),
            ("*/*", true),
            ("application/json; charset=utf-8", true),
            ("text/html, application/*;q=0.1", true),
            ("text/html", false),
            ("application/problem+json", false),
            ("application/json;q=0, */*", false),
            ("*/*;q=0", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT, HeaderValue::from_static(accept));
            assert_eq!(takes_json(&headers), taken, "{accept}");
        }
        assert!(takes_json(&HeaderMap::new()));
    }
}
