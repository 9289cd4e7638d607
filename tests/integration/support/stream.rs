//! A reader of server-sent events.

use reqwest::Response;
use serde_json::Value;

use super::Server;

/// A message of a stream.
#[derive(Debug, Default)]
pub(crate) struct Message {
    pub(crate) event: String,
    pub(crate) id: Option<u64>,
    pub(crate) data: Value,
}

/// A reader of server-sent events, as far as they are used here.
pub(crate) struct Reader {
    answer: Response,
    text: String,
}

impl Reader {
    pub(crate) async fn open(
        server: &Server,
        path: &str,
        token: &str,
        last_event_id: Option<u64>,
    ) -> Self {
        let answer = Self::ask(server, path, token, last_event_id).await;
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        let text = String::new();
        Self { answer, text }
    }

    /// The answer, whatever it is.
    pub(crate) async fn ask(
        server: &Server,
        path: &str,
        token: &str,
        last_event_id: Option<u64>,
    ) -> Response {
        let url = format!("{}{path}", server.url);
        let mut request = server.http.get(url).bearer_auth(token);
        request = request.header("accept", "text/event-stream");
        if let Some(id) = last_event_id {
            request = request.header("last-event-id", id);
        }
        request.send().await.unwrap()
    }

    /// The next message; `None` at the end.
    pub(crate) async fn next(&mut self) -> Option<Message> {
        loop {
            if let Some((message, rest)) = self.text.split_once("\n\n") {
                let message = read(message);
                self.text = rest.to_owned();
                return Some(message);
            }
            let chunk = self.answer.chunk().await.unwrap()?;
            self.text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    /// The next message of the log.
    pub(crate) async fn event(&mut self) -> Message {
        loop {
            let message = self.next().await.unwrap();
            if message.event.is_empty() {
                return message;
            }
        }
    }

    /// The last message, past everything before it.
    pub(crate) async fn last(&mut self) -> Message {
        let mut last = Message::default();
        while let Some(message) = self.next().await {
            last = message;
        }
        last
    }
}

fn read(text: &str) -> Message {
    let mut message = Message::default();
    for line in text.lines() {
        match line.split_once(": ").unwrap() {
            ("id", id) => message.id = Some(id.parse().unwrap()),
            ("event", event) => message.event = event.to_owned(),
            ("data", data) => message.data = serde_json::from_str(data).unwrap(),
            other => panic!("{other:?}"),
        }
    }
    message
}
