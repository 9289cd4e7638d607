//! What is in `deploy/` fits the server: the settings that it gives are known, and its waits are long enough.

use std::path::{Path, PathBuf};
use std::process::Output;

use crate::support::PROGRAM;

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("deploy")
        .join(name)
}

fn text(name: &str) -> String {
    std::fs::read_to_string(file(name)).unwrap()
}

/// What the server makes of a file of settings, and of the environment.
fn checked(config: Option<&Path>, environment: &[(String, String)]) -> Output {
    let mut command = std::process::Command::new(PROGRAM);
    command.args(["config", "check"]);
    if let Some(config) = config {
        command.arg("--config").arg(config);
    }
    command.envs(environment.iter().cloned()).output().unwrap()
}

fn assert_good(output: &Output) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}

#[test]
fn the_packages_settings_are_known_those_that_are_only_suggested_too() {
    assert_good(&checked(Some(&file("sessionwire.toml")), &[]));
    let given = text("sessionwire.toml");
    let suggested: Vec<&str> = given
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            Some(setting) if setting.contains(" = ") => setting,
            _ => line,
        })
        .collect();
    let count = |lines: &str| {
        lines
            .lines()
            .filter(|line| !line.starts_with('#') && line.contains('='))
            .count()
    };
    let suggested = suggested.join("\n");
    assert!(count(&suggested) > count(&given) + 5, "{suggested}");
    let folder = tempfile::tempdir().unwrap();
    let all = folder.path().join("all.toml");
    std::fs::write(&all, suggested).unwrap();
    assert_good(&checked(Some(&all), &[]));
}

/// The variables that the compose file gives a node.
fn of_compose() -> Vec<(String, String)> {
    let compose = text("compose.yaml");
    let lines = compose.lines().map(str::trim);
    let settings = lines.filter(|line| line.starts_with("SESSIONWIRE_"));
    let settings = settings.filter_map(|line| line.split_once(": "));
    let given = |value: &str| value.replace("${POSTGRES_PASSWORD:?}", "secret");
    settings
        .map(|(name, value)| (name.to_owned(), given(value)))
        .collect()
}

#[test]
fn the_compose_file_gives_settings_that_there_are() {
    let environment = of_compose();
    assert!(environment.len() > 8, "{environment:?}");
    let output = checked(None, &environment);
    assert_good(&output);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("bus = nats://nats:4222"), "{said}");
}

#[test]
fn nobody_is_killed_before_the_clients_were_sent_away() {
    let seconds = |name: &str| -> u64 {
        let compose = of_compose();
        let (_, value) = compose.iter().find(|(set, _)| set == name).unwrap();
        value.parse().unwrap()
    };
    let needed = seconds("SESSIONWIRE_DRAIN_NOTICE_S") + seconds("SESSIONWIRE_DRAIN_S") + 7;
    let number_after = |text: &str, name: &str| -> u64 {
        let (_, rest) = text.split_once(name).unwrap();
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().unwrap()
    };
    assert!(number_after(&text("compose.yaml"), "stop_grace_period: ") > needed);
    // The package's settings leave notice and drain at 5 s and the default of 10 s at most.
    assert!(number_after(&text("sessionwire.service"), "TimeoutStopSec=") > 5 + 10 + 7);
}
