//! The `sessionwire` program.

use std::process::ExitCode;

use clap::Parser as _;
use sessionwire::command::{self, Arguments};

#[tokio::main]
async fn main() -> ExitCode {
    command::run(Arguments::parse()).await
}
