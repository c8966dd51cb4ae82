//! `wimkit package`: what update packages are.

mod text;

use super::Context;
use super::exit::{Failure, Outcome};
use super::printer::{Out, visible, warn};
use clap::Args;
use std::path::PathBuf;
use wimkit::address::container::{Container, ContainerOptions};
use wimkit::cab;
use wimkit::catalog::class::Class;
use wimkit::catalog::inspect::{InspectError, inspect};

/// Tell what update packages are: class, KB, version, architecture, and what they are for
#[derive(Args, Debug)]
pub(crate) struct Package {
    /// Packages (.msu, .cab, .wim), and directories of packages
    #[arg(value_name = "PKG", required = true)]
    packages: Vec<PathBuf>,
}

impl Package {
    pub(crate) fn run(&self, context: &Context) -> Result<Outcome, Failure> {
        let cab = cab::OpenOptions { no_mmap: context.global.no_mmap, ..cab::OpenOptions::default() };
        let options = ContainerOptions { cab, memory: context.memory() };
        let mut out = Out::new();
        let mut outcome = Outcome::Done;
        for path in &self.packages {
            let info = inspect(Container::open(path, &options)?, &options)?;
            for problem in &info.problems {
                warn(visible(problem));
            }
            if info.class == Class::Unknown || !info.problems.is_empty() {
                outcome = Outcome::Partial;
            }
            text::write(&info, &mut out)?;
        }
        out.finish()?;
        Ok(outcome)
    }
}

impl From<InspectError> for Failure {
    fn from(error: InspectError) -> Self {
        let hint = error.hint();
        Self::new(error, hint)
    }
}
