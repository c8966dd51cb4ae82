//! `wimkit update`: changes inside images.

mod sources;

use super::Context;
use super::args::ImageWord;
use super::compression::CheckArgs;
use super::exit::{Failure, Outcome};
use super::human::{Counted, Human};
use super::printer::{self, visible, warn};
use super::source::{find_images, open_in_place};
use clap::Args;
use serde::Serialize;
use sources::Sources;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Instant;
use wimkit::wim::capture::Exclusions;
use wimkit::wim::update::{self, Command, Options, UpdateError, parse_line, parse_script};

/// Add, delete, rename and replace files inside images
///
/// Commands are `add SRC DEST`, `delete [--force] [--recursive] PATH` and `rename OLD NEW`; words with blanks stand in quotes. SRC is a
/// file or directory on disk, or one in another image: OTHER.wim!/IMAGE/PATH. All of them are carried out on every image that is
/// named, or none on any.
#[derive(Args, Debug)]
pub(crate) struct Update {
    /// The file to change
    wim: PathBuf,
    /// The images: numbers from 1 (1,3-5), a name, or all
    image: ImageWord,
    /// A command, such as "add winre.wim Windows/System32/Recovery/winre.wim"; repeat it for several
    #[arg(long, short, value_name = "COMMAND")]
    command: Vec<String>,
    /// Read commands from this file, one in a line, before those of --command; - is standard input
    #[arg(long, value_name = "FILE")]
    commands: Option<PathBuf>,
    /// What `add` adds are paths in this image
    #[arg(long, num_args = 2, value_names = ["SRC", "IMAGE"])]
    from_image: Vec<String>,
    /// Write the whole file anew, without what no image uses, instead of appending to it
    #[arg(long)]
    rebuild: bool,
    #[command(flatten)]
    check: CheckArgs,
    /// Leave out of added directories what the pattern fits: \dir\name from their roots, name anywhere; * and ?
    #[arg(long, value_name = "GLOB", help_heading = "Selection")]
    exclude: Vec<String>,
    /// Take names that Windows cannot have, and names that differ in letter case only
    #[arg(long, help_heading = "Selection")]
    any_names: bool,
}

impl Update {
    pub(crate) fn run(&self, context: &Context) -> Result<Outcome, Failure> {
        let commands = self.parse()?;
        let images = find_images(&open_in_place(&self.wim, context)?, &self.image)?;
        let mut exclusions = Exclusions::none();
        self.exclude.iter().for_each(|pattern| exclusions.exclude(pattern));
        let options = Options {
            images,
            rebuild: self.rebuild,
            check: self.check.check(),
            exclusions,
            any_names: self.any_names,
            memory: context.memory(),
            no_mmap: context.global.no_mmap,
            ..Options::default()
        };
        let mut sources = Sources::new(&self.from_image, context)?;
        let found = commands
            .into_iter()
            .map(|command| command.try_map(|word| sources.find(&word, context)))
            .collect::<Result<Vec<_>, Failure>>()?;
        let commands: Vec<_> = found
            .into_iter()
            .map(|command| command.try_map(|found| Ok::<_, Failure>(sources.source(found))))
            .collect::<Result<_, _>>()?;
        run(context, "wimkit.update/1", &self.wim, || update::update(&self.wim, &commands, &options, context.control()))
    }

    /// The commands: those of the file, then those of the command line.
    fn parse(&self) -> Result<Vec<Command<String>>, Failure> {
        let mut commands = Vec::new();
        if let Some(path) = &self.commands {
            let wrong = |problem: String| Failure::message(format!("{}: {problem}", path.display()));
            let bytes = if path == Path::new("-") {
                let mut bytes = Vec::new();
                std::io::stdin().lock().read_to_end(&mut bytes).map(|_| bytes)
            } else {
                std::fs::read(path)
            };
            let bytes = bytes.map_err(|error| wrong(error.to_string()))?;
            let parsed = parse_script(&bytes);
            commands.extend(parsed.map_err(|(line, error)| wrong(format!("line {line}: {error}")))?);
        }
        for text in &self.command {
            let parsed = parse_line(text).map_err(|error| Failure::message(format!("--command {text:?}: {error}")))?;
            commands.extend(parsed);
        }
        if commands.is_empty() {
            return Err(Failure::message("there is no command to carry out")
                .with_hint("give one with --command, or many with --commands FILE; - is standard input"));
        }
        Ok(commands)
    }
}

/// Does the work, then tells what was done: the end of every command that changes images.
pub(crate) fn run(
    context: &Context,
    schema: &'static str,
    path: &Path,
    work: impl FnOnce() -> Result<update::Outcome, UpdateError>,
) -> Result<Outcome, Failure> {
    let begun = Instant::now();
    let result = work();
    context.bars.clear();
    let done = result?;
    for (path, what) in &done.left_out {
        warn(format_args!("left out: {}: {what}", visible(&path.display().to_string())));
    }
    for warning in &done.warnings {
        warn(visible(warning));
    }
    if context.global.json {
        printer::json(&Document::new(schema, path, &done))?;
    } else {
        summarize(context, path, &done, begun);
    }
    Ok(Outcome::Done)
}

fn summarize(context: &Context, path: &Path, done: &update::Outcome, begun: Instant) {
    let seconds = begun.elapsed().as_secs_f64();
    context.say(format_args!("{}: {}, in {seconds:.1} s", path.display(), Human(done.size)));
    for (image, changes) in &done.images {
        let counts = [
            (changes.added, "added"),
            (changes.replaced, "replaced"),
            (changes.deleted, "deleted"),
            (changes.renamed, "renamed"),
        ];
        let counts: Vec<String> =
            counts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
        let counts = if counts.is_empty() { "nothing changed".to_owned() } else { counts.join(", ") };
        context.say(format_args!("  image {image}: {counts}"));
    }
    context.say(format_args!(
        "  {} compressed ({}), {} copied as stored ({})",
        Counted(done.stored_blobs + done.encoded_blobs, "blob"),
        Human(done.stored_bytes + done.encoded_bytes),
        done.copied_blobs,
        Human(done.copied_bytes)
    ));
    if done.unused_bytes > 0 && done.size >= done.old_size {
        let unused = Human(done.unused_bytes);
        context.say(format_args!("  {unused} are used no more; `wimkit optimize` gives their space back"));
    }
}

/// The JSON document; its members are described in docs/json/update.md.
#[derive(Serialize)]
struct Document {
    schema: &'static str,
    path: String,
    old_size: u64,
    size: u64,
    compression: &'static str,
    images: Vec<Image>,
    stored_blobs: u64,
    stored_bytes: u64,
    copied_blobs: u64,
    copied_bytes: u64,
    encoded_blobs: u64,
    encoded_bytes: u64,
    unused_bytes: u64,
    excluded: u64,
    left_out: Vec<LeftOut>,
    warnings: Vec<String>,
}

#[derive(Serialize)]
struct Image {
    index: u32,
    added: u64,
    replaced: u64,
    deleted: u64,
    renamed: u64,
}

#[derive(Serialize)]
struct LeftOut {
    path: String,
    problem: String,
}

impl Document {
    fn new(schema: &'static str, path: &Path, done: &update::Outcome) -> Self {
        let image = |(index, changes): &(wimkit::wim::ImageIndex, update::Changes)| Image {
            index: index.get(),
            added: changes.added,
            replaced: changes.replaced,
            deleted: changes.deleted,
            renamed: changes.renamed,
        };
        let left_out = done.left_out.iter();
        Self {
            schema,
            path: path.display().to_string(),
            old_size: done.old_size,
            size: done.size,
            compression: done.format.map_or("none", |format| format.name()),
            images: done.images.iter().map(image).collect(),
            stored_blobs: done.stored_blobs,
            stored_bytes: done.stored_bytes,
            copied_blobs: done.copied_blobs,
            copied_bytes: done.copied_bytes,
            encoded_blobs: done.encoded_blobs,
            encoded_bytes: done.encoded_bytes,
            unused_bytes: done.unused_bytes,
            excluded: done.excluded,
            left_out: left_out
                .map(|(path, what)| LeftOut { path: path.display().to_string(), problem: what.to_string() })
                .collect(),
            warnings: done.warnings.clone(),
        }
    }
}
