//! The server's settings, in one table: name, type, default, unit, bounds and a line of explanation.

use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

use super::bus::{Bus, BusSubject};
use super::database::Database;
use super::issuers::ForeignIssuer;
use super::master_key::MasterKeyCommand;
use super::setting::{Kind, Unit, bytes, connections, seconds, settings, times};
use super::sinks::{Sink, VariableName};
use super::types::{
    Issuer, LogFilter, LogFormat, Origin, Pages, Presence, TokenAlgorithm, WithoutLease,
};

settings! {
    /// The server's configuration; every field was checked against the table.
    Config, pub SETTINGS;

    /// Where clients connect; port 0 takes a free one.
    "listen" => listen: SocketAddr = SocketAddr::from((Ipv4Addr::LOCALHOST, 7400)), ADDRESS;
    /// Where the metrics are read; nowhere unless set.
    "metrics_listen" => metrics_listen: Option<SocketAddr> = None, ADDRESS;
    /// Where state and log are kept; unless set, `sessionwire.db` in the data directory.
    "database" => database: Option<Database> = None, Kind::Form("sqlite://PATH or postgres://USER:PASSWORD@HOST/DATABASE");
    /// Connections to PostgreSQL at most, one half to write and one to read.
    "database_connections" => database_connections: u32 = 20,
        Kind::Number { min: 4, max: 1000, unit: Unit::Connections };
    /// What carries events between nodes; unless set, the database where that is PostgreSQL, else the memory.
    "bus" => bus: Option<Bus> = None, Kind::Form(Bus::FORM);
    /// Who may have signed the certificate of the bus; unless set, whom the system believes.
    "bus_ca_file" => bus_ca_file: Option<PathBuf> = None, Kind::Form("the path of a file");
    /// What the nodes of one database speak on.
    "bus_subject" => bus_subject: BusSubject = BusSubject::of("sessionwire.bus"),
        Kind::Form(BusSubject::FORM);
    /// What this node is called; unless set, as its machine is.
    "node_name" => node_name: Option<String> = None, NAME;
    /// How long the log may be out of reach before a node decides nothing any more.
    "lease_ms" => lease: Duration = Duration::from_secs(2),
        Kind::Number { min: 500, max: 30_000, unit: Unit::Milliseconds };
    /// How long a node that decides nothing keeps its sockets before it sends them elsewhere.
    "lost_lease_grace_s" => lost_lease_grace: Duration = Duration::from_secs(30), seconds(1, 3600);
    /// What `/v1/verify` answers then: that it can't decide, or by what was last known.
    "verify_without_lease" => verify_without_lease: WithoutLease = WithoutLease::Refuse,
        Kind::Word(WithoutLease::WORDS);
    /// Whether every node knows who is connected to the others, or each of its own people only.
    "presence" => presence: Presence = Presence::Shared, Kind::Word(Presence::WORDS);
    /// The folder of the key file and, unless set otherwise, of the database.
    "data_dir" => data_dir: PathBuf = PathBuf::from("./data"), Kind::Form("the path of a folder");
    /// A file that holds the master key, which the keys in the database are encrypted under.
    "master_key_file" => master_key_file: Option<PathBuf> = None, Kind::Form("the path of a file");
    /// The variable that holds the master key.
    "master_key_env" => master_key_env: Option<VariableName> = None,
        Kind::Form("the name of a variable");
    /// A program with its arguments that prints the master key; a client of a key manager, say.
    "master_key_command" => master_key_command: MasterKeyCommand = MasterKeyCommand::none(),
        Kind::Form("a list of a program and its arguments");
    /// The `iss` of tokens; unless set, the address that is listened on.
    "issuer" => issuer: Option<Issuer> = None,
        Kind::Form("an http or https address without user, query and fragment");
    /// The `aud` of tokens.
    "audience" => audience: String = "sessionwire".to_owned(), NAME;
    /// The `client_id` of tokens.
    "client_id" => client_id: String = "sessionwire".to_owned(), NAME;
    /// Origins whose pages may call and connect; unless set, the server's own.
    "allowed_origins" => allowed_origins: Vec<Origin> = Vec::new(),
        Kind::Form("a list of origins such as https://app.example.org, without a path");
    /// Proxies whose word about a client's address is believed.
    "trusted_proxies" => trusted_proxies: Vec<IpNet> = Vec::new(),
        Kind::Form("a list of addresses and networks such as 10.0.0.0/8");
    /// How long an access token lives.
    "access_token_ttl_s" => access_token_ttl: Duration = Duration::from_mins(5), seconds(30, 3600);
    /// What access tokens are signed with.
    "token_algorithm" => token_algorithm: TokenAlgorithm = TokenAlgorithm::Es256,
        Kind::Word(TokenAlgorithm::WORDS);
    /// How long a key signs before a new one takes its place.
    "signing_key_age_max_days" => signing_key_age_max: Duration = Duration::from_hours(90 * 24),
        Kind::Number { min: 1, max: 3650, unit: Unit::Days };
    /// How long a stopping server says that it is not ready before it sends its clients elsewhere.
    "drain_notice_s" => drain_notice: Duration = Duration::ZERO, seconds(0, 60);
    /// How long a stopping server takes to send its clients elsewhere.
    "drain_s" => drain: Duration = Duration::from_secs(10), seconds(0, 300);
    /// How often a connection is asked whether it still is one.
    "heartbeat_s" => heartbeat: Duration = Duration::from_mins(1), seconds(1, 3600);
    /// How long a connection may take to say who it is.
    "auth_timeout_s" => auth_timeout: Duration = Duration::from_secs(10), seconds(1, 60);
    /// How long a client may read nothing of what waits for it before it is closed with 4002; what is no
    /// socket is cut after twice as long.
    "write_timeout_s" => write_timeout: Duration = Duration::from_secs(10), seconds(1, 120);
    /// Connections in all.
    "max_connections" => max_connections: usize = 15_000, connections(1_000_000);
    /// Connections let in within a second; more are told when to come back (4003).
    "max_arrivals_per_s" => max_arrivals_per_s: NonZeroU32 = times_of(5000),
        connections(1_000_000);
    /// Connections of one user.
    "max_connections_per_user" => max_connections_per_user: usize = 100, connections(10_000);
    /// Connections from one address.
    "max_connections_per_address" => max_connections_per_address: usize = 1000,
        connections(1_000_000);
    /// Connections that have not said yet who they are.
    "max_unauthenticated" => max_unauthenticated: usize = 1000, connections(100_000);
    /// Connections that are no sockets.
    "max_http_connections" => max_http_connections: usize = 2000, connections(100_000);
    /// Connections from one address that are no sockets.
    "max_http_connections_per_address" => max_http_connections_per_address: usize = 500,
        connections(100_000);
    /// How long the head of a request may take, and an idle connection wait for the next request.
    "head_timeout_s" => head_timeout: Duration = Duration::from_secs(30), seconds(1, 300);
    /// The longest message that a client may send over a socket.
    "max_frame_bytes" => max_frame_bytes: usize = 16_384, bytes(1024, 1_048_576);
    /// The longest body of a request.
    "max_body_bytes" => max_body_bytes: usize = 1_048_576, bytes(16_384, 16_777_216);
    /// How long a request may take.
    "request_timeout_s" => request_timeout: Duration = Duration::from_secs(30), seconds(1, 300);
    /// Password hashes that are computed at once; each holds the memory below.
    "password_hash_concurrency" => password_hash_concurrency: usize = 2, times(1, 64);
    /// Memory of one argon2id hash; low values are for tests.
    "password_hash_memory_kib" => password_hash_memory_kib: u32 = 19_456,
        Kind::Number { min: 8, max: 1_048_576, unit: Unit::Kibibytes };
    /// Passes of one argon2id hash over its memory.
    "password_hash_iterations" => password_hash_iterations: u32 = 2, times(1, 10);
    /// Failed sign-ins that an account may have at once from unknown devices.
    "sign_in_failures_burst" => sign_in_failures_burst: NonZeroU32 = times_of(10),
        times(1, 10_000);
    /// How long it takes until an account may have one failed sign-in more.
    "sign_in_failure_interval_s" => sign_in_failure_interval: Duration = Duration::from_secs(6),
        seconds(1, 3600);
    /// Failed sign-ins that an address may have at once.
    "sign_in_failures_burst_address" => sign_in_failures_burst_address: NonZeroU32 = times_of(100),
        times(1, 100_000);
    /// How often sessions past their end are looked for.
    "sweep_interval_ms" => sweep_interval: Duration = Duration::from_secs(1),
        Kind::Number { min: 50, max: 60_000, unit: Unit::Milliseconds };
    /// How long the predecessor of a refresh token is still answered, for tabs that race.
    "refresh_grace_s" => refresh_grace: Duration = Duration::from_secs(30), seconds(0, 300);
    /// How long that predecessor is answered where the answer to it was never used.
    "refresh_lost_answer_s" => refresh_lost_answer: Duration = Duration::from_hours(24),
        seconds(0, 86_400);
    /// How long a takeover token lives.
    "takeover_token_ttl_s" => takeover_token_ttl: Duration = Duration::from_mins(2),
        seconds(10, 600);
    /// How long a person has to answer whether another device may take over.
    "approval_timeout_s" => approval_timeout: Duration = Duration::from_secs(30), seconds(1, 300);
    /// How long a socket ticket lives.
    "ticket_ttl_s" => ticket_ttl: Duration = Duration::from_secs(30), seconds(1, 300);
    /// Which pages are served: none, the administrators' console at /admin, or the demo's besides.
    "pages" => pages: Pages = Pages::Console, Kind::Word(Pages::WORDS);
    /// Whose tokens are taken besides.
    "issuers" => issuers: Vec<ForeignIssuer> = Vec::new(),
        Kind::Form("a list of tables, each with a name and an issuer");
    /// How long events are kept; for ever unless set. What a sink has yet to write is kept in any case.
    "log_retention_days" => log_retention: Option<Duration> = None,
        Kind::Number { min: 1, max: 36_500, unit: Unit::Days };
    /// Where the log is written to besides.
    "sinks" => sinks: Vec<Sink> = Vec::new(),
        Kind::Form("a list of tables, each with a kind and a name");
    /// What is logged.
    "log_level" => log_level: LogFilter = LogFilter::info(),
        Kind::Form("a filter such as info, or sessionwire=debug,info");
    /// How a line of the log looks.
    "log_format" => log_format: LogFormat = LogFormat::Text, Kind::Word(LogFormat::WORDS);
}

const ADDRESS: Kind = Kind::Form("an address with a port such as 127.0.0.1:7400");
const NAME: Kind = Kind::Form("a text of 1 to 255 bytes");

const fn times_of(number: u32) -> NonZeroU32 {
    NonZeroU32::MIN.saturating_add(number.saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_is_a_value_that_the_setting_takes() {
        for row in Config::default().rows() {
            if row.default.is_empty() {
                continue;
            }
            let variable = format!("SESSIONWIRE_{}", row.setting.name.to_uppercase());
            let config = Config::from_sources(None, [(variable, row.default.clone())]);
            assert_eq!(
                config.unwrap().rows().len(),
                SETTINGS.len(),
                "{}",
                row.setting.name
            );
        }
    }

    #[test]
    fn names_are_distinct_and_tell_their_unit() {
        let mut names: Vec<_> = SETTINGS.iter().map(|setting| setting.name).collect();
        for setting in SETTINGS {
            let Kind::Number { unit, .. } = setting.kind else {
                continue;
            };
            let ending = match unit {
                Unit::Days => "_days",
                Unit::Seconds => "_s",
                Unit::Milliseconds => "_ms",
                Unit::Bytes => "_bytes",
                Unit::Kibibytes => "_kib",
                Unit::Connections | Unit::Events | Unit::Times => continue,
            };
            assert!(setting.name.ends_with(ending), "{}", setting.name);
        }
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), SETTINGS.len());
    }

    #[test]
    fn rows_tell_the_value_in_force_beside_the_default() {
        let config = Config {
            sweep_interval: Duration::from_millis(50),
            ..Config::default()
        };
        let rows = config.rows();
        let row = rows
            .iter()
            .find(|row| row.setting.name == "sweep_interval_ms")
            .unwrap();
        assert_eq!((row.value.as_str(), row.default.as_str()), ("50", "1000"));
        assert_eq!(
            row.setting.doc,
            "How often sessions past their end are looked for."
        );
    }
}
