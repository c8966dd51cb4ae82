//! `wimkit man`: manual pages.

use super::exit::{Failure, Outcome};
use super::printer::Out;
use clap::{Args, CommandFactory};
use std::path::PathBuf;

/// Print a manual page, or write all of them into a directory
#[derive(Args, Debug)]
pub(crate) struct Man {
    /// The command whose page to print [default: the page of wimkit itself]
    command: Option<String>,
    /// Write the pages of all commands into this directory
    #[arg(long, value_name = "DIR", conflicts_with = "command")]
    to: Option<PathBuf>,
}

impl Man {
    pub(crate) fn run(&self) -> Result<Outcome, Failure> {
        let mut program = super::Cli::command();
        if let Some(directory) = &self.to {
            clap_mangen::generate_to(program, directory)
                .map_err(|error| Failure::message(format!("{}: {error}", directory.display())))?;
            return Ok(Outcome::Done);
        }
        program.build();
        let page = match &self.command {
            None => program,
            Some(name) => program.find_subcommand(name).cloned().ok_or_else(|| {
                Failure::message(format!("there is no command {name:?}")).with_hint("see wimkit help")
            })?,
        };
        let mut out = Out::new();
        clap_mangen::Man::new(page).render(out.writer()).map_err(Failure::stdout)?;
        out.finish()?;
        Ok(Outcome::Done)
    }
}
