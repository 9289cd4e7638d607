//! `sessionwire serve`: the server for production.

use std::io::Write as _;
use std::path::Path;

use tokio::net::TcpListener;

use super::{CommandError, StopSignals};
use crate::app::system::raise_open_files;
use crate::app::{App, AppError, World, listen, serve_metrics};
use crate::config::Config;
use crate::domain::secret::Password;
use crate::telemetry::{self, Metrics};

/// The name of the administrator who is made where there is no user.
const FIRST_ADMINISTRATOR: &str = "admin";

pub(super) async fn serve(file: Option<&Path>) -> Result<(), CommandError> {
    let signals = StopSignals::hear()?;
    let config = Config::load(file)?;
    telemetry::install_log(&config.log_level, config.log_format)?;
    raise_open_files(config.max_connections);
    let metrics = match config.metrics_listen {
        Some(address) => Some((TcpListener::bind(address).await?, Metrics::install()?)),
        None => None,
    };
    let listener = listen(&config)?;
    let bound = listener.local_addr()?;
    let world = World::system();
    let app = App::build(&config, world.clone(), bound).await?;
    if let Some((listener, metrics)) = metrics {
        tokio::spawn(serve_metrics(listener, metrics, app.node.clone()));
    }
    make_first_administrator(&app, &world).await?;
    tracing::info!(address = %bound, "listening");
    app.serve(listener, signals.asked())
        .await
        .map_err(AppError::into)
}

async fn make_first_administrator(app: &App, world: &World) -> Result<(), CommandError> {
    let password = random_password(world);
    let made = app
        .core
        .create_first_administrator(FIRST_ADMINISTRATOR, Password::new(password.clone()))
        .await?;
    if made.is_some() {
        writeln!(
            std::io::stderr(),
            "There was no user, so an administrator was made. This is shown once:\n  \
             user name  {FIRST_ADMINISTRATOR}\n  password   {password}"
        )?;
    }
    Ok(())
}

/// A password that can be read out: 20 letters and digits without look-alikes, about 98 bits.
pub(super) fn random_password(world: &World) -> String {
    const LETTERS: &[u8] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let mut bytes = [0; 20];
    world.entropy.fill(&mut bytes);
    bytes
        .iter()
        .map(|byte| char::from(LETTERS[usize::from(byte % 32)]))
        .collect()
}
