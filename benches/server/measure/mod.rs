//! The measures, and what they share: the server, its people, and the clients who are connected.

mod check;
mod connect;
mod growth;
mod provider;
mod revoke;
mod sign_in;
mod socketio;
mod start;
mod storm;
mod sustained;
mod tell_group;
mod tell_one;
mod versus;

use std::net::{SocketAddr, ToSocketAddrs as _};
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::clients::{Opened, Opening, Swarm};
use crate::clock;
use crate::failure::{During as _, Outcome, unexpected};
use crate::floors::Floor;
use crate::http::Client;
use crate::load::Load;
use crate::options::{Measure, Options};
use crate::people::{Maker, Person};
use crate::report::{Book, markdown};
use crate::server::{Recipe, Server};

/// How many shake hands at once where nobody is in a hurry.
const AT_ONCE: usize = 64;
/// The group of all people.
const EVERYBODY: &str = "everybody";

/// A benchmark under way.
pub(crate) struct Bench {
    options: Options,
    /// Nothing where somebody else started the server.
    recipe: Option<Recipe>,
    folder: TempDir,
    server: Server,
    key: String,
    group: String,
    people: Vec<Person>,
    load: Load,
    swarm: Swarm,
    book: Book,
}

impl Bench {
    /// Starts the server and makes the people.
    pub(crate) fn start(options: Options) -> Outcome<Self> {
        let folder = TempDir::with_prefix("sessionwire-bench-").during("making a folder")?;
        let (recipe, server, key) = if let (Some(url), Some(key)) = (&options.url, &options.key) {
            let server = Server::running(&split(url)?.0, options.pid);
            (None, server, key.clone())
        } else {
            let recipe = recipe(&options, &folder.path().join("data"))?;
            let server = recipe.start()?;
            let key = recipe.key()?;
            (Some(recipe), server, key)
        };
        let mut load = Load::start()?;
        let mut maker = Maker {
            address: &server.address,
            key: &key,
            load: &mut load,
        };
        eprintln!("making {} people", options.connections);
        // A server that was there before may have had a benchmark before.
        let (group, name) = if recipe.is_some() {
            (EVERYBODY.to_owned(), "person".to_owned())
        } else {
            let now = clock::now();
            (format!("{EVERYBODY}-{now}"), format!("person-{now}"))
        };
        let group_id = maker.group(&group)?;
        let people = maker.people(&name, options.connections, &[&group])?;
        Ok(Self {
            swarm: Swarm::start(options.crowds)?,
            book: Book::default(),
            options,
            recipe,
            folder,
            server,
            key,
            group: group_id,
            people,
            load,
        })
    }

    /// Takes all measures that are wanted.
    pub(crate) fn measure_all(&mut self) -> Outcome<()> {
        for (measure, run) in MEASURES {
            if !self.options.wants(measure) {
                continue;
            }
            // Those two are taken in one go.
            if measure == Measure::Idle && self.options.wants(Measure::Connect) {
                continue;
            }
            let began = clock::now();
            eprint!("{measure:?} …");
            run(self)?;
            eprintln!(" {:.0} s", clock::seconds_since(began));
        }
        Ok(())
    }

    /// The figures, for people and for programs.
    pub(crate) fn told(&self) -> (String, Value) {
        let figures = json!({
            "connections": self.options.connections, "runs": self.options.runs,
            "figures": self.book.json(),
        });
        (markdown(&self.book), figures)
    }

    /// A server that nobody was connected to since its start; one of somebody else goes on.
    fn start_anew(&mut self) -> Outcome<()> {
        self.swarm = Swarm::start(self.options.crowds)?;
        if self.recipe.is_some() {
            self.stop()?;
            self.server = self.recipe()?.start()?;
        }
        Ok(())
    }

    /// Takes a measure on a server that is started otherwise, and goes back to the usual one: others are not to pay for
    /// what that does besides. One of somebody else stays as it is.
    fn started_otherwise(
        &mut self,
        change: impl FnOnce(&mut Recipe),
        measure: impl FnOnce(&mut Self) -> Outcome<()>,
    ) -> Outcome<()> {
        let Some(mut recipe) = self.recipe.clone() else {
            return measure(self);
        };
        change(&mut recipe);
        let usual = self.recipe.replace(recipe);
        self.start_anew()?;
        measure(self)?;
        self.recipe = usual;
        self.start_anew()
    }

    /// Ends the server, so that nobody has its data open.
    fn stop(&mut self) -> Outcome<()> {
        self.recipe()?;
        self.server = Server::running("", None);
        Ok(())
    }

    /// How the server is started.
    fn recipe(&self) -> Outcome<&Recipe> {
        let recipe = self.recipe.as_ref();
        recipe.ok_or_else(|| unexpected("the server was started by somebody else"))
    }

    /// Connects the first so many people.
    fn connect(&mut self, count: usize) -> Outcome<Opened> {
        let tokens = self.people[..count].iter().map(|it| it.token.clone());
        self.swarm
            .open(&opening(&self.server.address, tokens.collect(), true))
    }

    /// Sees to it that everybody is connected.
    fn connected(&mut self) -> Outcome<()> {
        if self.swarm.connections() == 0 {
            self.connect(self.options.connections)?;
        }
        Ok(())
    }

    /// A client of the server that may do everything.
    fn client(&self) -> Client {
        Client::new(&self.server.address, &self.key)
    }

    /// As many clients at a floor as there are people, with names for tokens.
    fn connected_floor(&self, floor: &Floor) -> Outcome<(Swarm, Opened)> {
        self.connected_to(floor, self.options.connections)
    }

    fn connected_to(&self, floor: &Floor, count: usize) -> Outcome<(Swarm, Opened)> {
        let mut swarm = Swarm::start(self.options.crowds)?;
        let names = (0..count).map(|it| it.to_string());
        let opened = swarm.open(&opening(&floor.address, names.collect(), false))?;
        Ok((swarm, opened))
    }

    /// Where files of floors may lie: beside the server's.
    fn folder(&self) -> &Path {
        self.folder.path()
    }
}

type Run = fn(&mut Bench) -> Outcome<()>;

/// In this order: what begins anew, first.
const MEASURES: [(Measure, Run); 16] = [
    (Measure::Start, start::run),
    (Measure::Check, check::run),
    (Measure::Refresh, sign_in::refresh),
    (Measure::SignIn, sign_in::by_back_end),
    (Measure::SignInPassword, sign_in::by_password),
    (Measure::SignInProvider, provider::run),
    (Measure::Socketio, socketio::run),
    (Measure::Connect, connect::run),
    (Measure::Idle, connect::run),
    (Measure::TellOne, tell_one::run),
    (Measure::TellGroup, tell_group::run),
    (Measure::Sustained, sustained::run),
    (Measure::Storm, storm::run),
    (Measure::Revoke, revoke::run),
    (Measure::Versus, versus::run),
    (Measure::Growth, growth::run),
];

fn recipe(options: &Options, folder: &Path) -> Outcome<Recipe> {
    let program = if let Some(program) = &options.program {
        program.clone()
    } else {
        let own = std::env::current_exe().during("looking for this program")?;
        own.with_file_name("sessionwire")
    };
    if !program.exists() {
        return Err(unexpected(format!("there is no {}", program.display())));
    }
    Ok(Recipe {
        program,
        folder: folder.to_owned(),
        database: options.database.clone(),
        issuers: None,
        says_commits: false,
    })
}

/// How clients come: a token in a header, as native ones do.
fn opening(address: &str, tokens: Vec<String>, welcomed: bool) -> Opening {
    Opening {
        address: address.to_owned(),
        path: "/v1/socket".to_owned(),
        headers: "Sec-WebSocket-Protocol: sessionwire.v1\r\nAuthorization: Bearer {token}\r\n"
            .to_owned(),
        tokens,
        first_message: None,
        welcome: welcomed.then(String::new),
        sign_of_life: None,
        at_once: AT_ONCE,
        least_bytes: 0,
    }
}

/// Something to say.
fn notice(title: &str) -> Value {
    let body = "The reports are read-only from 10 to 11.";
    json!({ "level": "info", "title": title, "body": body })
}

/// `host:port` and path of an address.
fn split(url: &str) -> Outcome<(String, String)> {
    let (_, rest) = url
        .split_once("://")
        .ok_or_else(|| unexpected(format!("{url} is no address")))?;
    let (host, path) = rest
        .find('/')
        .map_or((rest, "/"), |at| (&rest[..at], &rest[at..]));
    let mut addresses = host.to_socket_addrs().during(url)?;
    let address = addresses
        .find(SocketAddr::is_ipv4)
        .ok_or_else(|| unexpected(format!("{host} has no address")))?;
    Ok((address.to_string(), path.to_owned()))
}
