//! The test vectors that every guard passes: `tests/vectors/guard.json`.

use crate::{FeedFault, FeedMessage, FeedState, KeySet, Rejection, RevocationIndex, Verdict};
use serde_json::Value;

const ENTRIES_MAX: usize = 1000;

struct Vectors {
    whole: Value,
    keys: KeySet,
    now: i64,
}

impl Vectors {
    fn read() -> Self {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/vectors/guard.json");
        let whole: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let text = |name: &str| whole[name].as_str().unwrap();
        let keys = KeySet::from_jwks(text("issuer"), text("audience"), &whole["jwks"]).unwrap();
        let now = whole["now"].as_i64().unwrap();
        Self { whole, keys, now }
    }

    fn list(&self, name: &str) -> &[Value] {
        self.whole[name].as_array().unwrap()
    }

    /// The verdict as the vectors name it, its reason and its position.
    fn verdict(
        &self,
        index: &RevocationIndex,
        token: &str,
        now: i64,
        requires: Option<&str>,
    ) -> (&'static str, Value, Value) {
        let claims = match self.keys.verify(token, now) {
            Ok(claims) => claims,
            Err(Rejection::Invalid) => return ("invalid", Value::Null, Value::Null),
            Err(Rejection::Expired) => return ("expired", Value::Null, Value::Null),
        };
        match index.verdict(&claims) {
            Err(_) => ("invalid", Value::Null, Value::Null),
            Ok(Verdict::Ended(seq, reason)) => ("ended", reason.as_str().into(), seq.0.into()),
            Ok(Verdict::Stale(seq)) => ("stale", Value::Null, seq.0.into()),
            Ok(Verdict::Good) if requires.is_some_and(|it| !claims.allows(it)) => {
                ("forbidden", Value::Null, Value::Null)
            }
            Ok(Verdict::Good) => ("good", Value::Null, Value::Null),
        }
    }
}

fn snapshot(index: &Value) -> FeedMessage {
    let mut body = index.clone();
    body["more"] = false.into();
    FeedMessage::named("snapshot", body).unwrap()
}

#[test]
fn tokens_get_their_verdicts() {
    let vectors = Vectors::read();
    for case in vectors.list("cases") {
        let name = &case["name"];
        let mut state = FeedState::default();
        let index = &vectors.whole["indexes"][case["index"].as_str().unwrap()];
        state.take(snapshot(index), ENTRIES_MAX).unwrap();
        let now = case["now"].as_i64().unwrap_or(vectors.now);
        let token = case["token"].as_str().unwrap();
        let requires = case["requires"].as_str();
        let found = vectors.verdict(state.index().unwrap(), token, now, requires);
        assert_eq!(found.0, case["verdict"], "{name}");
        assert_eq!(
            (&found.1, &found.2),
            (&case["reason"], &case["seq"]),
            "{name}"
        );
    }
}

#[test]
fn feeds_take_their_course() {
    let vectors = Vectors::read();
    for feed in vectors.list("feeds") {
        let name = &feed["name"];
        let mut state = FeedState::default();
        let mut fault = None;
        for message in feed["messages"].as_array().unwrap() {
            let message = FeedMessage::read(&message.to_string()).unwrap();
            if let Err(error) = state.take(message, ENTRIES_MAX) {
                fault = Some(error);
                break;
            }
        }
        let expected = feed["fault"].as_str().map(|_| FeedFault::Gap);
        assert_eq!(fault, expected, "{name}");
        let position = state.position().map(|seq| seq.0);
        assert_eq!(position, feed["position"].as_u64(), "{name}");
        for check in feed["checks"].as_array().unwrap() {
            let token = check["token"].as_str().unwrap();
            let index = state.index().unwrap();
            let (verdict, reason, _) = vectors.verdict(index, token, vectors.now, None);
            assert_eq!(
                (verdict, &reason),
                (check["verdict"].as_str().unwrap(), &check["reason"]),
                "{name}"
            );
        }
    }
}
