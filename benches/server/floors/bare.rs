//! The floor of handshakes and requests: axum as it comes, which takes every socket and holds it, and answers every
//! request with the same bytes.

use std::net::Ipv4Addr;

use axum::Router;
use axum::body::Bytes;
use axum::extract::ws::{WebSocket, WebSocketUpgrade};
use axum::routing::any;
use tokio::net::TcpListener;

use crate::failure::{During as _, Outcome};

/// What axum says besides the body: status, type, length and date.
const HEAD_BYTES: usize = 130;

/// Serves until it is killed.
pub(crate) fn run(answer_bytes: usize) -> Outcome<()> {
    sessionwire::app::system::raise_open_files(0);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    runtime
        .during("starting a runtime")?
        .block_on(serve(answer_bytes))
}

async fn serve(answer_bytes: usize) -> Outcome<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
    let listener = listener.during("listening")?;
    let address = listener.local_addr().during("listening")?;
    super::epoll::say_address(address)?;
    let body = Bytes::from(vec![b'x'; answer_bytes.saturating_sub(HEAD_BYTES)]);
    let router = Router::new()
        .route("/v1/socket", any(socket))
        .fallback(move || std::future::ready(body.clone()));
    axum::serve(listener, router).await.during("serving")
}

async fn socket(upgrade: WebSocketUpgrade) -> axum::response::Response {
    upgrade
        .read_buffer_size(512)
        .write_buffer_size(0)
        .on_upgrade(hold)
}

async fn hold(mut socket: WebSocket) {
    while let Some(Ok(_)) = socket.recv().await {}
}
