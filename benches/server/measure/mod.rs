//! The measures, and what they share: the server, its people, and the clients who are connected.

mod check;
mod connect;
mod revoke;
mod sign_in;
mod start;
mod storm;
mod sustained;
mod tell_group;
mod tell_one;

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
    recipe: Recipe,
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
        let recipe = recipe(&options, &folder.path().join("data"))?;
        let server = recipe.start()?;
        let key = recipe.key()?;
        let mut load = Load::start()?;
        let mut maker = Maker {
            address: &server.address,
            key: &key,
            load: &mut load,
        };
        eprintln!("making {} people", options.connections);
        let group = maker.group(EVERYBODY)?;
        let people = maker.people("person", options.connections, &[EVERYBODY])?;
        Ok(Self {
            swarm: Swarm::start(options.crowds)?,
            book: Book::default(),
            options,
            recipe,
            folder,
            server,
            key,
            group,
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

    /// A server that nobody was connected to since its start.
    fn start_anew(&mut self) -> Outcome<()> {
        self.swarm = Swarm::start(self.options.crowds)?;
        // The old one ends first: they share a database.
        self.server = Server::running("", None);
        self.server = self.recipe.start()?;
        Ok(())
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
const MEASURES: [(Measure, Run); 12] = [
    (Measure::Start, start::run),
    (Measure::Check, check::run),
    (Measure::Refresh, sign_in::refresh),
    (Measure::SignIn, sign_in::by_back_end),
    (Measure::SignInPassword, sign_in::by_password),
    (Measure::Connect, connect::run),
    (Measure::Idle, connect::run),
    (Measure::TellOne, tell_one::run),
    (Measure::TellGroup, tell_group::run),
    (Measure::Sustained, sustained::run),
    (Measure::Storm, storm::run),
    (Measure::Revoke, revoke::run),
];

fn recipe(options: &Options, folder: &Path) -> Outcome<Recipe> {
    let program = match &options.program {
        Some(program) => program.clone(),
        None => {
            let own = std::env::current_exe().during("looking for this program")?;
            own.with_file_name("sessionwire")
        }
    };
    if !program.exists() {
        return Err(unexpected(format!("there is no {}", program.display())));
    }
    Ok(Recipe {
        program,
        folder: folder.to_owned(),
        database: options.database.clone(),
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
        welcomed,
        at_once: AT_ONCE,
    }
}

/// Something to say.
fn notice(title: &str) -> Value {
    let body = "The reports are read-only from 10 to 11.";
    json!({ "level": "info", "title": title, "body": body })
}
