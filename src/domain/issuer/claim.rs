//! Where a claim is in a token. It may not know what it is for.

use serde_json::{Map, Value};

/// A claim by its name, or by the names on the way to it with dots between: `realm_access.roles`,
/// `amr.0.timestamp`. Names with dots of their own, such as `https://example.org/roles`, are found first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimName(String);

impl ClaimName {
    /// A claim of this name.
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The claim; one that is null is none.
    pub fn find<'a>(&self, claims: &'a Map<String, Value>) -> Option<&'a Value> {
        let direct = claims.get(&self.0);
        direct
            .or_else(|| self.follow(claims))
            .filter(|it| !it.is_null())
    }

    fn follow<'a>(&self, claims: &'a Map<String, Value>) -> Option<&'a Value> {
        let mut steps = self.0.split('.');
        let first = claims.get(steps.next()?)?;
        steps.try_fold(first, |value, step| match value {
            Value::Object(members) => members.get(step),
            Value::Array(members) => members.get(step.parse::<usize>().ok()?),
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_claim_is_found_by_name_or_by_way() {
        let claims = json!({
            "sub": "1",
            "none": null,
            "realm_access": { "roles": ["a"] },
            "amr": [{ "timestamp": 7 }],
            "https://example.org/roles": ["b"],
        });
        let claims = claims.as_object().unwrap();
        let found = |name: &str| ClaimName::new(name).find(claims).cloned();
        assert_eq!(found("sub"), Some(json!("1")));
        assert_eq!(found("realm_access.roles"), Some(json!(["a"])));
        assert_eq!(found("amr.0.timestamp"), Some(json!(7)));
        assert_eq!(found("https://example.org/roles"), Some(json!(["b"])));
        for nowhere in [
            "none",
            "",
            ".",
            "sub.a",
            "realm_access.x",
            "amr.1",
            "amr.-1",
            "amr.x",
        ] {
            assert_eq!(found(nowhere), None, "{nowhere}");
        }
    }
}
