//! Fetches the master key from where the configuration says it is: a file, a variable, or a command. Bounded in
//! size and time. It may not know what the key opens.

use std::io::Read as _;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::process::Command;
use tokio::time::timeout;

use crate::config::Config;
use crate::service::{MasterKey, VaultError};

/// The largest text that may hold a key.
const BYTES_MAX: u64 = 4096;
/// How long a command may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Why there is no master key. What was found instead is never told: it may be half a secret.
#[derive(Debug, thiserror::Error)]
pub enum MasterKeyError {
    /// The file can't be read.
    #[error("the file of the master key, {path}, can't be read: {source}")]
    File {
        /// Where.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// The variable is not there.
    #[error("the variable of the master key, {0}, is not set")]
    Variable(String),
    /// The command can't be run, or fails.
    #[error("the command for the master key, {program}, failed: {what}")]
    Command {
        /// The program.
        program: String,
        /// What it did instead.
        what: String,
    },
    /// It is no key.
    #[error(transparent)]
    Key(#[from] VaultError),
}

/// The master key, where one is configured.
pub async fn fetch_master_key(config: &Config) -> Result<Option<MasterKey>, MasterKeyError> {
    let text = if let Some(path) = &config.master_key_file {
        from_file(path)?
    } else if let Some(variable) = &config.master_key_env {
        let name = variable.as_str();
        std::env::var(name).map_err(|_| MasterKeyError::Variable(name.to_owned()))?
    } else if let Some((program, arguments)) = config.master_key_command.parts() {
        from_command(program, arguments).await?
    } else {
        return Ok(None);
    };
    Ok(Some(MasterKey::parse(&text)?))
}

fn from_file(path: &Path) -> Result<String, MasterKeyError> {
    let read = || {
        let mut text = String::new();
        let mut file = std::fs::File::open(path)?.take(BYTES_MAX);
        file.read_to_string(&mut text)?;
        Ok(text)
    };
    read().map_err(|source| MasterKeyError::File {
        path: path.display().to_string(),
        source,
    })
}

async fn from_command(program: &str, arguments: &[String]) -> Result<String, MasterKeyError> {
    let failed = |what: String| MasterKeyError::Command {
        program: program.to_owned(),
        what,
    };
    let run = async {
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            // What it complains of is for whoever looks at the server's log.
            .stderr(Stdio::inherit())
            .kill_on_drop(true)
            .spawn()?;
        let mut text = String::new();
        if let Some(output) = child.stdout.take() {
            let read = output.take(BYTES_MAX).read_to_string(&mut text).await;
            read?;
        }
        Ok::<_, std::io::Error>((child.wait().await?, text))
    };
    match timeout(PATIENCE, run).await {
        Err(_) => Err(failed(format!(
            "it took longer than {} s",
            PATIENCE.as_secs()
        ))),
        Ok(Err(error)) => Err(failed(error.to_string())),
        Ok(Ok((status, _))) if !status.success() => Err(failed(status.to_string())),
        Ok(Ok((_, text))) => Ok(text),
    }
}
