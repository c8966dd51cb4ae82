//! `wimkit refresh init`: a file with all settings, explained.

use super::super::Context;
use super::super::exit::{Failure, Outcome};
use clap::Args;
use std::io::Write;
use std::path::PathBuf;
use wimkit::refresh::settings::TEMPLATE;

/// Write a file with all settings of a refresh, each explained
#[derive(Args, Debug)]
pub(crate) struct Init {
    /// The file; it must not exist
    #[arg(default_value = "refresh.toml")]
    file: PathBuf,
}

impl Init {
    pub(crate) fn run(&self, context: &Context) -> Result<Outcome, Failure> {
        let path = self.file.display();
        let failure = |error: std::io::Error| Failure::message(format!("{path}: {error}"));
        let mut file = std::fs::File::create_new(&self.file).map_err(failure)?;
        file.write_all(TEMPLATE.as_bytes()).map_err(failure)?;
        context.say(format_args!("{path}: change it as you need, then look at `wimkit refresh plan {path}`"));
        Ok(Outcome::Done)
    }
}
