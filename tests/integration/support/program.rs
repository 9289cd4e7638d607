//! The real program.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
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
        Self::of(&mut serving(directory, port, settings))
    }

    /// The same on a machine whose clock is so many seconds ahead.
    pub(crate) fn serve_ahead(
        directory: &std::path::Path,
        settings: &[(&str, &str)],
        seconds: i64,
    ) -> Self {
        let mut command = serving(directory, 0, settings);
        Self::of(
            command
                .env("LD_PRELOAD", wrong_clock())
                .env("FAKETIME", format!("{seconds:+}s"))
                // Time-outs are no matter of the time of day.
                .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
                .env("FAKETIME_DISABLE_SHM", "1"),
        )
    }

    /// The same from a shell that grants so many open files to begin with.
    pub(crate) fn serve_with_files(directory: &std::path::Path, files: u32) -> Self {
        let server = serving(directory, 0, &[]);
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("ulimit -Sn {files}; exec \"$@\"")]);
        shell.arg("sh").arg(server.get_program());
        shell.args(server.get_args());
        let settings = server.get_envs();
        shell.envs(settings.filter_map(|(name, value)| Some((name, value?))));
        Self::of(&mut shell)
    }

    /// The same, and nobody reads its log: whoever did has gone.
    pub(crate) fn serve_unread(directory: &std::path::Path, port: u16) -> Self {
        let mut server = serving(directory, port, &[]);
        let mut child = server.stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stderr.take());
        Self {
            child,
            url: format!("http://127.0.0.1:{port}"),
        }
    }

    fn of(command: &mut Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
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

fn serving(directory: &std::path::Path, port: u16, settings: &[(&str, &str)]) -> Command {
    let settings = settings
        .iter()
        .map(|(name, value)| (format!("SESSIONWIRE_{name}"), value));
    let mut command = command(directory);
    command
        .arg("serve")
        .env("SESSIONWIRE_LISTEN", format!("127.0.0.1:{port}"))
        .env("SESSIONWIRE_ISSUER", "http://crash.test")
        .env("SESSIONWIRE_PASSWORD_HASH_MEMORY_KIB", "8")
        .env("SESSIONWIRE_DRAIN_S", "1")
        .envs(settings);
    command
}

/// Debian's library that stands between a program and the machine's clock.
fn wrong_clock() -> PathBuf {
    let folders = std::fs::read_dir("/usr/lib").unwrap();
    let library = |folder: PathBuf| folder.join("faketime/libfaketimeMT.so.1");
    let found = folders.map(|it| library(it.unwrap().path()));
    let mut found = found.filter(|it| it.exists());
    found
        .next()
        .expect("faketime is missing; run tests/setup/tools.sh")
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
    key_by(&mut command(directory))
}

/// The same of servers that share this database.
pub(crate) fn program_key_on(directory: &std::path::Path, database: &str) -> String {
    key_by(command(directory).env("SESSIONWIRE_DATABASE", database))
}

fn key_by(command: &mut Command) -> String {
    let made = command
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
