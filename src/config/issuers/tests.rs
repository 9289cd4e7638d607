//! Issuers as people write them.

use crate::config::{Config, ConfigError};

fn read(text: &str, variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let variables = variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Config::from_sources(Some(text), variables)
}

fn refusal(text: &str) -> String {
    read(text, &[("SECRET", SECRET)]).unwrap_err().to_string()
}

const SHOP: &str = "[[issuers]]\nname = 'shop'\nissuer = 'https://id.example'\naudiences = ['a']\n";
const SECRET: &str = "hunter2-hunter2-hunter2-hunter2-";

fn rows(text: &str) -> Vec<(String, String)> {
    let config = read(text, &[("SECRET", SECRET)]).unwrap();
    let rows = config.issuers[0].rows().into_iter();
    rows.map(|row| (row.name, row.value)).collect()
}

#[test]
fn what_is_left_out_is_as_openid_connect_says() {
    let rows = rows(SHOP);
    for (name, value) in [
        ("session_claim", "sid"),
        ("groups_claim", "groups"),
        ("groups", "here"),
        ("strangers", "refuse"),
        ("algorithms", "RS256,ES256"),
        ("jwks_url", ""),
        ("leeway_s", "30"),
    ] {
        let row = (format!("issuers.shop.{name}"), value.to_owned());
        assert!(rows.contains(&row), "{row:?} is not in {rows:?}");
    }
}

#[test]
fn a_preset_says_the_rest_and_what_is_written_wins() {
    let text = "[[issuers]]\nname = 'app'\npreset = 'firebase'\n\
         issuer = 'https://securetoken.google.com/my-project'\nsession_claim = 'device'\n";
    let rows = rows(text);
    for (name, value) in [
        ("audiences", "my-project"),
        ("session_claim", "device"),
        ("algorithms", "RS256"),
    ] {
        let row = (format!("issuers.app.{name}"), value.to_owned());
        assert!(rows.contains(&row), "{row:?} is not in {rows:?}");
    }
    let told = refusal(&format!("{text}groups = 'claims'\n"));
    assert!(
        told.contains("`issuers.app.groups_claim` is missing"),
        "{told}"
    );
    assert!(refusal(&format!("{SHOP}preset = 'okta'\n")).contains("cognito, auth0"));
}

#[test]
fn the_variable_holds_the_same_list() {
    let list = "[{ name = 'a', issuer = 'https://a.example', audiences = ['x'] }]";
    let config = read(SHOP, &[("SESSIONWIRE_ISSUERS", list)]).unwrap();
    assert_eq!(config.issuers[0].settings.name.as_str(), "a");
    assert!(read(SHOP, &[("SESSIONWIRE_ISSUERS", "a")]).is_err());
}

#[test]
fn a_secret_is_long_enough_and_not_shown() {
    let shared = format!("{SHOP}secret_env = 'SECRET'\n");
    let config = read(&shared, &[("SECRET", SECRET)]).unwrap();
    let issuer = &config.issuers[0];
    assert_eq!(issuer.secret.as_ref().unwrap().expose(), SECRET.as_bytes());
    let shown = format!("{config:?}{:?}{:?}", config.rows(), issuer.rows());
    assert!(
        !shown.contains("hunter2") && shown.contains("HS256"),
        "{shown}"
    );
    let told = read(&shared, &[("SECRET", "hunter2")])
        .unwrap_err()
        .to_string();
    assert!(
        told.contains("shorter than 32 bytes") && !told.contains("hunter2"),
        "{told}"
    );
    let told = refusal(&format!("{shared}algorithms = ['RS256']\n"));
    assert!(told.contains("leave out HS256"), "{told}");
    let told = refusal(&format!("{SHOP}algorithms = ['HS256']\n"));
    assert!(told.contains("there is no secret"), "{told}");
}

#[test]
fn keys_come_over_https_from_one_place() {
    let plain = SHOP.replace("https", "http");
    assert!(refusal(&plain).contains("`issuers.shop.issuer` is no https address"));
    assert!(read(&format!("{plain}addresses = 'any'\n"), &[]).is_ok());
    let told = refusal(&format!("{SHOP}jwks_url = 'http://id.example/keys'\n"));
    assert!(told.contains("`issuers.shop.jwks_url`"), "{told}");
    let told = refusal(&SHOP.replace("https://id.example", "urn:shop"));
    assert!(told.contains("`issuers.shop.issuer`"), "{told}");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.json");
    let by_file = format!("{SHOP}jwks_file = '{}'\n", path.display());
    assert!(refusal(&by_file).contains("can't be used"));
    for wrong in ["", "[]", "{\"keys\": []}", &" ".repeat(300_000)] {
        std::fs::write(&path, wrong).unwrap();
        assert!(refusal(&by_file).contains("`issuers.shop.jwks_file`"));
    }
    let told = refusal(&format!("{by_file}jwks_url = 'https://id.example/keys'\n"));
    assert!(told.contains("`issuers.shop.jwks_file`"), "{told}");
}

#[test]
fn every_mistake_is_told() {
    for (text, told) in [
        (
            "[[issuers]]\nissuer = 'https://a'\naudiences = ['a']",
            "`issuers[0].name` is missing",
        ),
        (
            "[[issuers]]\nname = 'a'\naudiences = ['a']",
            "`issuers.a.issuer` is missing",
        ),
        (
            "[[issuers]]\nname = 'a'\nissuer = 'https://a'",
            "`issuers.a.audiences` is missing",
        ),
        ("issuers = 'a'", "a list of tables"),
    ] {
        let found = refusal(text);
        assert!(found.contains(told), "{found}");
    }
    let found = refusal(&format!("{SHOP}{SHOP}"));
    assert!(found.contains("`issuers.shop.name`") && found.contains("`issuers.shop.issuer`"));
    let found = refusal(&format!(
        "{SHOP}required_claims = ['a']\nalgorithms = ['none']\naudience = 'b'\n"
    ));
    for part in ["token_use=access", "RS256, ES256", "`audiences`"] {
        assert!(found.contains(part), "{found}");
    }
}
