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
        logout_audiences: vec!["client".to_owned()],
        required: vec![(ClaimName::new("use"), "access".to_owned())],
        subject: ClaimName::new("sub"),
        session: Some(ClaimName::new("sid")),
        auth_time: ClaimName::new("auth_time"),
        display_name: ClaimName::new("name"),
        groups: Some(ClaimName::new("groups")),
        creates_users: true,
        attaches: false,
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

fn logout() -> Value {
    json!({
        "iss": "https://id.example", "aud": "client", "sub": "anna", "sid": "s1", "jti": "l1",
        "iat": NOW, "exp": NOW + 120,
        "events": { "http://schemas.openid.net/event/backchannel-logout": {} },
    })
}

fn read_logout(token: &Value) -> Result<Logout, &'static str> {
    let now = Timestamp::from_seconds(NOW);
    let read = rules().read_logout(token.as_object().unwrap(), now);
    read.map_err(|error| error.code().as_str())
}

#[test]
fn a_logout_token_names_a_session_or_a_person() {
    let whom = |without: &str| {
        let mut token = logout();
        token.as_object_mut().unwrap().remove(without);
        read_logout(&token).unwrap().whom
    };
    let (one, nameless) = (SessionKey::named("s1"), SessionKey::of_token("t1"));
    for (without, means) in [
        ("", [true, false, true, false]),
        ("sub", [true, false, false, true]),
        ("sid", [true, true, true, false]),
    ] {
        let whom = whom(without);
        let found = [
            whom.means("anna", &one),
            whom.means("anna", &SessionKey::named("s2")),
            whom.means("anna", &nameless),
            whom.means("bert", &one),
        ];
        assert_eq!(found, means, "without `{without}`");
    }
    let kept = read_logout(&logout()).unwrap().keep_until;
    assert_eq!(kept.as_seconds(), NOW + 150);
}

#[test]
fn what_is_no_logout_token_is_refused() {
    for (name, value) in [
        ("iss", json!("https://elsewhere.example")),
        ("aud", json!("api")),
        ("events", Value::Null),
        (
            "events",
            json!(["http://schemas.openid.net/event/backchannel-logout"]),
        ),
        (
            "events",
            json!({ "http://schemas.openid.net/event/backchannel-logout": null }),
        ),
        ("events", json!({ "other": {} })),
        ("nonce", json!("n")),
        ("nonce", Value::Null),
        ("jti", Value::Null),
        ("sub", json!({})),
        ("sid", json!("")),
        ("iat", Value::Null),
        ("iat", json!(NOW + 31)),
        ("exp", Value::Null),
        ("exp", json!(NOW + 86_401)),
        ("nbf", json!(NOW + 31)),
    ] {
        let mut token = logout();
        token[name] = value.clone();
        let refused = read_logout(&token).err();
        assert_eq!(refused, Some("token_invalid"), "{name}: {value}");
    }
    let mut nobody = logout();
    nobody
        .as_object_mut()
        .unwrap()
        .retain(|name, _| !["sub", "sid"].contains(&name.as_str()));
    assert_eq!(read_logout(&nobody).err(), Some("token_invalid"));
    let mut old = logout();
    old["iat"] = json!(NOW - 100);
    old["exp"] = json!(NOW - 30);
    assert_eq!(read_logout(&old).err(), Some("token_expired"));
}
