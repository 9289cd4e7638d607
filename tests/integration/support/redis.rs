//! A real Redis, which can be frozen, killed and emptied, and what a service reads there.

use std::process::Command;

use redis::aio::MultiplexedConnection;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{Process, free_port, until_open};

/// A Redis on a port of its own, without persistence: a restart has forgotten everything.
pub(crate) struct Redis {
    pub(crate) port: u16,
    process: Option<Process>,
}

impl Redis {
    pub(crate) async fn start() -> Self {
        let mut redis = Self {
            port: free_port(),
            process: None,
        };
        redis.begin().await;
        redis
    }

    pub(crate) async fn begin(&mut self) {
        let mut command = Command::new("redis-server");
        command.args([
            "--port",
            &self.port.to_string(),
            "--save",
            "",
            "--bind",
            "127.0.0.1",
        ]);
        command.args(["--requirepass", "let me in", "--dir", "/tmp"]);
        self.process = Some(Process::start(&mut command));
        until_open(self.port).await;
    }

    pub(crate) fn kill(&mut self) {
        self.process.take().unwrap().kill();
    }

    pub(crate) fn signal(&self, name: &str) {
        self.process.as_ref().unwrap().signal(name);
    }

    pub(crate) async fn connect(&self) -> MultiplexedConnection {
        let url = format!("redis://:let%20me%20in@127.0.0.1:{}", self.port);
        let client = redis::Client::open(url).unwrap();
        client.get_multiplexed_async_connection().await.unwrap()
    }

    /// The stream: positions and types.
    pub(crate) async fn stream(&self) -> Vec<(u64, String)> {
        let mut connection = self.connect().await;
        let entries: Vec<(String, Vec<String>)> = redis::cmd("XRANGE")
            .arg("sessionwire:events")
            .arg("-")
            .arg("+")
            .query_async(&mut connection)
            .await
            .unwrap();
        let entry = |(id, fields): (String, Vec<String>)| {
            let seq = id.strip_suffix("-0").unwrap().parse().unwrap();
            let event: Value = serde_json::from_str(&fields[3]).unwrap();
            assert_eq!(
                (event["seq"].as_u64(), &event["type"]),
                (Some(seq), &json!(fields[1]))
            );
            (seq, fields[1].clone())
        };
        entries.into_iter().map(entry).collect()
    }

    /// What a service asks: is one of these keys there?
    pub(crate) async fn is_revoked(&self, sid: &str, user: &str) -> bool {
        let mut connection = self.connect().await;
        let found: u8 = redis::cmd("EXISTS")
            .arg(format!("sessionwire:revoked:sid:{sid}"))
            .arg(format!("sessionwire:revoked:user:{user}"))
            .query_async(&mut connection)
            .await
            .unwrap();
        found > 0
    }

    pub(crate) async fn value(&self, key: &str) -> Option<Value> {
        let mut connection = self.connect().await;
        let mut get = redis::cmd("GET");
        let text: Option<String> = get.arg(key).query_async(&mut connection).await.unwrap();
        text.map(|text| serde_json::from_str(&text).unwrap())
    }

    /// Every command from now on, a line each.
    pub(crate) async fn monitor(&self) -> TcpStream {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
        let ask = b"AUTH \"let me in\"\r\nMONITOR\r\n";
        stream.write_all(ask).await.unwrap();
        let mut answer = [0; 10];
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"+OK\r\n+OK\r\n");
        stream
    }

    /// The last position that has been written.
    pub(crate) async fn position(&self) -> u64 {
        let value = self.value("sessionwire:position").await;
        value.and_then(|value| value.as_u64()).unwrap_or_default()
    }
}
