//! From a commit to the guard's having applied it: the real server, its SQLite database and its feed. It may
//! not know what a check costs.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sessionwire::app::system::{SystemClock, SystemEntropy};
use sessionwire::app::{App, World};
use sessionwire::config::Config;
use sessionwire::domain::access::Scope;
use sessionwire::domain::user::NewUser;
use sessionwire::service::{Call, Effect};
use sessionwire_guard::{Guard, GuardSettings};
use tokio::net::TcpListener;

use crate::Outcome;

const EVENTS: usize = 1000;

/// In microseconds.
pub(crate) struct Applied {
    pub(crate) p50: u128,
    pub(crate) p99: u128,
    pub(crate) count: usize,
}

/// Commits one event after the other and waits for the guard each time.
pub(crate) async fn commit_to_applied() -> Outcome<Applied> {
    let directory = tempfile::tempdir()?;
    let data = directory.path().to_string_lossy().into_owned();
    let environment = [
        ("SESSIONWIRE_DATA_DIR", data),
        ("SESSIONWIRE_LISTEN", "127.0.0.1:0".to_owned()),
    ];
    let environment = environment.map(|(name, value)| (name.to_owned(), value));
    let config = Config::from_sources(None, environment.to_vec())?;
    let world = World {
        clock: Arc::new(SystemClock::new()),
        entropy: Arc::new(SystemEntropy),
    };
    let listener = TcpListener::bind(config.listen).await?;
    let address = listener.local_addr()?;
    let app = App::build(&config, world, address).await?;
    let core = app.core.clone();
    let (_, key) = core
        .create_api_key(&Call::system(), "bench".into(), vec![Scope::Feed])
        .await?;
    let serving = tokio::spawn(app.serve(listener, futures::stream::pending()));
    let url = format!("http://{address}");
    let guard = Guard::start(GuardSettings::new(&url, key.expose(), &url, "sessionwire"))?;
    guard.ready().await;
    let mut times = Vec::with_capacity(EVENTS);
    for number in 0..EVENTS {
        let user = NewUser {
            username: format!("user-{number}"),
            password: None,
            display_name: None,
            external_id: None,
            groups: Vec::new(),
        };
        let done = core.create_user(&Call::system(), user).await?;
        let committed = Instant::now();
        let Effect::Committed(change) = done.effect else {
            continue;
        };
        while guard.position() < Some(change.seq) {
            tokio::task::yield_now().await;
        }
        times.push(committed.elapsed());
    }
    serving.abort();
    times.sort_unstable();
    let at = |share: usize| {
        let index = (times.len() * share / 100).min(times.len().saturating_sub(1));
        times.get(index).map_or(0, Duration::as_micros)
    };
    Ok(Applied {
        p50: at(50),
        p99: at(99),
        count: times.len(),
    })
}
