//! The other processes of a benchmark: this program again, with an order on a line of its standard input and an answer
//! on a line of its standard output. A client in the server's process, or in that of another client, would hold it up.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::failure::{During as _, Outcome, unexpected};
use crate::process;

/// Such a process; it ends with this.
pub(crate) struct Helper {
    child: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Helper {
    /// Starts this program with these arguments.
    pub(crate) fn start(arguments: &[&str]) -> Outcome<Self> {
        let program = std::env::current_exe().during("looking for this program")?;
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .during("starting a helper")?;
        let (orders, answers) = child
            .stdin
            .take()
            .zip(child.stdout.take())
            .ok_or_else(|| unexpected("a helper has no input or output"))?;
        Ok(Self {
            child,
            orders,
            answers: BufReader::new(answers),
        })
    }

    /// Gives an order.
    pub(crate) fn say(&mut self, order: &impl Serialize) -> Outcome<()> {
        let mut line = serde_json::to_vec(order)?;
        line.push(b'\n');
        self.orders.write_all(&line).during("ordering a helper")
    }

    /// Waits for an answer.
    pub(crate) fn hear<T: DeserializeOwned>(&mut self) -> Outcome<T> {
        let mut line = String::new();
        let read = self.answers.read_line(&mut line);
        if read.during("hearing a helper")? == 0 {
            return Err(unexpected("a helper stopped"));
        }
        Ok(serde_json::from_str(&line)?)
    }

    /// Gives an order and waits for its answer.
    pub(crate) fn ask<T: DeserializeOwned>(&mut self, order: &impl Serialize) -> Outcome<T> {
        self.say(order)?;
        self.hear()
    }

    /// Its memory, in bytes.
    pub(crate) fn pss(&self) -> Outcome<u64> {
        process::pss(self.child.id())
    }

    /// Its processor time, in microseconds.
    pub(crate) fn cpu(&self) -> Outcome<u64> {
        process::cpu(self.child.id())
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
