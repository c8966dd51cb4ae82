//! `wimkit join`: one file from a split set.

use super::Context;
use super::compression::CheckArgs;
use super::exit::{Failure, Outcome};
use super::export;
use super::source::Source;
use clap::Args;
use std::path::PathBuf;
use wimkit::wim::export::{Options, Selection};

/// Make one file of a split set
#[derive(Args, Debug)]
pub(crate) struct Join {
    /// The parts; if only the first is given the others are looked for beside it
    #[arg(required = true, value_name = "PART")]
    parts: Vec<PathBuf>,
    /// The file to write
    #[arg(long, value_name = "DEST")]
    to: PathBuf,
    #[command(flatten)]
    check: CheckArgs,
}

impl Join {
    pub(crate) fn run(&self, context: &Context) -> Result<Outcome, Failure> {
        if self.to.exists() {
            return Err(Failure::message(format!("{}: this file exists already", self.to.display())));
        }
        let wim = Source::set(&self.parts).open(context)?;
        let missing = wim.missing_parts();
        if !missing.is_empty() {
            let missing: Vec<_> = missing.iter().map(u16::to_string).collect();
            return Err(Failure::message(format!("{}: part {} is missing", wim.path().display(), missing.join(", ")))
                .with_hint("put all parts side by side, or name each of them"));
        }
        let selection = Selection { wim: &wim, images: wim.images().collect() };
        let options = Options { check: self.check.check(), memory: context.memory(), ..Options::default() };
        export::run(context, "wimkit.join/1", &self.to, || {
            wimkit::wim::export::export(&[selection], &self.to, &options, context.control())
        })
    }
}
