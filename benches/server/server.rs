//! The server that is measured: started on data of its own with its limits lifted, or one that runs already.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::clock;
use crate::commits::{self, Commits};
use crate::failure::{During as _, Outcome, unexpected};
use crate::http::Client;
use crate::process;

/// All that a bench from one address would run into otherwise.
const LIFTED: [(&str, &str); 13] = [
    ("MAX_CONNECTIONS", "1000000"),
    ("MAX_CONNECTIONS_PER_ADDRESS", "1000000"),
    ("MAX_CONNECTIONS_PER_USER", "10000"),
    ("MAX_ARRIVALS_PER_S", "1000000"),
    ("MAX_UNAUTHENTICATED", "100000"),
    ("MAX_HTTP_CONNECTIONS", "100000"),
    ("MAX_HTTP_CONNECTIONS_PER_ADDRESS", "100000"),
    ("SIGN_IN_FAILURES_BURST_ADDRESS", "100000"),
    ("ACCESS_TOKEN_TTL_S", "3600"),
    ("HEAD_TIMEOUT_S", "300"),
    ("AUTH_TIMEOUT_S", "60"),
    // Tokens are good after a restart, on another port.
    ("ISSUER", "http://bench.test"),
    ("LISTEN", "127.0.0.1:0"),
];
const READY_WITHIN_S: f64 = 600.0;

/// How a server is started.
#[derive(Clone)]
pub(crate) struct Recipe {
    /// The program.
    pub(crate) program: PathBuf,
    /// Its data.
    pub(crate) folder: PathBuf,
    /// The database, unless it is in the folder.
    pub(crate) database: Option<String>,
    /// Others whose word is taken for who somebody is, as the setting has them.
    pub(crate) issuers: Option<String>,
    /// Whether it says when its changes are committed.
    pub(crate) says_commits: bool,
}

impl Recipe {
    /// The same on other data.
    pub(crate) fn on(&self, folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            ..self.clone()
        }
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.env("SESSIONWIRE_DATA_DIR", &self.folder);
        if let Some(database) = &self.database {
            command.env("SESSIONWIRE_DATABASE", database);
        }
        if let Some(issuers) = &self.issuers {
            command.env("SESSIONWIRE_ISSUERS", issuers);
        }
        if self.says_commits {
            command.env("SESSIONWIRE_LOG_LEVEL", commits::LOG_LEVEL);
        }
        for (name, value) in LIFTED {
            command.env(format!("SESSIONWIRE_{name}"), value);
        }
        command
    }

    /// A new key with all rights.
    pub(crate) fn key(&self) -> Outcome<String> {
        let made = self
            .command()
            .args(["key", "create", "--scope", "admin"])
            .output();
        let made = made.during("making a key")?;
        if !made.status.success() {
            return Err(unexpected(String::from_utf8_lossy(&made.stderr)));
        }
        Ok(String::from_utf8_lossy(&made.stdout).trim().to_owned())
    }

    /// Starts it, and returns once it is ready.
    pub(crate) fn start(&self) -> Outcome<Server> {
        let began = clock::now();
        let mut child = self
            .command()
            .arg("serve")
            .stderr(Stdio::piped())
            .spawn()
            .during(&self.program.display().to_string())?;
        let stderr = child.stderr.take();
        let mut lines = BufReader::new(stderr.ok_or_else(|| unexpected("no output"))?).lines();
        let mut said = String::new();
        let address = loop {
            let Some(Ok(line)) = lines.next() else {
                return Err(unexpected(format!("the server stopped: {said}")));
            };
            if let Some((_, rest)) = line.split_once("address=") {
                break rest.trim().to_owned();
            }
            said = line;
        };
        let (reader, commits) = commits::pair();
        let lines = lines.map_while(Result::ok);
        std::thread::spawn(move || lines.for_each(|line| reader.read(&line)));
        let mut server = Server {
            child: Some(child),
            pid: None,
            address,
            commits: self.says_commits.then_some(commits),
            ready_ms: 0.0,
        };
        server.pid = server.child.as_ref().map(Child::id);
        server.until_ready(began)?;
        server.ready_ms = clock::seconds_since(began) * 1e3;
        Ok(server)
    }
}

/// A server that runs.
pub(crate) struct Server {
    child: Option<Child>,
    pid: Option<u32>,
    /// `host:port`.
    pub(crate) address: String,
    /// When its changes were committed, where it says so.
    pub(crate) commits: Option<Commits>,
    /// From the start of its process until it was ready.
    pub(crate) ready_ms: f64,
}

impl Server {
    /// One that was started by somebody else, whose memory and time are known where its process is.
    pub(crate) fn running(address: &str, pid: Option<u32>) -> Self {
        Self {
            child: None,
            pid,
            address: address.to_owned(),
            commits: None,
            ready_ms: f64::NAN,
        }
    }

    fn until_ready(&self, began: u64) -> Outcome<()> {
        let mut client = Client::new(&self.address, "");
        while let Err(failure) = client.send("GET", "/readyz", "", None) {
            if clock::seconds_since(began) > READY_WITHIN_S {
                return Err(failure);
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    /// Its process, where it is known.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.pid
    }

    /// Its memory, in bytes, where it is known.
    pub(crate) fn pss(&self) -> Outcome<Option<u64>> {
        self.pid.map(process::pss).transpose()
    }

    /// Its processor time, in microseconds, where it is known.
    pub(crate) fn cpu(&self) -> Outcome<Option<u64>> {
        self.pid.map(process::cpu).transpose()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            drop(child.kill());
            drop(child.wait());
        }
    }
}
