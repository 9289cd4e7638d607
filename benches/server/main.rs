//! What a server costs: `sessionwire-bench`. It starts a server on data of its own, makes people, connects them, and
//! measures; each figure stands beside that of a floor (a server that does the part nobody can do without), taken
//! by the same clients in the same run, since a machine's speed moves by more than what is compared.
//!
//! It tells its progress on standard error and its figures on standard output. It knows of the server what the
//! protocol says, and of its process what the system says.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a benchmark tells what it measured"
)]

mod clients;
mod clock;
mod commits;
mod failure;
mod figures;
mod floors;
mod helper;
mod http;
mod issuer;
mod load;
mod measure;
mod options;
mod people;
mod process;
mod report;
mod server;

use std::process::ExitCode;

use clap::Parser as _;

use failure::{During as _, Outcome};
use measure::Bench;
use options::{Arguments, Helper, Options};

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let ended = match arguments.helper {
        None => measure_all(arguments.options),
        Some(Helper::Crowd) => clients::crowd::run(),
        Some(Helper::Load) => load::calls::run(),
        Some(Helper::FloorEpoll) => floors::epoll::run(),
        Some(Helper::FloorAxum { bytes }) => floors::bare::run(bytes),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("sessionwire-bench: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn measure_all(options: Options) -> Outcome<()> {
    let (json, markdown) = (options.json.clone(), options.report.clone());
    let mut bench = Bench::start(options)?;
    // What was measured before something failed is told none the less: it took minutes.
    let measured = bench.measure_all();
    let (table, figures) = bench.told();
    println!("{table}");
    if let Some(file) = json {
        let text = serde_json::to_string_pretty(&figures)?;
        std::fs::write(&file, text).during(&file.display().to_string())?;
    }
    if let Some(file) = markdown {
        std::fs::write(&file, table).during(&file.display().to_string())?;
    }
    measured
}
