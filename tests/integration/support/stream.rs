//! A reader of server-sent events.

use std::time::Duration;

use reqwest::Response;
use serde_json::Value;
use tokio::time::timeout;

use super::Server;

/// A bound for what must come; nothing waits this long when all is well.
const PATIENCE: Duration = Duration::from_secs(10);

/// A message of a stream.
#[derive(Debug, Default)]
pub(crate) struct Message {
    pub(crate) event: String,
    pub(crate) id: Option<u64>,
    pub(crate) retry: Option<u64>,
    pub(crate) data: Value,
}

/// A reader of server-sent events, as far as they are used here.
pub(crate) struct Reader {
    answer: Response,
    text: String,
    /// Comments that came so far.
    pub(crate) comments: u32,
}

impl Reader {
    pub(crate) async fn open(
        server: &Server,
        path: &str,
        token: &str,
        last_event_id: Option<u64>,
    ) -> Self {
        let answer = Self::ask(server, path, token, last_event_id).await;
        Self::of(answer)
    }

    /// Of an answer.
    pub(crate) fn of(answer: Response) -> Self {
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        Self {
            answer,
            text: String::new(),
            comments: 0,
        }
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
                let message = (message != ":").then(|| read(message));
                self.text = rest.to_owned();
                let Some(message) = message else {
                    self.comments += 1;
                    continue;
                };
                return Some(message);
            }
            let chunk = self.answer.chunk().await.unwrap()?;
            self.text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    /// The next message, which must be of this name; and soon.
    pub(crate) async fn expect(&mut self, event: &str) -> Message {
        let message = timeout(PATIENCE, self.next()).await.unwrap();
        let message = message.expect("the stream has ended");
        assert_eq!(message.event, event, "{message:?}");
        message
    }

    /// The end of the stream, with its code and reason.
    pub(crate) async fn expect_close(&mut self) -> (u64, String) {
        let close = self.expect("close").await;
        assert!(self.next().await.is_none());
        let reason = close.data["reason"].as_str().unwrap().to_owned();
        (close.data["code"].as_u64().unwrap(), reason)
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
            ("retry", retry) => message.retry = Some(retry.parse().unwrap()),
            ("event", event) => message.event = event.to_owned(),
            ("data", data) => message.data = serde_json::from_str(data).unwrap(),
            other => panic!("{other:?}"),
        }
    }
    message
}
