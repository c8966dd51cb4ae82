//! `wimkit split`: parts of a size that a file system can hold.

use super::Context;
use super::args::Size;
use super::exit::{Failure, Outcome};
use super::human::Human;
use super::printer::{self, visible, warn};
use super::source::Source;
use clap::Args;
use serde::Serialize;
use std::path::PathBuf;
use wimkit::util::sha1::Sha1;
use wimkit::wim::export::ExportError;
use wimkit::wim::split::{self, Options, SplitError};

/// Split a file into parts, for FAT32 for example
#[derive(Args, Debug)]
pub(crate) struct Split {
    #[command(flatten)]
    source: Source,
    /// The first part, such as install.swm; the others become install2.swm, install3.swm …
    dest: PathBuf,
    /// The most bytes of a part, such as 3800M
    #[arg(long)]
    size: Size,
    /// Write a larger part where a single file does not fit, instead of giving up
    #[arg(long)]
    allow_oversize: bool,
    /// Give each part an integrity table
    #[arg(long)]
    check: bool,
    /// Replace files that have the names of parts
    #[arg(long)]
    force: bool,
}

/// The JSON document; its members are described in docs/json/split.md.
#[derive(Serialize)]
struct Document {
    schema: &'static str,
    parts: Vec<Part>,
    oversize: Vec<Oversize>,
}

#[derive(Serialize)]
struct Part {
    path: String,
    size: u64,
}

#[derive(Serialize)]
struct Oversize {
    sha1: Sha1,
    size_in_wim: u64,
    part: u16,
    path: Option<String>,
}

impl Split {
    pub(crate) fn run(&self, context: &Context) -> Result<Outcome, Failure> {
        let wim = self.source.open(context)?;
        let options =
            Options { size: self.size.0, allow_oversize: self.allow_oversize, check: self.check, force: self.force };
        let result = split::split(&wim, &self.dest, &options, context.control());
        context.bars.clear();
        let done = result?;
        for blob in &done.oversize {
            let name = blob.path.as_deref().map_or_else(|| blob.sha1.to_string(), |path| visible(path).into_owned());
            let (part, size) = (blob.part, Human(blob.size_in_wim));
            warn(format_args!("part {part} is larger than asked for: {name} alone takes {size}"));
        }
        if context.global.json {
            printer::json(&Document::new(done))?;
        } else {
            for part in &done.parts {
                context.say(format_args!("{}: {}", part.path.display(), Human(part.size)));
            }
        }
        Ok(Outcome::Done)
    }
}

impl Document {
    fn new(done: split::Outcome) -> Self {
        let parts = done.parts.into_iter().map(|part| Part { path: part.path.display().to_string(), size: part.size });
        let oversize = done.oversize.into_iter().map(|blob| Oversize {
            sha1: blob.sha1,
            size_in_wim: blob.size_in_wim,
            part: blob.part,
            path: blob.path,
        });
        Self { schema: "wimkit.split/1", parts: parts.collect(), oversize: oversize.collect() }
    }
}

impl From<SplitError> for Failure {
    fn from(error: SplitError) -> Self {
        match error {
            SplitError::Export(ExportError::Interrupted) => Self::Interrupted,
            error => {
                let hint = error.hint();
                Self::new(error, hint)
            }
        }
    }
}
