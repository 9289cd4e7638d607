//! Queries: known members only, each once, without NUL.

use axum::extract::FromRequestParts;
use http::Uri;
use http::request::Parts;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::transport::rest::problem::Problem;

/// As much of the reader's words about a wrong query as is passed on.
const DETAIL_CHARS_MAX: usize = 300;

/// The members of a query.
pub(in crate::transport::rest) struct Query<T>(pub(in crate::transport::rest) T);

/// A request that takes no query.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::transport::rest) struct NoQuery {}

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parse(&parts.uri).map(Self)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for NoQuery {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parse(&parts.uri)
    }
}

fn parse<T: DeserializeOwned>(uri: &Uri) -> Result<T, Problem> {
    if uri.query().is_some_and(|query| query.contains("%00")) {
        return Err(Problem::invalid("the query must not contain NUL"));
    }
    axum::extract::Query::try_from_uri(uri)
        .map(|axum::extract::Query(members)| members)
        .map_err(|rejection| {
            let told = rejection.body_text();
            Problem::invalid(told.chars().take(DETAIL_CHARS_MAX).collect::<String>())
        })
}

/// Whether a request says that nothing is to happen.
pub(in crate::transport::rest) fn is_dry_run(uri: &Uri) -> bool {
    let query = uri.query().unwrap_or_default();
    query.split('&').any(|member| member == "dry_run=true")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::rest::page::PageQuery;

    fn told(query: &str) -> String {
        let uri = format!("/v1/users?{query}").parse().unwrap();
        match parse::<PageQuery>(&uri) {
            Ok(query) => format!("{:?} {:?}", query.limit, query.cursor),
            Err(problem) => format!("{problem:?}"),
        }
    }

    #[test]
    fn a_query_has_known_members_of_their_types() {
        assert_eq!(told(""), "None None");
        assert_eq!(told("limit=5&cursor=a"), "Some(5) Some(\"a\")");
        assert!(
            told("limit=x").contains("limit: invalid digit"),
            "{}",
            told("limit=x")
        );
        assert!(told("page=2").contains("unknown field `page`"));
        assert!(told("limit=1&limit=2").contains("duplicate field `limit`"));
        assert!(told("cursor=%00").contains("NUL"));
    }

    #[test]
    fn a_dry_run_is_seen() {
        let is = |uri: &str| is_dry_run(&uri.parse().unwrap());
        assert!(is("/v1/revoke-all?wait_ms=0&dry_run=true"));
        assert!(!is("/v1/revoke-all?dry_run=false"));
        assert!(!is("/v1/revoke-all"));
    }
}
