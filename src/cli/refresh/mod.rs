//! `wimkit refresh`: last month's media and this month's packages become new media.

mod document;
mod init;
mod plan;

use super::Context;
use super::exit::{Failure, Outcome};
use clap::{Args, Subcommand};

/// Refresh installation media with updates, languages and features
#[derive(Args, Debug)]
pub(crate) struct Refresh {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Init(init::Init),
    Plan(plan::Plan),
}

impl Refresh {
    pub(crate) fn run(&self, context: &Context) -> Result<Outcome, Failure> {
        match &self.command {
            Command::Init(command) => command.run(context),
            Command::Plan(command) => command.run(context),
        }
    }
}
