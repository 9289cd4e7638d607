//! The wiring: the only place that puts floors together, and the only one that reads the settings.

mod cluster;
mod door;
mod issuers;
mod master_key;
mod settings;
mod sinks;
mod stop;
pub mod system;
mod time;
mod upkeep;

use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;

use axum::body::Bytes;
use futures::future::BoxFuture;
use futures::{Stream, StreamExt as _};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use self::stop::Waits;
use crate::bus::BusError;
use crate::config::{self, Config, Database};
use crate::domain::clock::{Clock, Entropy};
use crate::domain::error::Error;
use crate::domain::id::{NodeId, Seq, SessionId, UserId};
use crate::domain::secret::DatabaseUrl;
use crate::node::issuer::{IssuerSpec, Issuers};
use crate::node::sink::{SinkSpec, Sinks};
use crate::node::{Certainty, Node, NodeParts};
use crate::service::{Core, CoreParts, Listeners, RosterEntry, Vault, VaultError};
use crate::storage::{self, Store, StoreOptions};
use crate::telemetry::Metrics;
use crate::transport::origin::AllowedOrigins;
use crate::transport::rest::{self, Places, RestParts, RestSettings};
use crate::transport::sockets::{SocketSettings, SocketState};
use crate::transport::tokens::Tokens;
use crate::transport::web::{self, Pages};
use crate::transport::{socketio, sse, websocket};

pub use self::door::listen;
pub use self::master_key::{MasterKeyError, fetch_master_key};

/// The name of the key file in the data directory.
pub const KEY_FILE: &str = "sessionwire.key";
/// How many read at once.
const READERS: u32 = 4;
/// Administrators that may follow the log at once.
const EVENT_STREAMS_MAX: usize = 100;
/// Services that may follow the feed at once.
const FEEDS_MAX: usize = 1000;

/// Why the server can't run.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The data directory can't be used.
    #[error("the data directory {path} can't be used: {source}")]
    DataDir {
        /// Where.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// The master key can't be had.
    #[error(transparent)]
    MasterKey(#[from] MasterKeyError),
    /// The secrets can't be had.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The database can't be used.
    #[error("the database can't be used: {0}")]
    Storage(#[from] storage::Error),
    /// What nodes speak to each other over can't be used.
    #[error(transparent)]
    Bus(#[from] BusError),
    /// The server can't start.
    #[error("the server can't start: {0:?}")]
    Start(#[from] Error),
    /// The server can't go on.
    #[error("the server can't go on: a part of it broke off, as told before")]
    Broken,
    /// The network can't be used.
    #[error("the network can't be used: {0}")]
    Network(#[from] std::io::Error),
}

/// The outside world, so that tests can set it.
#[derive(Clone)]
pub struct World {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness and ids.
    pub entropy: Arc<dyn Entropy>,
}

impl World {
    /// The system's.
    pub fn system() -> Self {
        Self {
            clock: Arc::new(system::SystemClock::new()),
            entropy: Arc::new(system::SystemEntropy),
        }
    }
}

/// A server, wired but not listening.
pub struct App {
    /// The writers.
    pub core: Core,
    /// The node.
    pub node: Node,
    store: Store,
    sinks: Vec<SinkSpec>,
    issuers: Vec<IssuerSpec>,
    rest: RestParts,
    sockets: SocketState,
    world: World,
    pages: Pages,
    bounds: door::Bounds,
    waits: Waits,
    entry: Option<RosterEntry>,
    tasks: Vec<JoinHandle<()>>,
}

struct NodeListeners(Node);

impl Listeners for NodeListeners {
    fn is_anyone_connected(&self, user: UserId, sessions: &[SessionId]) -> bool {
        self.0.is_anyone_connected(user, sessions)
    }

    fn others(&self) -> Vec<NodeId> {
        self.0.others().into_keys().collect()
    }

    fn until_applied(&self, seq: Seq) -> BoxFuture<'_, ()> {
        Box::pin(self.0.until_applied(seq))
    }
}

impl App {
    /// Opens the database and puts everything together. `bound`: where it will listen.
    pub async fn build(config: &Config, world: World, bound: SocketAddr) -> Result<Self, AppError> {
        prepare_data_dir(&config.data_dir)?;
        let store = open_store(config).await?;
        time::agree(&store, &world.clock).await?;
        let master = fetch_master_key(config).await?;
        let key_file = config.data_dir.join(KEY_FILE);
        let vault =
            Vault::unlock(&store, master.as_ref(), &key_file, world.entropy.as_ref()).await?;
        // Boxed, since connecting takes much room and happens once.
        let company = Box::pin(cluster::company(config, &store, &vault, &world)).await?;
        let issuer = config.issuer_at(bound).as_str().to_owned();
        let parts = NodeParts {
            source: Arc::new(store.clone()),
            bus: Arc::clone(&company.bus),
            roster: company.roster,
            clock: Arc::clone(&world.clock),
            entropy: Arc::clone(&world.entropy),
        };
        let node = Node::start(parts, &settings::of_node(config, &issuer));
        tokio::select! {
            () = node.until_ready() => {}
            () = node.until_broken() => return Err(AppError::Broken),
        }
        let core = Core::start(CoreParts {
            store: store.clone(),
            bus: company.bus,
            clock: Arc::clone(&world.clock),
            entropy: Arc::clone(&world.entropy),
            vault,
            listeners: Arc::new(NodeListeners(node.clone())),
            settings: settings::of_core(config, issuer),
        })
        .await?;
        let tokens = issuers::tokens(&core, &node, &world, Issuers::default());
        let rest = rest_parts(config, &core, &tokens, &node, &world);
        let sockets = socket_state(config, &core, tokens, &node);
        let tasks = background(config, &core, &node, &store, &world);
        Ok(Self {
            core,
            node,
            store,
            sinks: sinks::specs(config),
            issuers: issuers::specs(config),
            rest,
            sockets,
            world,
            pages: match config.pages {
                config::Pages::Nothing => Pages::Nothing,
                config::Pages::Console => Pages::Console,
                config::Pages::Everything => Pages::Everything { people: None },
            },
            bounds: settings::of_door(config),
            waits: Waits::new(config.drain_notice, config.drain),
            entry: company.entry,
            tasks,
        })
    }

    /// Serves the demo's pages too; their sign-in page offers these people.
    pub fn show_demo(&mut self, people: Bytes) {
        let people = Some(people);
        self.pages = Pages::Everything { people };
    }

    /// Serves until the first of `stops`, then makes way: sockets are told when to come back, requests under
    /// way are finished, and the database is closed. The second of them hurries.
    pub async fn serve(
        mut self,
        listener: TcpListener,
        stops: impl Stream<Item = ()> + Send,
    ) -> Result<(), AppError> {
        let specs = std::mem::take(&mut self.sinks);
        let sinks = sinks::start(specs, &self.core, &self.node, &self.store).await?;
        self.rest.sinks = sinks.clone();
        let issuers = Issuers::start(self.issuers, &self.world.clock)?;
        let tokens = issuers::tokens(&self.core, &self.node, &self.world, issuers.clone());
        self.rest.issuers = issuers;
        self.rest.tokens = tokens.clone();
        self.sockets.tokens = tokens;
        let (stop, stopped) = oneshot::channel::<()>();
        let others = websocket::routes(self.sockets.clone())
            .merge(sse::routes(self.sockets.clone()))
            .merge(socketio::routes(self.sockets, self.world.entropy))
            .merge(web::routes(self.pages));
        let router = rest::router(self.rest.into(), others);
        let stopped = async move { drop(stopped.await) };
        let mut server = tokio::spawn(door::serve(listener, router, self.bounds, stopped));
        let mut stops = pin!(stops);
        let mut result = Ok(());
        tokio::select! {
            _ = stops.next() => {}
            () = self.node.until_broken() => result = Err(AppError::Broken),
            ended = &mut server => return Ok(ended.map_err(std::io::Error::other)?),
        }
        tracing::info!("making way");
        let waits = self.waits.make_way(&self.node, stop, stops).await;
        if timeout(waits.requests, &mut server).await.is_err() {
            server.abort();
        }
        sinks.stop(waits.writes).await;
        for task in self.tasks {
            task.abort();
        }
        self.node.stop();
        if let Some(entry) = self.entry
            && let Err(error) = entry.leave().await
        {
            tracing::warn!(
                ?error,
                "the others take this node for lost until its lease ends"
            );
        }
        self.store.close().await;
        result
    }
}

/// What goes on by itself.
fn background(
    config: &Config,
    core: &Core,
    node: &Node,
    store: &Store,
    world: &World,
) -> Vec<JoinHandle<()>> {
    let (core, node) = (|| core.clone(), || node.clone());
    let time = time::keep_agreeing(store.clone(), Arc::clone(&world.clock));
    let retention = upkeep::Retention::of(config);
    let sweeping = upkeep::keep_sweeping(core(), node(), config.sweep_interval);
    vec![
        tokio::spawn(time),
        tokio::spawn(sweeping),
        tokio::spawn(upkeep::keep_forgetting(core(), node(), retention)),
        tokio::spawn(upkeep::keep_signing_keys(core(), node())),
    ]
}

fn allowed_origins(config: &Config) -> AllowedOrigins {
    let origins = config.allowed_origins.iter();
    AllowedOrigins::new(origins.map(|origin| origin.as_str().to_owned()).collect())
}

fn socket_state(config: &Config, core: &Core, tokens: Tokens, node: &Node) -> SocketState {
    SocketState {
        node: node.clone(),
        tokens,
        desk: Arc::new(core.clone()),
        settings: Arc::new(SocketSettings {
            allowed_origins: allowed_origins(config),
            trusted_proxies: config.trusted_proxies.clone(),
            write_timeout: config.write_timeout,
            max_frame_bytes: config.max_frame_bytes,
        }),
    }
}

fn rest_parts(
    config: &Config,
    core: &Core,
    tokens: &Tokens,
    node: &Node,
    world: &World,
) -> RestParts {
    RestParts {
        core: core.clone(),
        node: node.clone(),
        sinks: Sinks::default(),
        tokens: tokens.clone(),
        issuers: Issuers::default(),
        clock: Arc::clone(&world.clock),
        entropy: Arc::clone(&world.entropy),
        settings: Arc::new(RestSettings {
            allowed_origins: allowed_origins(config),
            trusted_proxies: config.trusted_proxies.clone(),
            max_body_bytes: config.max_body_bytes,
            request_timeout: config.request_timeout,
            verify_certainty: match config.verify_without_lease {
                config::WithoutLease::Refuse => Certainty::Leased,
                config::WithoutLease::LastKnown => Certainty::LastKnown,
            },
        }),
        event_streams: Places::new(EVENT_STREAMS_MAX),
        feeds: Places::new(FEEDS_MAX),
    }
}

/// The metrics, on a listener of their own so that nobody exposes them by accident.
pub async fn serve_metrics(listener: TcpListener, metrics: Metrics, node: Node) {
    let render = move || {
        let (metrics, node) = (metrics.clone(), node.clone());
        async move {
            node.gauge();
            metrics.fold();
            metrics.render()
        }
    };
    let router = axum::Router::new().route("/metrics", axum::routing::get(render));
    if let Err(error) = axum::serve(listener, router).await {
        tracing::error!(error = %error, "the metrics listener failed");
    }
}

/// Opens the database; a file is one that only its owner can read.
pub async fn open_store(config: &Config) -> Result<Store, AppError> {
    let options = match config.database() {
        Database::Sqlite(path) => {
            prepare_file(&path)?;
            let readers = READERS;
            StoreOptions::Sqlite { path, readers }
        }
        Database::Postgres(url) => StoreOptions::Postgres {
            url: DatabaseUrl::new(url.expose().to_owned()),
            connections: config.database_connections,
        },
    };
    Ok(Store::open(&options).await?)
}

fn prepare_file(path: &Path) -> Result<(), AppError> {
    if let Some(parent) = path.parent() {
        prepare_data_dir(parent)?;
    }
    let unusable = |source| AppError::DataDir {
        path: path.display().to_string(),
        source,
    };
    std::fs::OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)
        .map_err(unusable)?;
    Ok(())
}

fn prepare_data_dir(path: &Path) -> Result<(), AppError> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|source| AppError::DataDir {
            path: path.display().to_string(),
            source,
        })
}
