//! The sink that writes to Kafka, with the broker inside librdkafka and librdkafka's consumer.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::support::{Process, Server};

const TOPIC: &str = "sessionwire-events";
const BROKER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/setup/kafka_broker.py");

struct Kafka {
    address: String,
    process: Process,
}

/// A record as a consumer has it.
#[derive(Clone, Debug, PartialEq)]
struct Record {
    key: String,
    event: Value,
}

impl Kafka {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("address");
        // Debian's own interpreter: its packages are for that one.
        let mut command = Command::new("/usr/bin/python3");
        let process = Process::start(command.arg(BROKER).arg(&file));
        let address = loop {
            match std::fs::read_to_string(&file) {
                Ok(address) => break address,
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        };
        Self { address, process }
    }

    fn kcat(&self, arguments: &[&str]) -> String {
        let mut command = Command::new("kcat");
        command.args(["-b", &self.address, "-t", TOPIC, "-m", "5"]);
        let ran = command.args(arguments).output().unwrap();
        assert!(
            ran.status.success(),
            "{}",
            String::from_utf8_lossy(&ran.stderr)
        );
        String::from_utf8(ran.stdout).unwrap()
    }

    /// The broker makes a topic when somebody asks for it by name.
    fn make_topic(&self) {
        self.kcat(&["-L"]);
    }

    /// What each partition has, without what came twice.
    fn partitions(&self) -> BTreeMap<String, Vec<Record>> {
        let mut partitions: BTreeMap<String, Vec<Record>> = BTreeMap::new();
        for line in self.kcat(&["-C", "-e", "-q", "-f", "%p|%k|%s\n"]).lines() {
            let [partition, key, event] = line.splitn(3, '|').collect::<Vec<_>>()[..] else {
                panic!("{line}")
            };
            let record = Record {
                key: key.to_owned(),
                event: serde_json::from_str(event).unwrap(),
            };
            let records = partitions.entry(partition.to_owned()).or_default();
            if !records.contains(&record) {
                records.push(record);
            }
        }
        partitions
    }
}

async fn server(kafka: &Kafka) -> Server {
    let sinks = format!(
        "[{{ kind = 'kafka', name = 'lake', brokers = ['{}'], start = 'beginning', timeout_s = 1, \
         retry_max_s = 1 }}]",
        kafka.address
    );
    Server::start_with(&[("SINKS", &sinks)]).await
}

async fn sink(server: &Server) -> Value {
    let sinks = server.get("/v1/sinks", &server.key).await;
    sinks.body["items"][0].clone()
}

async fn until_state(server: &Server, state: &str) -> Value {
    loop {
        let sink = sink(server).await;
        if sink["state"] == state {
            return sink;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn caught_up(server: &Server) {
    let head = server.head().await;
    while sink(server).await["seq"].as_u64().unwrap() < head {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn seq(record: &Record) -> u64 {
    record.event["seq"].as_u64().unwrap()
}

#[tokio::test]
async fn a_users_events_are_in_one_partition_and_in_order() {
    let kafka = Kafka::start().await;
    kafka.make_topic();
    let server = server(&kafka).await;
    let mut users = Vec::new();
    for n in 0..8 {
        let name = format!("user-{n}");
        users.push(server.user(&name, &[]).await);
        server.sign_in(&name, "laptop").await;
    }
    caught_up(&server).await;
    let partitions = kafka.partitions();
    assert!(partitions.len() > 1, "{partitions:?}");
    for user in &users {
        let of_user = |records: &&Vec<Record>| records.iter().any(|it| it.key == *user);
        let held: Vec<_> = partitions.values().filter(of_user).collect();
        assert_eq!(held.len(), 1, "{user}");
        let kinds = held[0].iter().filter(|it| it.key == *user);
        let kinds: Vec<_> = kinds.map(|it| it.event["type"].as_str().unwrap()).collect();
        assert_eq!(kinds, ["user.created", "session.started"]);
    }
    let mut all = Vec::new();
    for records in partitions.values() {
        assert!(records.is_sorted_by_key(seq));
        all.extend(records.iter().map(seq));
    }
    all.sort_unstable();
    assert_eq!(all, (1..=server.head().await).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_broker_that_was_away_gets_everything_after_it() {
    let kafka = Kafka::start().await;
    let server = server(&kafka).await;
    let failing = until_state(&server, "failing").await;
    let error = failing["last_error"].as_str().unwrap();
    assert!(error.contains("there is no topic"), "{error}");
    kafka.make_topic();
    until_state(&server, "running").await;
    kafka.process.signal("STOP");
    for n in 0..10 {
        server.user(&format!("user-{n}"), &[]).await;
    }
    until_state(&server, "failing").await;
    kafka.process.signal("CONT");
    caught_up(&server).await;
    let mut all = Vec::new();
    for records in kafka.partitions().values() {
        assert!(records.is_sorted_by_key(seq));
        all.extend(records.iter().map(seq));
    }
    all.sort_unstable();
    assert_eq!(all, (1..=server.head().await).collect::<Vec<_>>());
}
