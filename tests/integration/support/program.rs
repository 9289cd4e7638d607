//! The real program.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use super::database::database_of_blocking;

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_sessionwire");

/// A server in a process of its own, which can be killed.
pub(crate) struct Program {
    pub(crate) child: Child,
    pub(crate) url: String,
}

impl Program {
    /// Serves on a database and a port of its own.
    pub(crate) fn serve(directory: &std::path::Path, port: u16) -> Self {
        Self::serve_with(directory, port, &[])
    }

    /// The same with further settings.
    pub(crate) fn serve_with(
        directory: &std::path::Path,
        port: u16,
        settings: &[(&str, &str)],
    ) -> Self {
        let settings = settings
            .iter()
            .map(|(name, value)| (format!("SESSIONWIRE_{name}"), value));
        let mut child = command(directory)
            .arg("serve")
            .env("SESSIONWIRE_LISTEN", format!("127.0.0.1:{port}"))
            .env("SESSIONWIRE_ISSUER", "http://crash.test")
            .env("SESSIONWIRE_PASSWORD_HASH_MEMORY_KIB", "8")
            .env("SESSIONWIRE_DRAIN_S", "1")
            .envs(settings)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let address = loop {
            let line = lines.next().expect("the program stopped").unwrap();
            if let Some((_, rest)) = line.split_once("address=") {
                break rest.trim().to_owned();
            }
        };
        std::thread::spawn(move || lines.for_each(drop));
        Self {
            child,
            url: format!("http://{address}"),
        }
    }

    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The program, on the data of this folder.
pub(crate) fn command(directory: &std::path::Path) -> Command {
    let mut command = Command::new(PROGRAM);
    command.env("SESSIONWIRE_DATA_DIR", directory);
    if let Some(url) = database_of_blocking(directory) {
        command.env("SESSIONWIRE_DATABASE", url);
    }
    command
}

/// An administrator's key of a server in this folder.
pub(crate) fn program_key(directory: &std::path::Path) -> String {
    let made = command(directory)
        .args(["key", "create", "--scope", "admin"])
        .output()
        .unwrap();
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
    String::from_utf8(made.stdout).unwrap().trim().to_owned()
}
