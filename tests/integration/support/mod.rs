//! A real server in this process, on a clock that tests set, and real clients to talk to it.

mod clock;
mod database;
mod engine;
mod holder;
mod issuer;
mod process;
mod program;
mod proxy;
mod redis;
mod rest;
mod socket;
mod steps;
mod stream;

pub(crate) use clock::TestClock;
pub(crate) use database::{
    copy_of, database_of, database_of_blocking, empty_database, fresh_database, postgres,
};
pub(crate) use engine::{asking, event, refusal};
pub(crate) use holder::Holder;
pub(crate) use issuer::{IssuerKey, Provider, Way};
pub(crate) use process::{Process, free_port, until_open};
pub(crate) use program::{PROGRAM, Program, command, program_key, program_key_on};
pub(crate) use proxy::Proxy;
pub(crate) use redis::Redis;
pub(crate) use rest::{Answer, SignedIn};
pub(crate) use socket::{Heard, Socket};
pub(crate) use steps::Steps;
pub(crate) use stream::{Message, Reader};

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};
use sessionwire::app::system::SystemEntropy;
use sessionwire::app::{App, World, listen};
use sessionwire::config::Config;
use sessionwire::domain::access::Scope;
use sessionwire::domain::secret::Password;
use sessionwire::domain::user::NewUser;
use sessionwire::node::Node;
use sessionwire::service::{Call, Core, EventQuery, NewGroup};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use uuid::Uuid;

pub(crate) const PASSWORD: &str = "correct horse battery";

/// A server with one administrator, an API key and nothing else.
pub(crate) struct Server {
    pub(crate) url: String,
    pub(crate) address: SocketAddr,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) core: Core,
    pub(crate) node: Node,
    pub(crate) key: String,
    pub(crate) http: reqwest::Client,
    pub(crate) directory: Arc<tempfile::TempDir>,
    stop: Option<oneshot::Sender<()>>,
    running: Option<JoinHandle<()>>,
}

impl Server {
    /// With the settings that tests need: cheap password hashes.
    pub(crate) async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// With further settings.
    pub(crate) async fn start_with(settings: &[(&str, &str)]) -> Self {
        let directory = Arc::new(tempfile::tempdir().unwrap());
        Self::start_in(directory, settings, |core| async move {
            let admin = Password::new(PASSWORD.into());
            core.create_first_administrator("root", admin)
                .await
                .unwrap();
            let scopes = vec![Scope::Admin];
            let system = Call::system();
            let made = core.create_api_key(&system, "tests".into(), scopes);
            made.await.unwrap().1.expose().to_owned()
        })
        .await
    }

    /// Another node on the same database.
    pub(crate) async fn join(&self, settings: &[(&str, &str)]) -> Self {
        let key = self.key.clone();
        Self::start_in(Arc::clone(&self.directory), settings, |_| async { key }).await
    }

    async fn start_in<K: Future<Output = String>>(
        directory: Arc<tempfile::TempDir>,
        settings: &[(&str, &str)],
        key: impl FnOnce(Core) -> K,
    ) -> Self {
        let mut environment: Vec<(String, String)> = [
            ("LISTEN", "127.0.0.1:0"),
            ("PASSWORD_HASH_MEMORY_KIB", "8"),
            ("PASSWORD_HASH_ITERATIONS", "1"),
            ("SWEEP_INTERVAL_MS", "50"),
            ("DRAIN_S", "1"),
            ("DATA_DIR", directory.path().to_str().unwrap()),
        ]
        .iter()
        .chain(settings)
        .map(|(name, value)| (format!("SESSIONWIRE_{name}"), (*value).to_owned()))
        .collect();
        let data = |name: &str| settings.iter().find(|(set, _)| *set == name);
        let folder = data("DATA_DIR").map_or(directory.path(), |(_, path)| Path::new(path));
        if data("DATABASE").is_none()
            && let Some(url) = database_of(folder).await
        {
            environment.push(("SESSIONWIRE_DATABASE".into(), url));
        }
        environment.reverse();
        environment.sort_by(|a, b| a.0.cmp(&b.0));
        environment.dedup_by(|b, a| a.0 == b.0);
        let config = Config::from_sources(None, environment).unwrap();
        let clock = Arc::new(TestClock::new());
        let entropy = Arc::new(SystemEntropy);
        let world = World {
            clock: Arc::clone(&clock) as _,
            entropy,
        };
        let listener = listen(&config).unwrap();
        let address = listener.local_addr().unwrap();
        let app = App::build(&config, world, address).await.unwrap();
        let (core, node) = (app.core.clone(), app.node.clone());
        let key = key(core.clone()).await;
        let (stop, stopped) = oneshot::channel::<()>();
        let running = tokio::spawn(async move {
            let shutdown = async move { drop(stopped.await) };
            app.serve(listener, futures::stream::once(shutdown))
                .await
                .unwrap();
        });
        Self {
            url: format!("http://{address}"),
            address,
            clock,
            core,
            node,
            key,
            http: reqwest::Client::new(),
            directory,
            stop: Some(stop),
            running: Some(running),
        }
    }

    /// Asks it to make way, as SIGTERM does.
    pub(crate) fn ask_to_stop(&mut self) {
        drop(self.stop.take());
    }

    /// Waits until it has stopped.
    pub(crate) async fn stopped(&mut self) {
        self.running.take().unwrap().await.unwrap();
    }

    /// Sets the clock ahead, and waits until the node has seen the log again: a node that slept does
    /// not decide before.
    pub(crate) async fn advance(&self, by: std::time::Duration) {
        self.clock.advance(by);
        while !self.node.is_ready() {
            tokio::task::yield_now().await;
        }
    }

    /// The last position of the log, which the node may have yet to apply.
    pub(crate) async fn head(&self) -> u64 {
        let applied = self.node.head();
        let query = EventQuery {
            after: applied,
            kind: None,
            user_id: None,
            limit: 200,
        };
        let (rest, _) = self.core.list_events(query).await.unwrap();
        rest.last().map_or(applied, |audit| audit.entry.seq).0
    }

    /// A group.
    pub(crate) async fn group(&self, name: &str, permissions: &[&str]) -> String {
        let permissions = permissions.iter().map(|&p| p.to_owned()).collect();
        let new = NewGroup {
            name: name.into(),
            permissions,
            priority: 0,
        };
        let made = self.core.create_group(&Call::system(), new).await.unwrap();
        made.value.group.id.to_string()
    }

    /// A user with the password that all have here.
    pub(crate) async fn user(&self, name: &str, groups: &[&str]) -> String {
        let new = NewUser {
            username: name.into(),
            password: Some(Password::new(PASSWORD.into())),
            display_name: None,
            external_id: None,
            groups: groups.iter().map(|&g| g.to_owned()).collect(),
        };
        self.core
            .create_user(&Call::system(), new)
            .await
            .unwrap()
            .value
            .user
            .id
            .to_string()
    }

    /// Signs in on a device of this name.
    pub(crate) async fn sign_in(&self, user: &str, device: &str) -> SignedIn {
        let answer = self.try_sign_in(user, PASSWORD, device).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        SignedIn::read(&answer.body)
    }

    /// Tries to sign in on a device of this name; devices of one name are one device.
    pub(crate) async fn try_sign_in(&self, user: &str, password: &str, device: &str) -> Answer {
        let body = json!({
            "username": user,
            "password": password,
            "device": device_named(device),
        });
        self.post("/v1/sign-in", "", body).await
    }

    /// Sets a policy for everybody.
    pub(crate) async fn policy(&self, policy: Value) -> Answer {
        let answer = self.put("/v1/policies/default", &self.key, policy).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer
    }
}

/// A device whose id follows from its name.
pub(crate) fn device_named(name: &str) -> Value {
    let mut id = [0_u8; 16];
    for (index, byte) in name.bytes().enumerate() {
        id[index % 16] = id[index % 16].wrapping_mul(31).wrapping_add(byte);
    }
    json!({ "id": Uuid::from_bytes(id), "name": name, "platform": "web" })
}
