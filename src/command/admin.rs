//! Commands beside a running server: `migrate`, `config check`, `user create`, `key create`, `key rotate`,
//! `key retire`, `restore`.

use std::io::BufRead as _;
use std::path::{Path, PathBuf};

use super::{CommandError, print};
use crate::app::{App, AppError, World, fetch_master_key, open_store};
use crate::config::{Bus, Config, Database, ForeignIssuer, Sink};
use crate::domain::access::Scope;
use crate::domain::secret::Password;
use crate::domain::user::NewUser;
use crate::service::{Call, Effect, MasterKey, rewrap};

/// Arguments of `user create`.
#[derive(Debug, clap::Args)]
pub(super) struct UserArgs {
    /// The name it signs in with.
    name: String,
    /// A group to put it into; may be repeated.
    #[arg(long = "group")]
    groups: Vec<String>,
    /// A TOML file with settings.
    #[arg(long)]
    config: Option<PathBuf>,
}

/// Arguments of `key create`.
#[derive(Debug, clap::Args)]
pub(super) struct KeyArgs {
    /// What it may do: admin, sessions, feed or verify; may be repeated.
    #[arg(long = "scope", required = true, value_parser = scope)]
    scopes: Vec<Scope>,
    /// What it is for.
    #[arg(long, default_value = "made on the command line")]
    name: String,
    /// A TOML file with settings.
    #[arg(long)]
    config: Option<PathBuf>,
}

/// Arguments of `key retire`.
#[derive(Debug, clap::Args)]
pub(super) struct RetireArgs {
    /// The key's name, as tokens and `/v1/signing-keys` have it.
    kid: String,
    /// A TOML file with settings.
    #[arg(long)]
    config: Option<PathBuf>,
}

/// Arguments of `key rewrap`.
#[derive(Debug, clap::Args)]
pub(super) struct RewrapArgs {
    /// A TOML file whose `master_key_…` names the new master key.
    #[arg(long)]
    to: PathBuf,
    /// A TOML file with the settings of now.
    #[arg(long)]
    config: Option<PathBuf>,
}

fn scope(text: &str) -> Result<Scope, String> {
    let found = Scope::ALL.into_iter().find(|scope| scope.as_str() == text);
    found.ok_or_else(|| "a scope is one of admin, sessions, feed, verify".into())
}

pub(super) async fn migrate(file: Option<&Path>) -> Result<(), CommandError> {
    let config = Config::load(file)?;
    open_store(&config).await?.close().await;
    print(&match config.database() {
        Database::Sqlite(path) => format!("{} is up to date", path.display()),
        Database::Postgres(url) => format!("{url} is up to date"),
    })
}

pub(super) fn check_config(file: Option<&Path>) -> Result<(), CommandError> {
    let config = Config::load(file)?;
    let of_sinks = config.sinks.iter().flat_map(Sink::rows);
    let of_issuers = config.issuers.iter().flat_map(ForeignIssuer::rows);
    let rows = config.rows().into_iter();
    for row in rows.chain(of_issuers).chain(of_sinks) {
        let setting = row.setting;
        print(&format!(
            "{} = {}  # {}; {}",
            row.name,
            row.value,
            setting.doc.trim_end_matches('.'),
            setting.kind
        ))?;
    }
    Ok(())
}

pub(super) async fn create_user(args: UserArgs) -> Result<(), CommandError> {
    let app = open(args.config.as_deref()).await?;
    let mut password = String::new();
    std::io::stdin().lock().read_line(&mut password)?;
    let password = password.trim_end_matches(['\r', '\n']);
    if password.is_empty() {
        return Err(CommandError::Usage(
            "give the password as the first line of standard input".into(),
        ));
    }
    let new = NewUser {
        username: args.name,
        password: Some(Password::new(password.to_owned())),
        display_name: None,
        external_id: None,
        groups: args.groups,
    };
    let made = app.core.create_user(&Call::system(), new).await?;
    print(&made.value.user.id.to_string())
}

pub(super) async fn create_key(args: KeyArgs) -> Result<(), CommandError> {
    let app = open(args.config.as_deref()).await?;
    let (_, key) = app
        .core
        .create_api_key(&Call::system(), args.name, args.scopes)
        .await?;
    print(key.expose())
}

pub(super) async fn rotate_key(file: Option<&Path>) -> Result<(), CommandError> {
    let app = open(file).await?;
    let rotated = app.core.rotate_signing_key(&Call::system()).await?;
    print(&rotated.value.kid)
}

pub(super) async fn retire_key(args: RetireArgs) -> Result<(), CommandError> {
    let app = open(args.config.as_deref()).await?;
    let done = app
        .core
        .retire_signing_key(&Call::system(), &args.kid)
        .await?;
    match done.effect {
        Effect::Committed(change) => print(&change.seq.to_string()),
        Effect::Previewed(_) => Ok(()),
    }
}

pub(super) async fn restore(file: Option<&Path>) -> Result<(), CommandError> {
    let app = open(file).await?;
    let done = app.core.restore(&Call::system()).await?;
    match done.effect {
        Effect::Committed(change) => print(&format!(
            "the log goes on at {}; {} sessions were ended, and everybody signs in again",
            change.seq, change.sessions_ended
        )),
        Effect::Previewed(_) => Ok(()),
    }
}

pub(super) async fn rewrap_key(args: RewrapArgs) -> Result<(), CommandError> {
    let config = Config::load(args.config.as_deref())?;
    // What the environment says is about now.
    let text = std::fs::read_to_string(&args.to)?;
    let to = Config::from_sources(Some(&text), [])?;
    let missing = |which: &str| {
        CommandError::Usage(format!(
            "{which} names no master key: set `master_key_…` in it"
        ))
    };
    let old = master_key(&config).await?;
    let old = old.ok_or_else(|| missing("the configuration of now"))?;
    let new = master_key(&to).await?.ok_or_else(|| missing("`--to`"))?;
    let store = open_store(&config).await?;
    rewrap(&store, &old, &new).await.map_err(AppError::from)?;
    store.close().await;
    print("the keys are encrypted under the new master key; servers need it at their next start")
}

async fn master_key(config: &Config) -> Result<Option<MasterKey>, CommandError> {
    Ok(fetch_master_key(config).await.map_err(AppError::from)?)
}

async fn open(file: Option<&Path>) -> Result<App, CommandError> {
    let mut config = Config::load(file)?;
    // A command is no node: the nodes find what it did in the log.
    config.bus = Some(Bus::Memory);
    Ok(App::build(&config, World::system(), config.listen).await?)
}
