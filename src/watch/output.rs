//! What is printed: lines for people, or JSON lines for programs.

use std::io::{BufRead as _, IsTerminal as _, Write as _};

use serde_json::Value;
use tokio::sync::oneshot;

use super::render::{clean, render};

/// Standard output, in one of two forms.
pub(super) struct Output {
    json: bool,
}

impl Output {
    pub(super) fn new(json: bool) -> Self {
        Self { json }
    }

    /// A message of the server.
    pub(super) fn message(&mut self, message: &Value) -> std::io::Result<()> {
        if self.json {
            line(&message.to_string())
        } else if message["type"] == "pong" {
            // Nobody asked to see that the connection is alive.
            Ok(())
        } else {
            said(&render(message))
        }
    }

    /// A connection is over.
    pub(super) fn closed(&mut self, code: u16, reason: &str) -> std::io::Result<()> {
        let detail = format!("disconnected ({code} {reason})");
        if self.json {
            let happening = serde_json::json!({
                "type": "watch.closed", "detail": detail, "code": code, "reason": reason,
            });
            line(&happening.to_string())
        } else {
            said(&format!("{}  {detail}", clock()))
        }
    }

    /// Something that this client did.
    pub(super) fn happened(&mut self, kind: &str, detail: &str) -> std::io::Result<()> {
        if self.json {
            let happening =
                serde_json::json!({ "type": format!("watch.{kind}"), "detail": detail });
            line(&happening.to_string())
        } else {
            said(&format!("{}  {detail}", clock()))
        }
    }
}

fn said(text: &str) -> std::io::Result<()> {
    line(&clean(text))
}

fn line(text: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}")?;
    out.flush()
}

/// Asks on the terminal.
pub(super) fn prompt(text: &str) -> std::io::Result<()> {
    let mut out = std::io::stderr().lock();
    write!(out, "{}", clean(text))?;
    out.flush()
}

/// Asks a question that is answered by yes or no; without a terminal the answer is no.
pub(super) async fn confirm(question: String) -> bool {
    // A thread of its own, not the runtime's: the program may end while the question stands.
    let (answer, answered) = oneshot::channel();
    std::thread::spawn(move || answer.send(ask(&question)));
    answered.await.unwrap_or(false)
}

fn ask(question: &str) -> bool {
    let stdin = std::io::stdin();
    if !stdin.is_terminal() || prompt(&format!("{question} [y/N] ")).is_err() {
        return false;
    }
    let mut line = String::new();
    stdin.lock().read_line(&mut line).is_ok() && line.trim().eq_ignore_ascii_case("y")
}

/// The time of day in UTC.
#[expect(
    clippy::disallowed_methods,
    reason = "a client of its own, outside the server's seam"
)]
fn clock() -> String {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let seconds = since
        .map(|since| since.as_secs() % 86_400)
        .unwrap_or_default();
    format!(
        "{:02}:{:02}:{:02}",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60
    )
}
