//! `wimkit completions`: completion scripts for shells.

use super::exit::{Failure, Outcome};
use super::printer::Out;
use clap::{Args, CommandFactory};
use clap_complete::Shell;

/// Print a completion script for a shell
#[derive(Args, Debug)]
pub(crate) struct Completions {
    /// The shell
    shell: Shell,
}

impl Completions {
    pub(crate) fn run(&self) -> Result<Outcome, Failure> {
        // Into memory first: the generator panics when its writer fails, and a pipe may close.
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut super::Cli::command(), "wimkit", &mut script);
        let mut out = Out::new();
        out.write_all(&script)?;
        out.finish()?;
        Ok(Outcome::Done)
    }
}
