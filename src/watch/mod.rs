//! `sessionwire watch`: a terminal client. It signs in, holds the socket, and prints what happens to
//! the session.
//!
//! It speaks the wire contract like any client, and may not know the server's code.

mod api;
mod output;
mod reconnect;
mod render;
mod session;
mod socket;
mod stop;

use std::io::{BufRead as _, IsTerminal as _};

use uuid::Uuid;

use api::Api;
use output::Output;
use stop::Stop;

/// A password that was typed; it can't be printed.
#[derive(Clone)]
struct Typed(String);

impl std::fmt::Debug for Typed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

impl From<String> for Typed {
    fn from(text: String) -> Self {
        Self(text)
    }
}

/// Arguments of `watch`.
#[derive(Debug, clap::Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch of the command line"
)]
pub struct WatchArgs {
    /// The server.
    #[arg(long, default_value = "http://127.0.0.1:7400")]
    url: String,
    /// The user name.
    #[arg(long)]
    user: String,
    /// The password; else WATCH_PASSWORD, else the first line of standard input.
    #[arg(long)]
    password: Option<Typed>,
    /// The name of this device; others see it.
    #[arg(long)]
    device_name: Option<String>,
    /// The id of this device; without one every run is a device of its own.
    #[arg(long)]
    device_id: Option<Uuid>,
    /// What kind of device this is.
    #[arg(long, default_value = "desktop", value_parser = ["web", "ios", "android", "desktop", "game", "other"])]
    platform: String,
    /// Ask for a long session.
    #[arg(long)]
    remember_me: bool,
    /// Where the seat is taken, take it without asking.
    #[arg(long)]
    take_over: bool,
    /// Answer the question of another device without asking.
    #[arg(long, value_parser = ["allow", "deny"])]
    answer: Option<String>,
    /// Sign out when interrupted; otherwise the session lives on.
    #[arg(long)]
    sign_out: bool,
    /// Print every message, and what this client does, as a line of JSON.
    #[arg(long)]
    json: bool,
}

/// Why watching ended.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    /// The server said no.
    #[error("{0}")]
    Refused(String),
    /// The session is over.
    #[error("the session is over: {0}")]
    Over(String),
    /// The server can't be reached, or does not speak the contract.
    #[error("the server at {0} can't be reached: {1}")]
    Unreachable(String, String),
    /// The terminal is gone.
    #[error("nothing can be printed: {0}")]
    Output(#[from] std::io::Error),
}

/// Signs in and watches until interrupted or signed out.
pub async fn run(args: WatchArgs) -> Result<(), WatchError> {
    match sign_in_and_watch(args).await {
        // Whoever read the lines has read enough.
        Err(WatchError::Output(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

async fn sign_in_and_watch(args: WatchArgs) -> Result<(), WatchError> {
    let mut output = Output::new(args.json);
    let api = Api::new(&args.url)?;
    let body = sign_in_body(&args)?;
    let mut stop = Stop::hear()?;
    let tokens = tokio::select! {
        signed_in = api::sign_in(&api, body, args.take_over, &mut output) => signed_in?,
        () = stop.asked() => return Ok(()),
    };
    let answer = args.answer.as_deref();
    session::watch(&api, tokens, answer, &mut output, &mut stop).await?;
    if args.sign_out {
        // Where the session is over already there is nothing to sign out of.
        api.sign_out().await?;
    }
    Ok(())
}

fn sign_in_body(args: &WatchArgs) -> Result<serde_json::Value, WatchError> {
    Ok(serde_json::json!({
        "username": args.user,
        "password": password(args)?,
        "remember_me": args.remember_me,
        "device": {
            "id": args.device_id.unwrap_or_else(random_id),
            "name": args.device_name.clone().unwrap_or_else(|| format!("Terminal on {}", host())),
            "platform": args.platform,
        },
    }))
}

fn password(args: &WatchArgs) -> Result<String, WatchError> {
    if let Some(password) = &args.password {
        return Ok(password.0.clone());
    }
    if let Ok(password) = std::env::var("WATCH_PASSWORD") {
        return Ok(password);
    }
    if std::io::stdin().is_terminal() {
        output::prompt(&format!("Password of {}: ", args.user))?;
    }
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

#[expect(
    clippy::disallowed_methods,
    reason = "a client of its own, outside the server's seam"
)]
fn random_id() -> Uuid {
    Uuid::new_v4()
}

/// A random fraction, for jitter.
fn random_fraction() -> f64 {
    let (high, _) = random_id().as_u64_pair();
    f64::from(u32::try_from(high >> 32).unwrap_or(0)) / f64::from(u32::MAX)
}

fn host() -> String {
    let name = std::fs::read_to_string("/etc/hostname").unwrap_or_default();
    let name = name.trim();
    if name.is_empty() {
        "this machine".into()
    } else {
        name.into()
    }
}
