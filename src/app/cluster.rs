//! Wires a node to its company: the bus, the list of nodes, whose turn the sinks are.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::time::timeout;

use super::{AppError, World};
use crate::bus::{Bus, BusError, MemoryBus, NatsBus, NatsBusSettings, PostgresBus, Seal};
use crate::config::{self, Config};
use crate::domain::error::Error;
use crate::domain::id::NodeId;
use crate::domain::presence::PresenceChange;
use crate::domain::progress::{Listed, Membership};
use crate::domain::secret::DatabaseUrl;
use crate::node::sink::Turns;
use crate::node::{Alone, Node, Roster};
use crate::service::{RosterEntry, Vault};
use crate::storage::Store;

/// Where the kernel keeps the machine's name.
const HOST_NAME: &str = "/proc/sys/kernel/hostname";

/// How long a word to the list of nodes, or from it, may take.
const WORD: Duration = Duration::from_secs(5);

/// A node's company.
pub(super) struct Company {
    pub(super) bus: Arc<dyn Bus>,
    pub(super) roster: Arc<dyn Roster>,
    /// What is to be struck out when the node goes.
    pub(super) entry: Option<RosterEntry>,
}

/// Finds the node's company. A bus in memory has none.
pub(super) async fn company(
    config: &Config,
    store: &Store,
    vault: &Vault,
    world: &World,
) -> Result<Company, AppError> {
    let seal = Seal::new(&vault.bus_secret());
    let bus: Arc<dyn Bus> = match &config.bus() {
        config::Bus::Memory => {
            return Ok(Company {
                bus: Arc::new(MemoryBus::new()),
                roster: Arc::new(Alone),
                entry: None,
            });
        }
        config::Bus::Postgres => {
            let config::Database::Postgres(url) = config.database() else {
                let what = "a bus over PostgreSQL needs a database there";
                return Err(BusError::Unusable(what.to_owned()).into());
            };
            let url = DatabaseUrl::new(url.expose().to_owned());
            Arc::new(PostgresBus::open(&url, seal)?)
        }
        config::Bus::Nats(addresses) => {
            let settings = NatsBusSettings {
                addresses: addresses.clone(),
                ca_file: config.bus_ca_file.clone(),
                subject: config.bus_subject.as_str().to_owned(),
            };
            Arc::new(NatsBus::open(&settings, seal).await?)
        }
    };
    let id = NodeId(world.entropy.uuid(world.clock.now()));
    let entry = RosterEntry::new(store.clone(), id, name(config));
    Ok(Company {
        bus,
        roster: Arc::new(Database(entry.clone())),
        entry: Some(entry),
    })
}

fn name(config: &Config) -> String {
    let host = || std::fs::read_to_string(HOST_NAME).ok();
    let name = config.node_name.clone().or_else(host).unwrap_or_default();
    match name.trim() {
        "" => "node".to_owned(),
        name => name.to_owned(),
    }
}

/// A connection that the network swallowed in the middle of a word says nothing for ever; the node has to come back by
/// another one.
fn in_time<'a, T: Send>(
    answer: impl Future<Output = Result<T, Error>> + Send + 'a,
) -> BoxFuture<'a, Result<T, Error>> {
    let late = || Error::unavailable("the database does not answer in time");
    Box::pin(async move { timeout(WORD, answer).await.unwrap_or_else(|_| Err(late())) })
}

struct Database(RosterEntry);

impl Roster for Database {
    fn id(&self) -> NodeId {
        self.0.id()
    }

    fn name(&self) -> &str {
        self.0.name()
    }

    fn check_in<'a>(&'a self, said: &'a Membership) -> BoxFuture<'a, Result<Listed, Error>> {
        in_time(self.0.check_in(said))
    }

    fn nodes(&self) -> BoxFuture<'_, Result<Listed, Error>> {
        in_time(self.0.nodes())
    }

    fn report<'a>(&'a self, change: &'a PresenceChange) -> BoxFuture<'a, Result<(), Error>> {
        in_time(self.0.report(change))
    }
}

/// Sinks run where what is to be done once is done.
pub(super) struct DutyTurns(pub(super) Node);

impl Turns for DutyTurns {
    fn is_mine(&self, _: &str) -> bool {
        self.0.is_on_duty()
    }
}
