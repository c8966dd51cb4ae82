//! `wimkit optimize`: a file written anew.

use super::Context;
use super::compression::{CheckArgs, CompressionArgs, RecompressArg};
use super::exit::{Failure, Outcome};
use super::export;
use super::source::Source;
use clap::Args;
use wimkit::wim::export::Options;

/// Write a file anew without the data that no image uses, recompressed where asked
#[derive(Args, Debug)]
pub(crate) struct Optimize {
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    compression: CompressionArgs,
    #[command(flatten)]
    recompress: RecompressArg,
    #[command(flatten)]
    check: CheckArgs,
}

impl Optimize {
    pub(crate) fn run(&self, context: &Context) -> Result<Outcome, Failure> {
        let wim = self.source.open(context)?;
        let options = Options {
            compression: self.compression.compression()?,
            recompress: self.recompress.recompress,
            check: self.check.check(),
            memory: context.memory(),
            ..Options::default()
        };
        let path = wim.path().to_owned();
        export::run(context, "wimkit.optimize/1", &path, || {
            wimkit::wim::export::optimize(wim, &options, context.control())
        })
    }
}
