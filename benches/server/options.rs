//! What the program is told on its command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Measures a server, or is one of the processes that it takes.
#[derive(Parser)]
#[command(
    name = "sessionwire-bench",
    about = "Measures what a server costs, beside floors of the same run"
)]
pub(crate) struct Arguments {
    /// What it is instead of the benchmark itself.
    #[command(subcommand)]
    pub(crate) helper: Option<Helper>,
    /// What to measure.
    #[command(flatten)]
    pub(crate) options: Options,
}

/// A process that the benchmark starts.
#[derive(Subcommand)]
pub(crate) enum Helper {
    /// Clients.
    #[command(hide = true)]
    Crowd,
    /// Calls.
    #[command(hide = true)]
    Load,
    /// A loop over its sockets.
    #[command(hide = true)]
    FloorEpoll,
    /// A bare axum server.
    #[command(hide = true)]
    FloorAxum {
        /// Of an answer.
        bytes: usize,
    },
}

/// What to measure, and how.
#[derive(Args, Clone)]
pub(crate) struct Options {
    /// Connections, each of a user of its own.
    #[arg(long, default_value_t = 15_000)]
    pub(crate) connections: usize,
    /// How often everything is measured.
    #[arg(long, default_value_t = 5)]
    pub(crate) runs: usize,
    /// Only these measures, with commas between.
    #[arg(long, value_delimiter = ',')]
    pub(crate) only: Vec<Measure>,
    /// The server's program; unless given, the one beside this.
    #[arg(long)]
    pub(crate) program: Option<PathBuf>,
    /// A PostgreSQL database instead of a file; it must be empty.
    #[arg(long)]
    pub(crate) database: Option<String>,
    /// Write the figures there as JSON.
    #[arg(long)]
    pub(crate) json: Option<PathBuf>,
    /// Write the figures there as Markdown.
    #[arg(long)]
    pub(crate) report: Option<PathBuf>,
    /// Processes of clients; each may open as many connections as the system lets it have files.
    #[arg(long, default_value_t = 2)]
    pub(crate) crowds: usize,
    /// Measure `connect` and `idle` with so many connections each, with commas between; unless given, with all.
    #[arg(long, value_delimiter = ',')]
    pub(crate) sizes: Vec<usize>,
    /// Seconds that calls are made for.
    #[arg(long, default_value_t = 3.0)]
    pub(crate) seconds: f64,
    /// Seconds that idle connections are watched for.
    #[arg(long, default_value_t = 10.0)]
    pub(crate) quiet: f64,
    /// A server that runs already (`http://host:port`), instead of one of its own; needs `--key`, and limits that
    /// let so many in.
    #[arg(long, requires = "key")]
    pub(crate) url: Option<String>,
    /// An administrator's key of that server.
    #[arg(long)]
    pub(crate) key: Option<String>,
    /// The process of that server, for its memory and processor time.
    #[arg(long)]
    pub(crate) pid: Option<u32>,
    /// Another server to compare with.
    #[command(flatten)]
    pub(crate) versus: Versus,
}

/// Another server that tells things over WebSockets.
#[derive(Args, Clone)]
pub(crate) struct Versus {
    /// Compare with this server (`ws://host:port/path`), in connecting, at rest, and in telling everybody.
    #[arg(long, requires = "vs_trigger")]
    pub(crate) vs: Option<String>,
    /// What its clients say first, with `{token}` for a number that each has for itself; they are in once it answers.
    #[arg(long)]
    pub(crate) vs_first_message: Option<String>,
    /// How the text begins that lets its clients in, where the first that it says is not it.
    #[arg(long)]
    pub(crate) vs_welcome: Option<String>,
    /// A text by which it asks whether a client is there, and the answer: `TEXT=ANSWER`.
    #[arg(long, value_parser = asked_and_answered)]
    pub(crate) vs_sign_of_life: Option<(String, String)>,
    /// A header of its clients' handshakes, `Name: value`; may be given several times.
    #[arg(long)]
    pub(crate) vs_header: Vec<String>,
    /// The call that makes it tell everybody something: `METHOD URL BODY`.
    #[arg(long)]
    pub(crate) vs_trigger: Option<String>,
    /// A header of that call; may be given several times.
    #[arg(long)]
    pub(crate) vs_trigger_header: Vec<String>,
    /// Shorter texts of it do not count.
    #[arg(long, default_value_t = 8)]
    pub(crate) vs_least_bytes: usize,
    /// Its process, for its memory and processor time.
    #[arg(long)]
    pub(crate) vs_pid: Option<u32>,
    /// What it is called.
    #[arg(long)]
    pub(crate) vs_name: Option<String>,
}

/// A measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Measure {
    /// From the start of the process until it is ready.
    Start,
    /// Handshakes a second.
    Connect,
    /// Memory and processor time of connections at rest.
    Idle,
    /// One person is told something.
    TellOne,
    /// Everybody is told something.
    TellGroup,
    /// Many things are said to everybody.
    Sustained,
    /// Sessions are ended.
    Revoke,
    /// All connections are cut and come back.
    Storm,
    /// Tokens are checked.
    Check,
    /// Tokens are exchanged for new ones.
    Refresh,
    /// A back end signs its users in.
    SignIn,
    /// Users sign in with passwords.
    SignInPassword,
    /// Users sign in with tokens of an identity provider.
    SignInProvider,
    /// Connections of Socket.IO come, and are at rest.
    Socketio,
    /// Sign-ins, checks and a change of rights on tables that have grown; takes two minutes and three gigabytes.
    Growth,
    /// Another server (`--vs`).
    Versus,
}

fn asked_and_answered(text: &str) -> Result<(String, String), String> {
    let parts = text.split_once('=');
    let (asked, answer) = parts.ok_or_else(|| "is to be TEXT=ANSWER".to_owned())?;
    Ok((asked.to_owned(), answer.to_owned()))
}

impl Measure {
    /// Those that are taken unless others are asked for.
    pub(crate) const USUAL: [Self; 15] = [
        Self::Start,
        Self::Connect,
        Self::Idle,
        Self::TellOne,
        Self::TellGroup,
        Self::Sustained,
        Self::Revoke,
        Self::Storm,
        Self::Check,
        Self::Refresh,
        Self::SignIn,
        Self::SignInPassword,
        Self::SignInProvider,
        Self::Socketio,
        Self::Growth,
    ];
}

impl Options {
    /// With how many connections memory is measured.
    pub(crate) fn sizes(&self) -> Vec<usize> {
        let mut sizes: Vec<usize> = self
            .sizes
            .iter()
            .map(|it| self.connections.min(*it))
            .collect();
        if sizes.is_empty() {
            sizes.push(self.connections);
        }
        sizes
    }

    /// Whether this is to be measured.
    pub(crate) fn wants(&self, measure: Measure) -> bool {
        if measure == Measure::Versus && self.versus.vs.is_some() {
            true
        } else if self.only.is_empty() {
            Measure::USUAL.contains(&measure)
        } else {
            self.only.contains(&measure)
        }
    }
}
