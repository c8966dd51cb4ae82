//! `wimkit capture`: a directory becomes an image in a new file.

use super::Context;
use super::args::unix_data;
use super::compression::{CheckArgs, CompressionArgs};
use super::exit::{Failure, Outcome};
use super::export::say_written;
use super::human::{Counted, Human};
use super::printer::{self, visible, warn};
use super::source::{expand, find_image, open_other};
use clap::Args;
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;
use wimkit::address;
use wimkit::wim::Wim;
use wimkit::wim::capture::{self, CaptureError, Exclusions, Options, UpdateOf};

/// Make a new file with an image of a directory
#[derive(Args, Debug)]
pub(crate) struct Capture {
    #[command(flatten)]
    image: ImageArgs,
    /// Name of the image [default: the directory's]
    #[arg(long)]
    name: Option<String>,
    /// Replace an existing file
    #[arg(long, short)]
    force: bool,
}

impl Capture {
    pub(crate) fn run(&self, context: &Context) -> Result<Outcome, Failure> {
        let name = self.name.clone().unwrap_or_else(|| self.image.default_name());
        let options = Options { replace: self.force, ..self.image.options(name, context)? };
        self.image.run(context, "wimkit.capture/1", || {
            capture::capture(self.image.dir(), self.image.wim(), &options, context.control())
        })
    }
}

/// What a directory is to become: the arguments of `capture` and `append`.
#[derive(Args, Debug)]
pub(crate) struct ImageArgs {
    /// The directory
    dir: PathBuf,
    /// The file to write
    wim: PathBuf,
    /// Description of the image
    #[arg(long)]
    description: Option<String>,
    /// FLAGS of the image: the edition, or 9 and 2 in a boot.wim
    #[arg(long)]
    flags: Option<String>,
    /// Make the image bootable
    #[arg(long)]
    boot: bool,
    #[command(flatten)]
    check: CheckArgs,
    #[command(flatten)]
    compression: CompressionArgs,
    /// Do not read files that have the same path, size and time in this image, but take them over: an image of WIM, or of
    /// another file as FILE!/IMAGE
    #[arg(long, value_name = "IMAGE", help_heading = "Source")]
    update_of: Option<PathBuf>,
    /// The directory is what became of the image of --update-of, which was applied there: keep what that says of its files and a
    /// directory does not hold, its name and all else that is stated about it
    #[arg(long, requires = "update_of", help_heading = "Source")]
    revise: bool,
    /// Do not store what these files have: reading WIM then takes them with --ref; the name may hold *, ? and [ ]
    #[arg(long, value_name = "GLOB", help_heading = "Source")]
    delta_from: Vec<PathBuf>,
    /// Leave out what the pattern fits, as a WimScript.ini has it: \dir\name from the root, name anywhere; * and ?
    #[arg(long, value_name = "GLOB", help_heading = "Selection")]
    exclude: Vec<String>,
    /// Take what is left out from this WimScript.ini [default: page files, recycle bins and the like, as on Windows]
    #[arg(long, value_name = "FILE", help_heading = "Selection")]
    config: Option<PathBuf>,
    /// Go on without what cannot be read, and end with exit code 1
    #[arg(long, help_heading = "Selection")]
    skip_unreadable: bool,
    /// Take names that Windows cannot have, and names that differ in letter case only
    #[arg(long, help_heading = "Selection")]
    any_names: bool,
    /// Keep owners, groups and modes, and capture devices, pipes and sockets (Linux); Windows passes them over
    #[arg(long, help_heading = "Selection")]
    unix_data: bool,
    /// Leave absolute links into the directory as they are, instead of making them count from the image's root
    #[arg(long, help_heading = "Selection")]
    keep_links: bool,
}

impl ImageArgs {
    /// The name of the directory itself; none, where that of another image is kept.
    fn default_name(&self) -> String {
        if self.revise {
            return String::new();
        }
        let canonical = self.dir.canonicalize().unwrap_or_else(|_| self.dir.clone());
        canonical.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    pub(crate) fn options(&self, name: String, context: &Context) -> Result<Options, Failure> {
        Ok(Options {
            name,
            description: self.description.clone(),
            flags: self.flags.clone(),
            boot: self.boot,
            compression: self.compression.compression()?,
            check: self.check.check(),
            exclusions: self.exclusions()?,
            skip_unreadable: self.skip_unreadable,
            any_names: self.any_names,
            keep_links: self.keep_links,
            unix_data: unix_data(self.unix_data)?,
            replace: false,
            update_of: self.update_of(context)?,
            revises: self.revise,
            delta_from: self.delta_from(context)?,
            time_limit: None,
            memory: context.memory(),
            no_mmap: context.global.no_mmap,
        })
    }

    /// The image to take files over from.
    fn update_of(&self, context: &Context) -> Result<Option<UpdateOf>, Failure> {
        let Some(word) = &self.update_of else { return Ok(None) };
        if let Some((path, inside)) = address::container_of(word) {
            let wim = open_other(&path, context)?;
            let (image, rest) = address::in_image(&wim, &inside)?;
            if !rest.trim_matches(['/', '\\']).is_empty() {
                return Err(Failure::message(format!("{}: this is no whole image", word.display()))
                    .with_hint("name the image as FILE!/IMAGE"));
            }
            return Ok(Some(UpdateOf::Other(Arc::new(wim), image)));
        }
        if !self.wim.exists() {
            return Err(CaptureError::NothingToUpdate { path: self.wim.clone() }.into());
        }
        let Ok(word) = word.to_string_lossy().parse();
        Ok(Some(UpdateOf::Own(find_image(&open_other(&self.wim, context)?, &word)?)))
    }

    /// The files whose blobs are not stored.
    fn delta_from(&self, context: &Context) -> Result<Vec<Arc<Wim>>, Failure> {
        let files = expand(&self.delta_from)?;
        files.iter().map(|path| Ok(Arc::new(open_other(path, context)?))).collect()
    }

    fn exclusions(&self) -> Result<Exclusions, Failure> {
        let mut exclusions = match &self.config {
            Some(path) => {
                let wrong = |problem: String| Failure::message(format!("{}: {problem}", path.display()));
                let bytes = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
                Exclusions::parse(&bytes).map_err(|error| wrong(error.to_string()))?
            }
            None => Exclusions::default(),
        };
        self.exclude.iter().for_each(|pattern| exclusions.exclude(pattern));
        Ok(exclusions)
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(crate) fn wim(&self) -> &Path {
        &self.wim
    }

    /// Does the work, then tells what was done.
    pub(crate) fn run(
        &self,
        context: &Context,
        schema: &'static str,
        work: impl FnOnce() -> Result<capture::Outcome, CaptureError>,
    ) -> Result<Outcome, Failure> {
        let begun = Instant::now();
        let result = work();
        context.bars.clear();
        let done = result?;
        for warning in &done.warnings {
            warn(visible(warning));
        }
        for (path, what) in &done.left_out {
            warn(format_args!("left out: {}: {what}", visible(&path.display().to_string())));
        }
        for skipped in &done.skipped {
            let (path, problem) = (skipped.path.display().to_string(), skipped.problem.to_string());
            warn(format_args!("not captured: {}: {}", visible(&path), visible(&problem)));
        }
        if context.global.json {
            printer::json(&Document::new(schema, &self.wim, &done))?;
        } else {
            self.summarize(context, &done, begun);
        }
        Ok(if done.is_complete() { Outcome::Done } else { Outcome::Partial })
    }

    fn summarize(&self, context: &Context, done: &capture::Outcome, begun: Instant) {
        say_written(context, &self.wim, done.size, (done.format, done.solid), begun);
        context.say(format_args!(
            "  image {}: {} ({}), {}, {}, {}",
            done.index,
            Counted(done.files, "file"),
            Human(done.bytes),
            Counted(done.hard_links, "hard link"),
            Counted(done.symlinks, "symbolic link"),
            Counted(done.directories, "directory")
        ));
        context.say(format_args!(
            "  {} compressed ({}), {} there already, {} excluded",
            Counted(done.stored_blobs, "blob"),
            Human(done.stored_bytes),
            done.present_blobs,
            done.excluded
        ));
        if !self.delta_from.is_empty() {
            let left = Counted(done.elsewhere_blobs, "blob");
            context.say(format_args!("  {left} left to the files of --delta-from, which --ref names for reading"));
        }
        if self.update_of.is_some() {
            context.say(format_args!(
                "  {} not read because they did not change, {} brought over",
                Counted(done.reused_files, "file"),
                Counted(done.brought_blobs, "blob")
            ));
        }
    }
}

impl From<CaptureError> for Failure {
    fn from(error: CaptureError) -> Self {
        match error {
            CaptureError::Interrupted => Self::Interrupted,
            CaptureError::Destination(error) => error.into(),
            error => {
                let hint = error.hint();
                Self::new(error, hint)
            }
        }
    }
}

/// The JSON document; its members are described in docs/json/capture.md.
#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    path: String,
    size: u64,
    compression: &'static str,
    solid: bool,
    image: u32,
    complete: bool,
    directories: u64,
    files: u64,
    hard_links: u64,
    symlinks: u64,
    bytes: u64,
    stored_blobs: u64,
    stored_bytes: u64,
    present_blobs: u64,
    elsewhere_blobs: u64,
    reused_files: u64,
    brought_blobs: u64,
    excluded: u64,
    left_out: Vec<Unused>,
    skipped: Vec<Unused>,
    warnings: &'a [String],
}

#[derive(Serialize)]
struct Unused {
    path: String,
    problem: String,
}

impl<'a> Document<'a> {
    fn new(schema: &'static str, path: &Path, done: &'a capture::Outcome) -> Self {
        let unused = |path: &Path, problem: String| Unused { path: path.display().to_string(), problem };
        Self {
            schema,
            path: path.display().to_string(),
            size: done.size,
            compression: done.format.map_or("none", |format| format.name()),
            solid: done.solid,
            image: done.index.get(),
            complete: done.is_complete(),
            directories: done.directories,
            files: done.files,
            hard_links: done.hard_links,
            symlinks: done.symlinks,
            bytes: done.bytes,
            stored_blobs: done.stored_blobs,
            stored_bytes: done.stored_bytes,
            present_blobs: done.present_blobs,
            elsewhere_blobs: done.elsewhere_blobs,
            reused_files: done.reused_files,
            brought_blobs: done.brought_blobs,
            excluded: done.excluded,
            left_out: done.left_out.iter().map(|(path, what)| unused(path, what.to_string())).collect(),
            skipped: done.skipped.iter().map(|skipped| unused(&skipped.path, skipped.problem.to_string())).collect(),
            warnings: &done.warnings,
        }
    }
}
