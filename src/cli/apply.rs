//! `wimkit apply`: a whole image to a directory.

use super::Context;
use super::args::{ImageWord, unix_data};
use super::exit::{Failure, Outcome};
use super::extracted::Report;
use super::source::{Source, find_image, read_tree};
use clap::{Args, ValueEnum};
use std::path::PathBuf;
use std::time::Instant;
use wimkit::util::os::CompactFormat;
use wimkit::wim::ImageIndex;
use wimkit::wim::extract::{self, Options, Selection};
use wimkit::wim::piped::{ApplyError, PipedError, PipedWim};

/// Apply a whole image to a directory, and tell what of it the directory does not hold
///
/// A pipable WIM can come from standard input, as SRC -; files are then made as their contents come.
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
    /// Restore owners, groups and modes, and make devices, pipes and sockets, as far as the image keeps them (Linux)
    #[arg(long)]
    unix_data: bool,
    /// Leave security descriptors to what files inherit from the directory (Windows)
    #[arg(long)]
    no_security: bool,
    /// Let the system keep files compressed where programs do not see it, but for those that start Windows [default format:
    /// xpress4k] (Windows 10 and later, NTFS)
    #[arg(long, value_name = "FORMAT", num_args = 0..=1, require_equals = true, default_missing_value = "xpress4k")]
    compact: Option<Compact>,
}

/// How files are compressed, as `compact.exe` calls it.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Compact {
    Xpress4k,
    Xpress8k,
    Xpress16k,
    Lzx,
}

impl From<Compact> for CompactFormat {
    fn from(compact: Compact) -> Self {
        match compact {
            Compact::Xpress4k => Self::Xpress4k,
            Compact::Xpress8k => Self::Xpress8k,
            Compact::Xpress16k => Self::Xpress16k,
            Compact::Lzx => Self::Lzx,
        }
    }
}

impl Apply {
    pub(crate) fn run(&self, context: &Context) -> Result<Outcome, Failure> {
        let begun = Instant::now();
        if self.source.is_stdin() {
            return self.run_piped(context, begun);
        }
        let wim = self.source.open(context)?;
        let image = find_image(&wim, &self.image)?;
        let tree = read_tree(&wim, image)?;
        let options = self.options(context)?;
        let everything = Selection::everything();
        let result = extract::extract(&wim, &tree, &everything, &self.dir, &options, context.control());
        context.bars.clear();
        let done = result?;
        let not_restored = Some(done.not_restored(&tree, self.unix_data));
        let report =
            Report { schema: "wimkit.apply/1", image, target: &self.dir, tree: &tree, done: &done, not_restored };
        report.tell(context, begun)
    }

    fn run_piped(&self, context: &Context, begun: Instant) -> Result<Outcome, Failure> {
        let wim = PipedWim::open(std::io::stdin(), "standard input", context.memory())?;
        let image = match self.image.numbers(wim.image_count(), |name| wim.xml().image_by_name(name)).as_deref() {
            Some([number]) => ImageIndex::new(*number),
            _ => None,
        };
        let image = image.ok_or_else(|| {
            let failure =
                Failure::message(format!("standard input: no single image among {} is meant", wim.image_count()));
            failure.with_hint("give a number from 1, or a name")
        })?;
        let result = wim.apply(image, &self.dir, &self.options(context)?, context.control());
        context.bars.clear();
        let (tree, done, not_restored) = result.map_err(|error| match error {
            ApplyError::Piped(error) => error.into(),
            ApplyError::Extract(error) => Failure::from(error),
            error => Failure::new(error, None::<String>),
        })?;
        let not_restored = Some(not_restored);
        let report =
            Report { schema: "wimkit.apply/1", image, target: &self.dir, tree: &tree, done: &done, not_restored };
        report.tell(context, begun)
    }

    fn options(&self, context: &Context) -> Result<Options, Failure> {
        Ok(Options {
            overwrite: self.overwrite,
            sparse: self.sparse,
            unix_data: unix_data(self.unix_data)?,
            security_descriptors: !self.no_security,
            compact: self.compact.map(CompactFormat::from),
            memory: context.memory(),
            ..Options::default()
        })
    }
}

impl From<PipedError> for Failure {
    fn from(error: PipedError) -> Self {
        let hint = error.hint();
        Self::new(error, hint)
    }
}
