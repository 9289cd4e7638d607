//! Where lines go: readable ones with the time of day, or one JSON object a line. It may not know
//! what the lines are about.

use std::io::{self, Write};

use serde::Serialize;

use super::{ambient, render};

/// What this client does, beside what the server says.
#[derive(Debug, Serialize)]
#[serde(tag = "type")]
pub(super) enum Happening<'a> {
    #[serde(rename = "watch.signed_in")]
    SignedIn {
        url: &'a str,
        session_id: &'a str,
        user_id: &'a str,
        username: &'a str,
        device_id: &'a str,
        device_name: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        expires_in: Option<u64>,
    },
    #[serde(rename = "watch.signed_out")]
    SignedOut,
    #[serde(rename = "watch.waiting")]
    Waiting {
        #[serde(rename = "for")]
        what: WaitingFor,
        after_ms: u64,
        #[serde(skip_serializing_if = "Option::is_none")]
        expires_at: Option<&'a str>,
    },
    #[serde(rename = "watch.connecting")]
    Connecting { attempt: u32 },
    #[serde(rename = "watch.connected")]
    Connected,
    #[serde(rename = "watch.closed")]
    Closed { code: u16, reason: &'a str },
    #[serde(rename = "watch.refreshed")]
    Refreshed {
        #[serde(skip_serializing_if = "Option::is_none")]
        expires_in: Option<u64>,
    },
    #[serde(rename = "watch.error")]
    Error { code: &'a str, message: &'a str },
}

/// What there is to wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum WaitingFor {
    /// Somebody at another device.
    Approval,
    /// The next attempt.
    Reconnect,
}

/// The lines of this run.
pub(super) struct Output {
    writer: Box<dyn Write + Send>,
    json: bool,
}

impl Output {
    /// Lines for `writer`.
    pub(super) fn new(writer: Box<dyn Write + Send>, json: bool) -> Self {
        Self { writer, json }
    }

    /// Whether the lines are for programs.
    pub(super) fn is_json(&self) -> bool {
        self.json
    }

    /// A JSON object that the server sent: as it came for programs, as `readable` for people.
    pub(super) fn heard(&mut self, text: &str, readable: &str) -> io::Result<()> {
        if self.json {
            // Line ends within JSON are only ever white space between its parts.
            let line = text.replace(['\n', '\r'], " ");
            self.write(&line)
        } else {
            self.say(readable)
        }
    }

    /// Something that this client did.
    pub(super) fn happened(&mut self, happening: &Happening<'_>) -> io::Result<()> {
        if self.json {
            let line = serde_json::to_string(happening)?;
            self.write(&line)
        } else {
            self.say(&render::happening(happening))
        }
    }

    fn say(&mut self, readable: &str) -> io::Result<()> {
        let line = format!("{}  {readable}", render::clock(ambient::unix_seconds()));
        self.write(&line)
    }

    fn write(&mut self, line: &str) -> io::Result<()> {
        self.writer.write_all(format!("{line}\n").as_bytes())?;
        self.writer.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use parking_lot::Mutex;

    use super::*;

    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl Write for Page {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn written(json: bool, say: impl FnOnce(&mut Output)) -> String {
        let page = Page::default();
        say(&mut Output::new(Box::new(page.clone()), json));
        let bytes = page.0.lock().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn programs_get_what_the_server_sent() {
        let sent = "{\"type\":\"x\" , \"a\":1.50}";
        let page = written(true, |output| output.heard(sent, "words").unwrap());
        assert_eq!(page, format!("{sent}\n"));
        let page = written(true, |output| output.heard("{\r\n\"a\":1}", "").unwrap());
        assert_eq!(page, "{  \"a\":1}\n");
    }

    #[test]
    fn people_get_the_time_and_words() {
        let page = written(false, |output| output.heard("{}", "words").unwrap());
        assert_eq!(&page[2..3], ":");
        assert_eq!(&page[8..], "  words\n");
    }

    #[test]
    fn happenings_have_their_names() {
        let line = |happening: Happening<'_>| written(true, |it| it.happened(&happening).unwrap());
        assert_eq!(
            line(Happening::Closed {
                code: 4502,
                reason: "superseded"
            }),
            "{\"type\":\"watch.closed\",\"code\":4502,\"reason\":\"superseded\"}\n"
        );
        assert_eq!(
            line(Happening::Connected),
            "{\"type\":\"watch.connected\"}\n"
        );
        assert_eq!(
            line(Happening::Waiting {
                what: WaitingFor::Reconnect,
                after_ms: 250,
                expires_at: None
            }),
            "{\"type\":\"watch.waiting\",\"for\":\"reconnect\",\"after_ms\":250}\n"
        );
    }
}
