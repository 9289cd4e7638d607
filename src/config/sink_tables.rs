//! The settings of a sink: a table of what every kind has, and one a kind.

use std::path::PathBuf;
use std::time::Duration;

use super::setting::{Kind, Unit, seconds, settings};
use super::sink_values::{EventPatterns, SinkName, SinkUrl, VariableName};

settings! {
    /// What every sink has.
    SinkBasics, pub(super) BASICS;

    /// What it is called; its place in the log is kept under this name.
    "name" => name: SinkName = SinkName::default(), Kind::Form(SinkName::FORM);
    /// Which events it is for; unless set, all of them.
    "events" => events: EventPatterns = EventPatterns::default(), Kind::Form(EventPatterns::FORM);
}

settings! {
    /// A sink that writes to Redis.
    RedisSink, pub(super) REDIS;

    /// Where the server is.
    "url" => url: SinkUrl = SinkUrl::of("redis://127.0.0.1:6379"),
        Kind::Address(&["redis", "rediss"]);
    /// The file that holds the password.
    "password_file" => password_file: Option<PathBuf> = None, FILE;
    /// The variable that holds the password.
    "password_env" => password_env: Option<VariableName> = None, VARIABLE;
    /// What every key begins with.
    "prefix" => prefix: SinkName = SinkName::of("sessionwire"), Kind::Form(SinkName::FORM);
    /// About how many events the stream keeps.
    "stream_max_length" => stream_max_length: u32 = 10_000, events(100, 10_000_000);
    /// How long an answer may take.
    "timeout_s" => timeout: Duration = Duration::from_secs(5), seconds(1, 60);
    /// The longest wait between two attempts.
    "retry_max_s" => retry_max: Duration = Duration::from_secs(30), seconds(1, 3600);
}

const FILE: Kind = Kind::Form("the path of a file");
const VARIABLE: Kind = Kind::Form(VariableName::FORM);

const fn events(min: u64, max: u64) -> Kind {
    Kind::Number {
        min,
        max,
        unit: Unit::Events,
    }
}
