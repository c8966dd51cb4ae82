//! `wimkit export`: images from one or several files into a new or an existing one.

use super::Context;
use super::args::ImageWord;
use super::compression::{CheckArgs, CompressionArgs, RecompressArg};
use super::exit::{Failure, Outcome};
use super::human::{Counted, Human};
use super::printer::{self, visible, warn};
use super::source::{Source, find_images};
use clap::Args;
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::time::Instant;
use wimkit::codec::Format;
use wimkit::wim::export::{self, Boot, ExportError, Options, Selection};

/// Copy images into a new or an existing file, converting their compression where asked
#[derive(Args, Debug)]
pub(crate) struct Export {
    #[command(flatten)]
    source: Source,
    /// The images: numbers from 1 (1,3-5), a name, or all
    image: ImageWord,
    /// The file to write. One that exists is appended to
    dest: PathBuf,
    /// More images, of another file
    #[arg(long, num_args = 2, value_names = ["SRC", "IMAGE"], help_heading = "Source")]
    also: Vec<String>,
    #[command(flatten)]
    compression: CompressionArgs,
    #[command(flatten)]
    recompress: RecompressArg,
    /// Write an existing DEST anew, without what no image uses, instead of appending to it
    #[arg(long)]
    rebuild: bool,
    /// Replace an existing DEST instead of adding to it
    #[arg(long, short, conflicts_with = "rebuild")]
    force: bool,
    /// Make the exported image bootable; of several, the N-th of them [default: as it is in a new file's source]
    #[arg(long, value_name = "N", num_args = 0..=1, require_equals = true, default_missing_value = "1")]
    boot: Option<usize>,
    /// Make no image bootable
    #[arg(long, conflicts_with = "boot")]
    no_boot: bool,
    #[command(flatten)]
    check: CheckArgs,
    /// Name of the exported image; repeat it for several, in their order
    #[arg(long)]
    name: Vec<String>,
    /// Description of the exported images
    #[arg(long)]
    description: Option<String>,
}

impl Export {
    pub(crate) fn run(&self, context: &Context) -> Result<Outcome, Failure> {
        let mut wims = vec![(self.source.open(context)?, self.image.clone())];
        for pair in self.also.chunks_exact(2) {
            let Ok(image) = pair[1].parse();
            wims.push((self.source.sibling(Path::new(&pair[0])).open(context)?, image));
        }
        let selections = wims
            .iter()
            .map(|(wim, word)| Ok(Selection { wim, images: find_images(wim, word)? }))
            .collect::<Result<Vec<_>, Failure>>()?;
        let options = self.options(context, selections.iter().map(|selection| selection.images.len()).sum())?;
        run(context, "wimkit.export/1", &self.dest, || {
            export::export(&selections, &self.dest, &options, context.control())
        })
    }

    fn options(&self, context: &Context, images: usize) -> Result<Options, Failure> {
        if self.name.len() > images {
            let (names, images) = (self.name.len(), images);
            return Err(Failure::message(format!("{names} names are given for {images} exported images")));
        }
        let boot = match self.boot {
            Some(place) if place == 0 || place > images => {
                return Err(Failure::message(format!("--boot={place}: {images} images are exported, numbered from 1")));
            }
            Some(place) => Boot::Exported(place - 1),
            None if self.no_boot => Boot::None,
            None => Boot::Inherit,
        };
        let mut names: Vec<_> = self.name.iter().cloned().map(Some).collect();
        names.resize(images, None);
        Ok(Options {
            compression: self.compression.compression()?,
            recompress: self.recompress.recompress,
            rebuild: self.rebuild,
            replace: self.force,
            boot,
            check: self.check.check(),
            names,
            description: self.description.clone(),
            memory: context.memory(),
            no_mmap: context.global.no_mmap,
        })
    }
}

/// Does the work, then tells what was done: the end of every command that writes a WIM through the exporter.
pub(crate) fn run(
    context: &Context,
    schema: &'static str,
    dest: &Path,
    work: impl FnOnce() -> Result<export::Outcome, ExportError>,
) -> Result<Outcome, Failure> {
    let begun = Instant::now();
    let result = work();
    context.bars.clear();
    let outcome = result?;
    for warning in &outcome.warnings {
        warn(visible(warning));
    }
    if context.global.json {
        printer::json(&Document::new(schema, dest, &outcome))?;
    } else {
        summarize(context, dest, &outcome, begun);
    }
    Ok(Outcome::Done)
}

/// The first line about a file that was written: how large it is, how compressed, how long it took.
pub(super) fn say_written(
    context: &Context,
    path: &Path,
    size: u64,
    (format, is_solid): (Option<Format>, bool),
    begun: Instant,
) {
    let compression = format.map_or("uncompressed".to_owned(), |format| format.name().to_uppercase());
    let solid = if is_solid { "solid " } else { "" };
    let seconds = begun.elapsed().as_secs_f64();
    context.say(format_args!("{}: {}, {solid}{compression}, in {seconds:.1} s", path.display(), Human(size)));
}

fn summarize(context: &Context, dest: &Path, outcome: &export::Outcome, begun: Instant) {
    say_written(context, dest, outcome.size, (outcome.format, outcome.solid), begun);
    for image in &outcome.images {
        let (index, name) = (image.index, visible(&image.name));
        context.say(format_args!(
            "  image {index}: {name} (image {} of {})",
            image.source_index,
            image.source.display()
        ));
    }
    context.say(format_args!(
        "  {} copied as stored ({}), {} compressed anew ({}), {} there already",
        Counted(outcome.copied_blobs, "blob"),
        Human(outcome.copied_bytes),
        outcome.encoded_blobs,
        Human(outcome.encoded_bytes),
        outcome.present_blobs
    ));
}

/// The JSON document; its members are described in docs/json/export.md.
#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    path: String,
    size: u64,
    compression: &'static str,
    solid: bool,
    images: Vec<JsonImage<'a>>,
    copied_blobs: u64,
    copied_bytes: u64,
    encoded_blobs: u64,
    encoded_bytes: u64,
    present_blobs: u64,
    warnings: &'a [String],
}

#[derive(Serialize)]
struct JsonImage<'a> {
    index: u32,
    name: &'a str,
    source: String,
    source_index: u32,
}

impl<'a> Document<'a> {
    fn new(schema: &'static str, path: &Path, outcome: &'a export::Outcome) -> Self {
        Self {
            schema,
            path: path.display().to_string(),
            size: outcome.size,
            compression: outcome.format.map_or("none", |format| format.name()),
            solid: outcome.solid,
            images: outcome
                .images
                .iter()
                .map(|image| JsonImage {
                    index: image.index.get(),
                    name: &image.name,
                    source: image.source.display().to_string(),
                    source_index: image.source_index.get(),
                })
                .collect(),
            copied_blobs: outcome.copied_blobs,
            copied_bytes: outcome.copied_bytes,
            encoded_blobs: outcome.encoded_blobs,
            encoded_bytes: outcome.encoded_bytes,
            present_blobs: outcome.present_blobs,
            warnings: &outcome.warnings,
        }
    }
}
