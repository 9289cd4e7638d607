//! The commands of the program: what each prints, and how it exits.
//!
//! Floor 5. It may not know any rule; it calls `app`, `service` and `watch`.

mod admin;
mod demo;
mod serve;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::app::AppError;
use crate::config::ConfigError;
use crate::domain::error::Error;
use crate::telemetry::TelemetryError;

/// A realtime session server: it can take a JWT back.
#[derive(Debug, Parser)]
#[command(name = "sessionwire", version, about)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs the server.
    Serve(ConfigFile),
    /// Runs the server on a temporary database with people and groups to try it with.
    Demo(demo::DemoArgs),
    /// Signs in and prints what happens to the session.
    Watch(crate::watch::WatchArgs),
    /// Brings the database up to date.
    Migrate(ConfigFile),
    /// Makes a database good for use that was brought back from a backup: nothing that was given since then is
    /// accepted, and everybody signs in again. To be run while no server is.
    Restore(ConfigFile),
    /// Looks at the configuration.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Manages users.
    #[command(subcommand)]
    User(UserCommand),
    /// Manages API keys and the signing key.
    #[command(subcommand)]
    Key(KeyCommand),
}

/// Where the settings are.
#[derive(Debug, clap::Args)]
struct ConfigFile {
    /// A TOML file; every setting can also be given as `SESSIONWIRE_<NAME>`.
    #[arg(long)]
    config: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Prints every setting in force, or what is wrong with one.
    Check(ConfigFile),
}

#[derive(Debug, Subcommand)]
enum UserCommand {
    /// Makes a user; the password is the first line of standard input.
    Create(admin::UserArgs),
}

#[derive(Debug, Subcommand)]
enum KeyCommand {
    /// Makes an API key and prints it, alone, on standard output.
    Create(admin::KeyArgs),
    /// Brings a new signing key into use and prints its `kid`; a running server takes it up.
    Rotate(ConfigFile),
    /// Encrypts the keys in the database under another master key; servers that run go on.
    Rewrap(admin::RewrapArgs),
    /// Trusts a signing key no more that is in wrong hands, and prints the position of the change: a running
    /// server refuses what the key signed within its lease.
    Retire(admin::RetireArgs),
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
enum CommandError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Telemetry(#[from] TelemetryError),
    #[error(transparent)]
    App(#[from] AppError),
    #[error("{0}")]
    Refused(#[from] Error),
    #[error("{0}")]
    Usage(String),
    #[error(transparent)]
    Watch(#[from] crate::watch::WatchError),
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

impl CommandError {
    fn exit_code(&self) -> u8 {
        match self {
            Self::Config(_) | Self::Usage(_) | Self::App(AppError::MasterKey(_)) => 2,
            Self::Refused(_) | Self::Telemetry(_) | Self::App(_) | Self::Watch(_) | Self::Io(_) => {
                1
            }
        }
    }
}

/// Runs a command; answers the exit code: 2 for usage or configuration, 1 for anything else.
pub async fn run(arguments: Arguments) -> ExitCode {
    let done = match arguments.command {
        Command::Serve(file) => serve::serve(file.config.as_deref()).await,
        Command::Demo(args) => demo::demo(args).await,
        Command::Watch(args) => crate::watch::run(args).await.map_err(CommandError::from),
        Command::Migrate(file) => admin::migrate(file.config.as_deref()).await,
        Command::Restore(file) => admin::restore(file.config.as_deref()).await,
        Command::Config(ConfigCommand::Check(file)) => admin::check_config(file.config.as_deref()),
        Command::User(UserCommand::Create(args)) => admin::create_user(args).await,
        Command::Key(KeyCommand::Create(args)) => admin::create_key(args).await,
        Command::Key(KeyCommand::Rotate(file)) => admin::rotate_key(file.config.as_deref()).await,
        Command::Key(KeyCommand::Rewrap(args)) => admin::rewrap_key(args).await,
        Command::Key(KeyCommand::Retire(args)) => admin::retire_key(args).await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error);
            ExitCode::from(error.exit_code())
        }
    }
}

fn complain(error: &CommandError) {
    // Where standard error is gone there is nobody left to tell.
    drop(writeln!(std::io::stderr(), "sessionwire: {error}"));
}

/// Prints to standard output, for results.
fn print(text: &str) -> Result<(), CommandError> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}")?;
    Ok(out.flush()?)
}

/// SIGTERM and SIGINT, heard from the moment this is made: make it before anybody can know that the
/// program runs, or a signal in between kills it without a drain.
struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
}

impl StopSignals {
    fn hear() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// One item for each of them.
    fn asked(self) -> impl futures::Stream<Item = ()> + Send {
        futures::stream::unfold(self, |mut signals| async move {
            tokio::select! {
                _ = signals.terminate.recv() => {}
                _ = signals.interrupt.recv() => {}
            }
            Some(((), signals))
        })
    }
}
