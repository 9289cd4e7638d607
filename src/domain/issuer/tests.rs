//! What tokens prove.

use std::time::Duration;

use serde_json::{Value, json};

use super::*;

const NOW: i64 = 1_800_000_000;

fn rules() -> IssuerRules {
    IssuerRules {
        name: "shop".to_owned(),
        issuer: "https://id.example".to_owned(),
        audiences: vec!["api".to_owned()],
        audience: ClaimName::new("aud"),
        required: vec![(ClaimName::new("use"), "access".to_owned())],
        subject: ClaimName::new("sub"),
        session: Some(ClaimName::new("sid")),
        auth_time: ClaimName::new("auth_time"),
        display_name: ClaimName::new("name"),
        groups: Some(ClaimName::new("groups")),
        creates_users: true,
        leeway: Duration::from_secs(30),
    }
}

fn token() -> Value {
    json!({
        "iss": "https://id.example", "aud": ["other", "api"], "use": "access", "sub": "anna",
        "sid": "s1", "jti": "t1", "iat": NOW - 10, "exp": NOW + 300, "auth_time": NOW - 1000,
        "name": "Anna", "groups": ["staff", "a\nb", "staff"],
    })
}

fn with(name: &str, value: Value) -> Value {
    let mut token = token();
    token[name] = value;
    token
}

fn without(names: &[&str]) -> Value {
    let mut token = token();
    for name in names {
        token.as_object_mut().unwrap().remove(*name);
    }
    token
}

fn read(token: &Value) -> Result<Proof, &'static str> {
    let now = Timestamp::from_seconds(NOW);
    let read = rules().read(token.as_object().unwrap(), now);
    read.map_err(|error| error.code().as_str())
}

#[test]
fn a_token_says_who_and_since_when() {
    let proof = read(&token()).unwrap();
    assert_eq!(proof.session.identity.subject, "anna");
    assert_eq!(proof.session.key.as_str(), "s:s1");
    assert_eq!(proof.session.signed_in_at, NOW - 1000);
    assert_eq!(proof.groups.unwrap(), ["staff"]);
    assert_eq!(proof.display_name.unwrap(), "Anna");
}

#[test]
fn what_an_issuer_leaves_out_is_made_up_for() {
    let key = |token: &Value| read(token).unwrap().session.key.as_str().to_owned();
    assert_eq!(key(&without(&["sid"])), "j:t1");
    assert_eq!(key(&without(&["sid", "jti"])), format!("i:{}", NOW - 10));
    assert_eq!(key(&with("sid", json!(7))), "s:7");
    let proof = read(&without(&["auth_time", "groups", "name"])).unwrap();
    assert_eq!(proof.session.signed_in_at, NOW - 10);
    assert_eq!(proof.groups, Some(Vec::new()));
    assert_eq!(proof.display_name, None);
}

#[test]
fn tokens_of_others_and_for_others_are_refused() {
    for (name, value) in [
        ("iss", json!("https://id.example/")),
        ("iss", Value::Null),
        ("aud", json!("other")),
        ("aud", json!([])),
        ("aud", json!(["api", 7])),
        ("aud", json!({ "api": "api" })),
        ("use", json!("id")),
        ("use", json!(["access"])),
        ("events", json!({})),
        ("sub", json!("")),
        ("sub", json!(["anna"])),
        ("sub", json!("a".repeat(256))),
        ("sub", json!("an\0na")),
        ("sid", json!({})),
        ("sid", json!("")),
        ("groups", json!([7])),
        (
            "groups",
            json!((0..201).map(|n| n.to_string()).collect::<Vec<_>>()),
        ),
        ("iat", json!("yesterday")),
        ("iat", Value::Null),
        ("exp", Value::Null),
        ("exp", json!("later")),
        ("exp", json!(-1)),
        ("exp", json!(1e300)),
        ("nbf", json!("now")),
        ("auth_time", json!("then")),
    ] {
        assert_eq!(
            read(&with(name, value.clone())),
            Err("token_invalid"),
            "{name}: {value}"
        );
    }
}

#[test]
fn clocks_may_be_off_by_the_leeway_and_no_more() {
    for (name, second, verdict) in [
        ("exp", NOW - 29, None),
        ("exp", NOW - 30, Some("token_expired")),
        ("nbf", NOW + 30, None),
        ("nbf", NOW + 31, Some("token_invalid")),
        ("iat", NOW + 30, None),
        ("iat", NOW + 31, Some("token_invalid")),
        ("auth_time", NOW + 30, None),
        ("auth_time", NOW + 31, Some("token_invalid")),
    ] {
        assert_eq!(
            read(&with(name, json!(second))).err(),
            verdict,
            "{name} {second}"
        );
    }
    let parts = with("exp", json!(1_800_000_000.75));
    assert!(read(&parts).is_ok());
    let both = json!({ "aud": "other", "exp": 0 });
    assert_eq!(
        read(&both),
        Err("token_invalid"),
        "invalid comes before expired"
    );
}

#[test]
fn the_second_in_which_something_ended_counts_as_before() {
    let session = read(&token()).unwrap().session;
    let end = |millis| Timestamp::from_millis((NOW - 1000) * 1000 + millis);
    assert!(session.is_later_than(end(-1)));
    assert!(!session.is_later_than(end(0)));
    assert!(!session.is_later_than(end(999)));
}
