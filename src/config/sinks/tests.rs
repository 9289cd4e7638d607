//! Sinks as people write them.

use crate::config::{Config, ConfigError, SinkTarget};

fn read(text: &str, variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let variables = variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Config::from_sources(Some(text), variables)
}

fn refusal(text: &str) -> String {
    read(text, &[]).unwrap_err().to_string()
}

const CACHE: &str = "[[sinks]]\nkind = 'redis'\nname = 'cache'\n";

#[test]
fn a_sink_has_a_kind_and_a_name_and_defaults() {
    let config = read(CACHE, &[]).unwrap();
    let [sink] = config.sinks.as_slice() else {
        panic!("{:?}", config.sinks)
    };
    assert_eq!(sink.basics.name.as_str(), "cache");
    let SinkTarget::Redis(redis, None) = &sink.target else {
        panic!("{:?}", sink.target)
    };
    assert_eq!(redis.url.expose(), "redis://127.0.0.1:6379");
    let rows: Vec<_> = sink
        .rows()
        .into_iter()
        .map(|row| (row.name, row.value))
        .collect();
    assert_eq!(rows[0], ("sinks.cache.kind".to_owned(), "redis".to_owned()));
    assert!(rows.contains(&("sinks.cache.timeout_s".to_owned(), "5".to_owned())));
    assert!(refusal("[[sinks]]\nname = 'cache'").contains("`sinks.cache.kind` is missing"));
    assert!(refusal("[[sinks]]\nkind = 'redis'").contains("`sinks[0].name` is missing"));
    assert!(refusal("[[sinks]]\nkind = 'carrier'\nname='a'").contains("`sinks.a.kind`"));
    assert!(refusal(&format!("{CACHE}{CACHE}")).contains("two sinks"));
    assert!(refusal("sinks = 'cache'").contains("a list of tables"));
}

#[test]
fn the_variable_holds_the_same_list() {
    let list = "[{ kind = 'redis', name = 'a' }, { kind = 'redis', name = 'b' }]";
    let config = read(CACHE, &[("SESSIONWIRE_SINKS", list)]).unwrap();
    assert_eq!(config.sinks.len(), 2);
    assert!(read(CACHE, &[("SESSIONWIRE_SINKS", "cache")]).is_err());
    assert_eq!(
        read(CACHE, &[("SESSIONWIRE_SINKS", "[]")]).unwrap().sinks,
        []
    );
}

#[test]
fn an_unknown_setting_of_a_sink_names_the_nearest() {
    let told = refusal(&format!("{CACHE}ulr = 'redis://a'\n"));
    assert!(
        told.contains("`sinks.cache.ulr`") && told.contains("`url`"),
        "{told}"
    );
    let told = refusal(&format!("{CACHE}timeout_s = 61\nretry_max_s = 'x'\n"));
    assert!(told.contains("from 1 to 60") && told.contains("`sinks.cache.retry_max_s`"));
}

#[test]
fn events_are_types_that_there_are() {
    let config = read(&format!("{CACHE}events = ['session.ended', 'user.*']"), &[]).unwrap();
    assert_eq!(config.sinks[0].basics.events.0.len(), 2);
    for wrong in ["['session.end']", "['*']", "['sess*']", "'session.ended'"] {
        let told = refusal(&format!("{CACHE}events = {wrong}"));
        assert!(told.contains("`sinks.cache.events`"), "{told}");
    }
}

#[test]
fn a_secret_comes_from_a_file_or_a_variable_and_is_not_shown() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("password");
    std::fs::write(&path, "hunter2\n").unwrap();
    let by_file = format!("{CACHE}password_file = '{}'\n", path.display());
    let by_variable = format!("{CACHE}password_env = 'REDIS_PASSWORD'\n");
    for (text, variables) in [
        (&by_file, vec![]),
        (&by_variable, vec![("REDIS_PASSWORD", "hunter2")]),
    ] {
        let config = read(text, &variables).unwrap();
        let SinkTarget::Redis(_, Some(password)) = &config.sinks[0].target else {
            panic!("{config:?}")
        };
        assert_eq!(password.expose(), "hunter2");
        let rows = config.sinks[0].rows();
        assert!(!format!("{config:?}{rows:?}").contains("hunter2"));
    }
    assert!(refusal(&by_variable).contains("a variable that is not set"));
    let nowhere = refusal(&format!("{CACHE}password_file = '/nowhere/hunter2'\n"));
    assert!(
        nowhere.contains("can't be used") && !nowhere.contains("hunter2"),
        "{nowhere}"
    );
    let misplaced = refusal(&format!("{CACHE}password_env = 'hunter-2!'\n"));
    assert!(!misplaced.contains("hunter"), "{misplaced}");
    assert!(refusal(&format!("{by_file}password_env = 'A'\n")).contains("both set"));
}

#[test]
fn a_webhook_needs_an_address_and_a_secret() {
    let hook = |settings: &str, secret: &str| {
        let text = format!("[[sinks]]\nkind = 'webhook'\nname = 'hook'\n{settings}");
        read(&text, &[("HOOK", secret)]).map_err(|error| error.to_string())
    };
    let secret = format!("whsec_{}", "A".repeat(32));
    let fine = "url = 'https://a.example/hook'\nsecret_env = 'HOOK'\n";
    let config = hook(fine, &format!("{secret} \n{secret}")).unwrap();
    let SinkTarget::Webhook(webhook, secrets) = &config.sinks[0].target else {
        panic!("{config:?}")
    };
    assert_eq!((secrets.len(), secrets[0].expose().len()), (2, 24));
    assert_eq!(webhook.disable_after.as_secs(), 259_200);
    assert!(!format!("{config:?}").contains("AAAA"));
    for wrong in [
        "hunter2",
        "whsec_AAAA",
        "whsec_?",
        &format!("{secret} hunter2"),
    ] {
        let told = hook(fine, wrong).unwrap_err();
        assert!(
            told.contains("`sinks.hook.secret_env` must lead to a secret"),
            "{told}"
        );
        assert!(!told.contains("hunter2"), "{told}");
    }
    let told = hook("secret_env = 'HOOK'", &secret).unwrap_err();
    assert!(told.contains("`sinks.hook.url` is missing"), "{told}");
    let told = hook("url = 'https://a.example'", &secret).unwrap_err();
    assert!(told.contains("must lead to a secret"), "{told}");
    let told = hook(&format!("{fine}prefix = 'a'"), &secret).unwrap_err();
    assert!(
        told.contains("`sinks.hook.prefix` is not a setting"),
        "{told}"
    );
}

#[test]
fn an_address_has_the_right_scheme_and_hides_its_password() {
    let told = refusal(&format!("{CACHE}url = 'http://app:hunter2@a'\n"));
    assert!(
        told.contains("redis:// or rediss://") && !told.contains("hunter2"),
        "{told}"
    );
    let config = read(&format!("{CACHE}url = 'rediss://:hunter2@a:1/2'\n"), &[]).unwrap();
    let shown = format!("{config:?}{:?}", config.sinks[0].rows());
    assert!(
        shown.contains("rediss://:***@a:1/2") && !shown.contains("hunter2"),
        "{shown}"
    );
}

#[test]
fn a_client_that_is_told_of_logouts_needs_an_address_and_an_id() {
    let logout = |more: &str| {
        let table = format!("[[sinks]]\nkind = 'logout'\nname = 'app'\n{more}\n");
        read(&table, &[]).map_err(|error| error.to_string())
    };
    let config = logout("url = 'https://a.example'\naudience = 'client'").unwrap();
    assert_eq!(config.sinks[0].basics.events.0, ["session.ended"]);
    let told = logout("").unwrap_err();
    assert!(told.contains("`sinks.app.url` is missing"), "{told}");
    assert!(told.contains("`sinks.app.audience` is missing"), "{told}");
    let told =
        logout("url = 'https://a.example'\naudience = 'a'\nevents = ['user.*']").unwrap_err();
    assert!(
        told.contains("`sinks.app.events` is not for this kind"),
        "{told}"
    );
}
