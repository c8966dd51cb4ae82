//! `wimkit refresh`: last month's media and this month's packages become new media.

mod document;
mod init;
mod plan;
mod records;
mod run;

pub(super) use plan::settings_here;

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
    Run(run::Run),
    Resume(run::Resume),
    Status(run::Status),
}

impl Refresh {
    pub(crate) fn run(&self, context: &Context) -> Result<Outcome, Failure> {
        match &self.command {
            Command::Init(command) => command.run(context),
            Command::Plan(command) => command.run(context),
            Command::Run(command) => command.run(context),
            Command::Resume(command) => command.run(context),
            Command::Status(command) => command.run(context),
        }
    }
}
