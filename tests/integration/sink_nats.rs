//! The sink that writes to NATS JetStream, with a real one that is frozen, killed and emptied.

use std::process::Command;
use std::time::Duration;

use async_nats::jetstream::{self, consumer::DeliverPolicy, consumer::pull};
use futures::StreamExt as _;
use serde_json::{Value, json};

use crate::crash::call;
use crate::support::{Process, Program, Server, free_port, program_key, until_open};

/// A NATS server on a port and in a folder of its own.
struct Nats {
    port: u16,
    folder: tempfile::TempDir,
    process: Option<Process>,
}

/// A message as a consumer has it.
#[derive(Debug)]
struct Message {
    subject: String,
    id: String,
    event: Value,
}

impl Nats {
    async fn start() -> Self {
        let mut nats = Self {
            port: free_port(),
            folder: tempfile::tempdir().unwrap(),
            process: None,
        };
        nats.begin().await;
        nats
    }

    async fn begin(&mut self) {
        let mut command = Command::new("/usr/sbin/nats-server");
        command.args([
            "-js",
            "-a",
            "127.0.0.1",
            "-p",
            &self.port.to_string(),
            "-sd",
        ]);
        command
            .arg(self.folder.path())
            .args(["--user", "sessionwire", "--pass", "let me in"]);
        self.process = Some(Process::start(&mut command));
        until_open(self.port).await;
    }

    fn kill(&mut self) {
        self.process.take().unwrap().kill();
    }

    fn signal(&self, name: &str) {
        self.process.as_ref().unwrap().signal(name);
    }

    async fn context(&self) -> jetstream::Context {
        let options = async_nats::ConnectOptions::with_user_and_password(
            "sessionwire".to_owned(),
            "let me in".to_owned(),
        );
        let address = format!("nats://127.0.0.1:{}", self.port);
        jetstream::new(options.connect(address).await.unwrap())
    }

    /// Everything that the stream has, up to this position.
    async fn messages(&self, last: u64) -> Vec<Message> {
        let context = self.context().await;
        let stream = loop {
            match context.get_stream("EVENTS").await {
                Ok(stream) => break stream,
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        };
        let consumer = stream.create_consumer(pull::Config {
            deliver_policy: DeliverPolicy::All,
            ..pull::Config::default()
        });
        let mut read = consumer.await.unwrap().messages().await.unwrap();
        let mut messages: Vec<Message> = Vec::new();
        while messages
            .last()
            .is_none_or(|it| it.event["seq"].as_u64().unwrap() < last)
        {
            let message = read.next().await.unwrap().unwrap();
            let headers = message.headers.as_ref().unwrap();
            messages.push(Message {
                subject: message.subject.to_string(),
                id: headers.get("Nats-Msg-Id").unwrap().to_string(),
                event: serde_json::from_slice(&message.payload).unwrap(),
            });
        }
        messages
    }

    fn sinks(&self) -> String {
        format!(
            "[{{ kind = 'nats', name = 'bus', stream = 'EVENTS', start = 'beginning', timeout_s = 1, \
             retry_max_s = 1, url = 'nats://sessionwire:let%20me%20in@127.0.0.1:{}' }}]",
            self.port
        )
    }
}

async fn server(nats: &Nats) -> Server {
    Server::start_with(&[("SINKS", &nats.sinks())]).await
}

fn positions(messages: &[Message]) -> Vec<u64> {
    messages
        .iter()
        .map(|it| it.event["seq"].as_u64().unwrap())
        .collect()
}

async fn until_state(server: &Server, state: &str) -> Value {
    loop {
        let sinks = server.get("/v1/sinks", &server.key).await;
        let sink = sinks.body["items"][0].clone();
        if sink["state"] == state {
            return sink;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn every_event_is_in_the_stream_by_its_type_and_position() {
    let nats = Nats::start().await;
    let server = server(&nats).await;
    server.user("anna", &[]).await;
    server.sign_in("anna", "laptop").await;
    let head = server.head().await;
    let messages = nats.messages(head).await;
    assert_eq!(positions(&messages), (1..=head).collect::<Vec<_>>());
    let audit = server.get("/v1/events?limit=200", &server.key).await;
    for (message, event) in messages.iter().zip(audit.body["items"].as_array().unwrap()) {
        assert_eq!(&message.event, event);
        assert_eq!(message.id, event["seq"].to_string());
        let kind = event["type"].as_str().unwrap();
        assert_eq!(message.subject, format!("sessionwire.events.{kind}"));
    }
}

#[tokio::test]
async fn a_broker_that_was_away_gets_everything_after_it_and_once() {
    let mut nats = Nats::start().await;
    let server = server(&nats).await;
    nats.messages(server.head().await).await;

    // Frozen: what was sent meanwhile may arrive later, and is dropped as repeated.
    nats.signal("STOP");
    server.user("anna", &[]).await;
    until_state(&server, "failing").await;
    server.user("ben", &[]).await;
    nats.signal("CONT");
    until_state(&server, "running").await;

    nats.kill();
    server.user("chloe", &[]).await;
    let failing = until_state(&server, "failing").await;
    assert!(!failing.to_string().contains("let me in"), "{failing}");
    server.user("dario", &[]).await;
    nats.begin().await;
    let head = server.head().await;
    let messages = nats.messages(head).await;
    assert_eq!(positions(&messages), (1..=head).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_stream_that_was_removed_is_made_again() {
    let nats = Nats::start().await;
    let server = server(&nats).await;
    nats.messages(server.head().await).await;
    let context = nats.context().await;
    context.delete_stream("EVENTS").await.unwrap();
    server.user("anna", &[]).await;
    let head = server.head().await;
    assert_eq!(positions(&nats.messages(head).await), [head]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_was_killed_goes_on_where_it_was() {
    let nats = Nats::start().await;
    let directory = tempfile::tempdir().unwrap();
    let key = program_key(directory.path());
    let http = reqwest::Client::new();
    let sinks = nats.sinks();
    for round in 0..3 {
        let program = Program::serve_with(directory.path(), 0, &[("SINKS", &sinks)]);
        for n in 0..20 {
            let body = json!({ "username": format!("user-{round}-{n}") });
            let made = call(
                &http,
                "POST",
                format!("{}/v1/users", program.url),
                &key,
                body,
            );
            assert!(made.await.is_some());
        }
        let sink = async || {
            let sinks = format!("{}/v1/sinks", program.url);
            call(&http, "GET", sinks, &key, Value::Null).await.unwrap()["items"][0].clone()
        };
        // All but the last time it is killed while it has something to write.
        while round == 2 && sink().await["lag_events"] != 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let seq = sink().await["seq"].as_u64().unwrap();
        program.kill();
        if round == 2 {
            assert!(seq > 60, "{seq}");
            assert_eq!(
                positions(&nats.messages(seq).await),
                (1..=seq).collect::<Vec<_>>()
            );
        }
    }
}
