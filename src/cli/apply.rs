//! `wimkit apply`: a whole image to a directory.

use super::Context;
use super::args::ImageWord;
use super::exit::{Failure, Outcome};
use super::extracted::Report;
use super::source::{Source, find_image, read_tree};
use clap::Args;
use std::path::PathBuf;
use std::time::Instant;
use wimkit::wim::extract::{self, NotRestored, Options, Selection};

/// Apply a whole image to a directory, and tell what of it the directory does not hold
#[derive(Args, Debug)]
pub(crate) struct Apply {
    #[command(flatten)]
    source: Source,
    /// The image: a number from 1, or a name
    image: ImageWord,
    /// The directory, which is made if need be
    dir: PathBuf,
    /// Replace files and links that exist
    #[arg(long)]
    overwrite: bool,
    /// Leave holes in files for long runs of zeros
    #[arg(long)]
    sparse: bool,
}

impl Apply {
    pub(crate) fn run(&self, context: &Context) -> Result<Outcome, Failure> {
        let begun = Instant::now();
        let wim = self.source.open(context)?;
        let image = find_image(&wim, &self.image)?;
        let tree = read_tree(&wim, image)?;
        let options =
            Options { overwrite: self.overwrite, sparse: self.sparse, memory: context.memory(), ..Options::default() };
        let everything = Selection::everything();
        let result = extract::extract(&wim, &tree, &everything, &self.dir, &options, context.control());
        context.bars.clear();
        let done = result?;
        let not_restored = Some(NotRestored::of(&tree));
        let report =
            Report { schema: "wimkit.apply/1", image, target: &self.dir, tree: &tree, done: &done, not_restored };
        report.tell(context, begun)
    }
}
