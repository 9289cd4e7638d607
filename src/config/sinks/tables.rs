//! The settings of a sink: a table of what every kind has, and one a kind.

use std::path::PathBuf;
use std::time::Duration;

use super::values::{
    Addresses, Brokers, EventPatterns, SinkName, SinkStart, SinkUrl, VariableName,
};
use crate::config::setting::{Kind, Unit, seconds, settings};

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

settings! {
    /// A sink that writes to a stream of NATS JetStream.
    NatsSink, pub(super) NATS;

    /// Where the server is.
    "url" => url: SinkUrl = SinkUrl::of("nats://127.0.0.1:4222"), Kind::Address(&["nats", "tls"]);
    /// The file that holds the password; without a user in the address, a token.
    "password_file" => password_file: Option<PathBuf> = None, FILE;
    /// The variable that holds it.
    "password_env" => password_env: Option<VariableName> = None, VARIABLE;
    /// The stream; made where it is missing.
    "stream" => stream: SinkName = SinkName::of("SESSIONWIRE"), Kind::Form(SinkName::FORM);
    /// What every subject begins with.
    "prefix" => prefix: SinkName = SinkName::of("sessionwire"), Kind::Form(SinkName::FORM);
    /// How many events a stream keeps that is made here.
    "stream_max_length" => stream_max_length: u32 = 1_000_000, events(100, 1_000_000_000);
    /// Where it begins when it has never written.
    "start" => start: SinkStart = SinkStart::Now, Kind::Word(SinkStart::WORDS);
    /// How long an answer may take.
    "timeout_s" => timeout: Duration = Duration::from_secs(5), seconds(1, 60);
    /// The longest wait between two attempts.
    "retry_max_s" => retry_max: Duration = Duration::from_secs(30), seconds(1, 3600);
}

settings! {
    /// A sink that writes to a topic of Kafka.
    KafkaSink, pub(super) KAFKA;

    /// Brokers to ask for all others.
    "brokers" => brokers: Brokers = Brokers::default(), Kind::Form(Brokers::FORM);
    /// The topic; it has to be there.
    "topic" => topic: SinkName = SinkName::of("sessionwire-events"), Kind::Form(SinkName::FORM);
    /// Where it begins when it has never written.
    "start" => start: SinkStart = SinkStart::Now, Kind::Word(SinkStart::WORDS);
    /// How long an answer may take.
    "timeout_s" => timeout: Duration = Duration::from_secs(10), seconds(1, 60);
    /// The longest wait between two attempts.
    "retry_max_s" => retry_max: Duration = Duration::from_secs(30), seconds(1, 3600);
}

settings! {
    /// A sink that posts to a receiver.
    WebhookSink, pub(super) WEBHOOK;

    /// Where the receiver is.
    "url" => url: Option<SinkUrl> = None, Kind::Address(&["https", "http"]);
    /// The file that holds the secret, or several during a change, that each POST is signed with.
    "secret_file" => secret_file: Option<PathBuf> = None, FILE;
    /// The variable that holds it.
    "secret_env" => secret_env: Option<VariableName> = None, VARIABLE;
    /// Which addresses are connected to.
    "addresses" => addresses: Addresses = Addresses::Public, Kind::Word(Addresses::WORDS);
    /// Where it begins when it has never written.
    "start" => start: SinkStart = SinkStart::Now, Kind::Word(SinkStart::WORDS);
    /// How long an attempt may take.
    "timeout_s" => timeout: Duration = Duration::from_secs(15), seconds(1, 60);
    /// The longest wait between two attempts.
    "retry_max_s" => retry_max: Duration = Duration::from_mins(15), seconds(1, 86_400);
    /// How long it may fail before it is disabled.
    "disable_after_s" => disable_after: Duration = Duration::from_hours(72),
        seconds(60, 2_592_000);
}

settings! {
    /// A sink that tells a client when sessions are over.
    LogoutSink, pub(super) LOGOUT;

    /// The client's `backchannel_logout_uri`.
    "url" => url: Option<SinkUrl> = None, Kind::Address(&["https", "http"]);
    /// Its id: the `aud` of its logout tokens.
    "audience" => audience: Option<String> = None, Kind::Form("a text of 1 to 255 bytes");
    /// Which addresses are connected to.
    "addresses" => addresses: Addresses = Addresses::Public, Kind::Word(Addresses::WORDS);
    /// How long an attempt may take.
    "timeout_s" => timeout: Duration = Duration::from_secs(15), seconds(1, 60);
    /// The longest wait between two attempts.
    "retry_max_s" => retry_max: Duration = Duration::from_mins(15), seconds(1, 86_400);
    /// How long it may fail before it is disabled.
    "disable_after_s" => disable_after: Duration = Duration::from_hours(72),
        seconds(60, 2_592_000);
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
