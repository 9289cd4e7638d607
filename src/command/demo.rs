//! `sessionwire demo`: the server on a temporary database, with people and groups to try it with.

use std::net::SocketAddr;

use serde::Serialize;

use super::serve::random_password;
use super::{CommandError, StopSignals, print};
use crate::app::system::raise_open_files;
use crate::app::{App, AppError, World, listen};
use crate::config::Config;
use crate::domain::access::Scope;
use crate::domain::policy::{AtLimit, Policy, PolicyScope};
use crate::domain::secret::Password;
use crate::domain::user::NewUser;
use crate::service::{Call, Core, GroupView, NewGroup};
use crate::telemetry;

/// Groups with what their members may do.
const GROUPS: [(&str, &[&str]); 4] = [
    ("staff", &["home:read", "team:read"]),
    ("analysts", &["reports:read", "reports:export"]),
    ("accounting", &["billing:read", "reports:read"]),
    ("one-seat", &[]),
];
/// People with their groups. The last one is in the group with a policy of its own.
const PEOPLE: [(&str, &str, &[&str]); 4] = [
    ("anna", "Anna Larsen", &["staff", "analysts"]),
    ("ben", "Ben Okafor", &["staff", "accounting"]),
    (
        "chloe",
        "Chloé Martin",
        &["staff", "analysts", "accounting"],
    ),
    ("dario", "Dario Conti", &["staff", "one-seat"]),
];
const ONE_SEAT: &str = "one-seat";
const ADMINISTRATOR: &str = "admin";

/// Arguments of `demo`.
#[derive(Debug, clap::Args)]
pub(super) struct DemoArgs {
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:7400")]
    listen: SocketAddr,
    /// Print one JSON object about the demo on the first line of standard output.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Account {
    id: String,
    username: String,
    password: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    groups: Option<Vec<String>>,
}

#[derive(Serialize)]
struct Group {
    id: String,
    name: String,
    permissions: Vec<String>,
}

#[derive(Serialize)]
struct Demo {
    url: String,
    api_key: String,
    admin: Account,
    users: Vec<Account>,
    groups: Vec<Group>,
}

/// Whom the demo's sign-in page offers.
#[derive(Serialize)]
struct People<'a> {
    admin: &'a Account,
    users: &'a [Account],
}

impl<'a> People<'a> {
    fn of(demo: &'a Demo) -> Self {
        Self {
            admin: &demo.admin,
            users: &demo.users,
        }
    }
}

pub(super) async fn demo(args: DemoArgs) -> Result<(), CommandError> {
    let signals = StopSignals::hear()?;
    let directory = tempfile::Builder::new()
        .prefix("sessionwire-demo-")
        .tempdir()?;
    let environment = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let mut config = Config::from_sources(None, environment)?;
    config.listen = args.listen;
    config.data_dir = directory.path().to_owned();
    config.database = None;
    telemetry::install_log(&config.log_level, config.log_format)?;
    raise_open_files(config.max_connections);
    let listener = listen(&config)?;
    let bound = listener.local_addr()?;
    let world = World::system();
    let mut app = App::build(&config, world.clone(), bound).await?;
    let demo = fill(&app.core, &world, format!("http://{bound}")).await?;
    app.show_demo(
        serde_json::to_vec(&People::of(&demo))
            .map_err(std::io::Error::other)?
            .into(),
    );
    if args.json {
        print(&serde_json::to_string(&demo).map_err(std::io::Error::other)?)?;
    } else {
        print(&introduce(&demo).map_err(std::io::Error::other)?)?;
    }
    app.serve(listener, signals.asked())
        .await
        .map_err(AppError::into)
}

async fn fill(core: &Core, world: &World, url: String) -> Result<Demo, CommandError> {
    let call = Call::system();
    let password = random_password(world);
    let admin = core
        .create_first_administrator(ADMINISTRATOR, Password::new(password.clone()))
        .await?
        .ok_or_else(|| CommandError::Usage("the demo needs an empty database".into()))?;
    let admin = Account {
        id: admin.user.id.to_string(),
        username: admin.user.username,
        password,
        groups: None,
    };
    let mut groups = Vec::with_capacity(GROUPS.len());
    for (name, permissions) in GROUPS {
        let group = make_group(core, &call, name, permissions).await?;
        groups.push(Group {
            id: group.group.id.to_string(),
            name: name.into(),
            permissions: group.group.permissions.into_iter().collect(),
        });
    }
    let mut users = Vec::with_capacity(PEOPLE.len());
    for (username, display_name, groups) in PEOPLE {
        users.push(make_user(core, &call, world, username, display_name, groups).await?);
    }
    let scopes = vec![Scope::Admin];
    let (_, key) = core.create_api_key(&call, "demo".into(), scopes).await?;
    Ok(Demo {
        url,
        api_key: key.expose().into(),
        admin,
        users,
        groups,
    })
}

async fn make_group(
    core: &Core,
    call: &Call,
    name: &str,
    permissions: &[&str],
) -> Result<GroupView, CommandError> {
    let permissions = permissions
        .iter()
        .map(|&permission| permission.into())
        .collect();
    let new = NewGroup {
        name: name.into(),
        permissions,
        priority: 0,
    };
    let group = core.create_group(call, new).await?.value;
    if name == ONE_SEAT {
        let policy = Policy {
            max_sessions: Some(1),
            at_limit: AtLimit::EvictOldest,
            ..Policy::default()
        };
        core.put_policy(call, PolicyScope::Group(group.group.id), policy)
            .await?;
    }
    Ok(group)
}

async fn make_user(
    core: &Core,
    call: &Call,
    world: &World,
    username: &str,
    display_name: &str,
    groups: &[&str],
) -> Result<Account, CommandError> {
    let password = random_password(world);
    let groups: Vec<String> = groups.iter().map(|&group| group.into()).collect();
    let new = NewUser {
        username: username.into(),
        password: Some(Password::new(password.clone())),
        display_name: Some(display_name.into()),
        external_id: None,
        groups: groups.clone(),
    };
    let made = core.create_user(call, new).await?.value;
    Ok(Account {
        id: made.user.id.to_string(),
        username: username.into(),
        password,
        groups: Some(groups),
    })
}

fn introduce(demo: &Demo) -> Result<String, std::fmt::Error> {
    use std::fmt::Write as _;
    let mut text = format!("Sessionwire demo at {}\n\n", demo.url);
    for account in std::iter::once(&demo.admin).chain(&demo.users) {
        let groups = account
            .groups
            .as_ref()
            .map_or("administrators".into(), |g| g.join(", "));
        writeln!(
            text,
            "  {:<6} {}  {groups}",
            account.username, account.password
        )?;
    }
    writeln!(text, "\n  API key  {}", demo.api_key)?;
    let (first, last) = (demo.users.first(), demo.users.last());
    let analysts = demo.groups.iter().find(|group| group.name == "analysts");
    if let (Some(anna), Some(dario), Some(analysts)) = (first, last, analysts) {
        writeln!(
            text,
            "\nTry, each in a terminal of its own (the last one in two: he has one seat):\n"
        )?;
        writeln!(text, "  {}", watch(&demo.url, anna))?;
        writeln!(
            text,
            "  curl -X DELETE {}/v1/groups/{}/members/{} -H 'Authorization: Bearer {}'",
            demo.url, analysts.id, anna.id, demo.api_key
        )?;
        writeln!(text, "  {}", watch(&demo.url, dario))?;
    }
    Ok(text)
}

fn watch(url: &str, account: &Account) -> String {
    let Account {
        username, password, ..
    } = account;
    format!("cargo run --release -- watch --url {url} --user {username} --password {password}")
}
