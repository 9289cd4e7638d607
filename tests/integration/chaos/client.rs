//! People who hold a socket and come back whenever it is lost. It may not know which nodes are well.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use parking_lot::Mutex;
use serde_json::Value;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

use super::history::{Heard, Rest};
use super::load::{Load, Session};
use super::schedule::{Dice, NODES};

/// The device of those who hold a socket; the load uses others.
const DEVICE: usize = 90;
/// How long somebody waits for `welcome`.
const PATIENCE: Duration = Duration::from_secs(5);

/// The session that a client takes for its own, and what it was told that it may.
type Known = (String, BTreeSet<String>);

/// What a client knows.
#[derive(Clone, Default)]
pub(super) struct Knows(Arc<Mutex<Option<Known>>>);

impl Knows {
    /// The session that it takes for its own, and what it was told that it may; none while it has no socket.
    pub(super) fn rest(&self, may: BTreeSet<String>) -> Option<Rest> {
        let known = self.0.lock().clone();
        known.map(|(session, told)| Rest { session, told, may })
    }
}

/// A client of a user, for ever.
pub(super) async fn hold(load: Load, user: usize, mut dice: Dice, knows: Knows) {
    loop {
        let Some(session) = load.session(dice.below(NODES), user, DEVICE).await else {
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        while connection(&load, &session, dice.below(NODES), &knows).await {
            *knows.0.lock() = None;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        *knows.0.lock() = None;
    }
}

/// One connection; whether the session may go on after it.
async fn connection(load: &Load, session: &Session, node: usize, knows: &Knows) -> bool {
    let url = load.world.url(node).replacen("http", "ws", 1);
    let mut request = format!("{url}/v1/socket").into_client_request().unwrap();
    let bearer = format!("Bearer {}", session.token);
    request
        .headers_mut()
        .insert("authorization", bearer.parse().unwrap());
    let Ok(Ok((mut stream, _))) = tokio::time::timeout(PATIENCE, connect_async(request)).await
    else {
        return true;
    };
    let mut told: Option<BTreeSet<String>> = None;
    loop {
        let next = match told {
            // A node that is frozen may still take a connection, and say nothing on it.
            None => tokio::time::timeout(PATIENCE, stream.next())
                .await
                .ok()
                .flatten(),
            Some(_) => stream.next().await,
        };
        match next {
            Some(Ok(Message::Text(text))) => {
                let message: Value = serde_json::from_str(&text).unwrap();
                hear(load, session, &message, &mut told);
                *knows.0.lock() = told.clone().map(|told| (session.id.clone(), told));
            }
            Some(Ok(Message::Close(Some(frame)))) => {
                return !(4500..5000).contains(&u16::from(frame.code));
            }
            Some(Ok(_)) => {}
            Some(Err(_)) | None => return true,
        }
    }
}

fn hear(load: &Load, session: &Session, message: &Value, told: &mut Option<BTreeSet<String>>) {
    let texts = |value: &Value| -> BTreeSet<String> {
        let items = value.as_array().into_iter().flatten();
        items
            .filter_map(|it| it.as_str().map(str::to_owned))
            .collect()
    };
    match message["type"].as_str().unwrap() {
        "welcome" => *told = Some(texts(&message["permissions"])),
        "permissions.changed" => {
            let told = told.as_mut().unwrap();
            told.extend(texts(&message["permissions"]["gained"]));
            for lost in texts(&message["permissions"]["lost"]) {
                told.remove(&lost);
            }
        }
        _ => {}
    }
    if let Some(named) = message["session_id"].as_str() {
        let heard = Heard {
            of: session.id.clone(),
            named: named.to_owned(),
        };
        load.recorder.note(|history| history.heard.push(heard));
    }
}
