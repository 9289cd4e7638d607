//! An API in Rust behind Sessionwire: tokens are checked in memory, and a revocation is known here
//! milliseconds after it happened.
//!
//! `node examples/start.js axum-api` starts it beside a demo. By itself it wants `SERVER_URL`, `API_KEY` (scope
//! `feed`), and `LISTEN`.
#![expect(clippy::print_stdout, reason = "it says where it listens")]

use std::env;
use std::error::Error;

use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};
use sessionwire_guard::{Authenticated, Guard, GuardLayer, GuardSettings};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let server = env::var("SERVER_URL")?;
    let guard = Guard::start(GuardSettings::new(
        &server,
        env::var("API_KEY")?,
        &server,
        "sessionwire",
    ))?;
    guard.ready().await;

    let may_read = GuardLayer::new(guard.clone()).requires("reports:read");
    let metrics = guard.clone();
    let app = Router::new()
        .route("/reports", get(reports).layer(may_read))
        .route("/me", get(me))
        .route("/metrics", get(async move || metrics.metrics_text()))
        .with_state(guard);

    let listen = env::var("LISTEN").unwrap_or_else(|_| "127.0.0.1:8082".to_owned());
    let listener = TcpListener::bind(listen).await?;
    println!("listening on http://{}", listener.local_addr()?);
    axum::serve(listener, app).await?;
    Ok(())
}

/// Whoever has a good token.
async fn me(Authenticated(claims): Authenticated) -> Json<Value> {
    Json(json!({ "user": claims.sub, "groups": claims.groups }))
}

/// Whoever may read reports.
async fn reports(Authenticated(claims): Authenticated) -> Json<Value> {
    Json(json!({ "reports": ["January", "February"], "for": claims.sub }))
}
