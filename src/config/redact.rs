//! Takes passwords out of addresses before anything shows them.
//!
//! Knows only text: it errs on the side of hiding too much, because what it is handed is, as
//! often as not, an address that failed to parse.

/// What stands in the place of a secret.
pub(super) const HIDDEN: &str = "***";

/// `text` with the password of its user part, and of its query, replaced by stars.
pub(super) fn redact(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else {
        return redact_query(text);
    };
    // The last `@`, and not the first: an unescaped one belongs to the password.
    let rest = match rest.rsplit_once('@') {
        None => rest.to_owned(),
        Some((who, host)) => match who.split_once(':') {
            None => format!("{who}@{host}"),
            Some((user, _)) => format!("{user}:{HIDDEN}@{host}"),
        },
    };
    format!("{scheme}://{}", redact_query(&rest))
}

fn redact_query(text: &str) -> String {
    let Some((path, query)) = text.split_once('?') else {
        return text.to_owned();
    };
    let pairs: Vec<String> = query.split('&').map(redact_pair).collect();
    format!("{path}?{}", pairs.join("&"))
}

fn redact_pair(pair: &str) -> String {
    match pair.split_once('=') {
        Some((name, _)) if is_secret(name) => format!("{name}={HIDDEN}"),
        _ => pair.to_owned(),
    }
}

fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["pass", "secret", "token", "key"]
        .iter()
        .any(|word| name.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_go_and_the_rest_stays() {
        for (text, shown) in [
            (
                "postgres://app:hunter2@db:5432/sw",
                "postgres://app:***@db:5432/sw",
            ),
            ("postgres://app:hun@ter/2@db/sw", "postgres://app:***@db/sw"),
            ("postgres://app@db/sw", "postgres://app@db/sw"),
            ("nats://:hunter2@bus", "nats://:***@bus"),
            (
                "postgres://db/sw?a=1&password=hunter2",
                "postgres://db/sw?a=1&password=***",
            ),
            ("sqlite://./data/sw.db", "sqlite://./data/sw.db"),
            ("plain", "plain"),
        ] {
            assert_eq!(redact(text), shown);
        }
    }
}
