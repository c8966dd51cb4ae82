//! `wimkit expand`: the files of a cabinet or an update package.

mod delta;
mod document;
mod matcher;

use super::Context;
use super::args::Size;
use super::exit::{Failure, Outcome};
use super::human::{Counted, Human};
use super::printer::{self, Out, visible, warn};
use super::source::open_address;
use clap::Args;
use clap::builder::{PathBufValueParser, TypedValueParser};
use delta::DeltaFile;
use document::{Extracted, Listing};
use matcher::Matcher;
use std::path::{Path, PathBuf};
use std::time::Instant;
use wimkit::address::container::{Container, ContainerOptions, Content};
use wimkit::cab::{self, NameEncoding};
use wimkit::catalog::package::extract::PayloadCounts;
use wimkit::catalog::package::{self, Package, PackageError, extract};
use wimkit::catalog::payload::Payload;
use wimkit::catalog::role::Role;
use wimkit::util::read_at::{self, ReadAt};

/// List or extract the files of a cabinet or an update package
///
/// What Windows' expand.exe is asked in its own way is understood: `expand update.cab -F:* DIR`.
#[derive(Args, Debug)]
pub(crate) struct Expand {
    /// The cabinet, the update package (.msu), a compressed file (setup.ex_), or a file with a cabinet in it; of a set any
    /// one; - is standard input. Or the payload of a package (.psf), a compressed manifest, a delta
    #[arg(value_parser = PathBufValueParser::new().try_map(no_switch))]
    pkg: PathBuf,
    /// The directory to extract to, as expand.exe takes it; for a compressed file it may be the file to make
    #[arg(value_name = "DIR", conflicts_with = "to", value_parser = PathBufValueParser::new().try_map(no_switch))]
    dest: Option<PathBuf>,
    /// The directory to extract to [default: the current one]
    #[arg(long, value_name = "DIR")]
    to: Option<PathBuf>,
    /// Files to take; * and ? match anything. With \ or / in it the pattern is for whole paths, else for names [default: *]
    #[arg(short = 'F', visible_short_alias = 'f', long = "files", value_name = "PATTERN")]
    patterns: Vec<String>,
    /// List the files instead of extracting them
    #[arg(short = 'D', visible_short_alias = 'd', long)]
    list: bool,
    /// Look into cabinets and images in the package, too: each becomes a directory of its name. Payloads become their files
    #[arg(long)]
    recursive: bool,
    /// Ignore the directories: put all files into the target itself
    #[arg(short = 'I', visible_short_alias = 'i', long)]
    flatten: bool,
    /// Understood for expand.exe's sake: files always get the names that are stored
    #[arg(short = 'R', visible_short_alias = 'r')]
    rename: bool,
    /// Leave files that exist alone and stop, in place of replacing them
    #[arg(long)]
    no_overwrite: bool,
    /// Go on behind damage: extract what can still be had, and tell what is missing
    #[arg(long)]
    keep_going: bool,
    /// Refuse what is otherwise tolerated with a warning, and several files of one path, whatever the letter case
    #[arg(long, conflicts_with = "keep_going")]
    strict: bool,
    /// Refuse to extract more than this; with --recursive also to decode containers inside with more
    #[arg(long, value_name = "SIZE")]
    max_size: Option<Size>,
    /// The code page of names that do not say it, such as shift_jis, koi8-r or windows-1250 [default: a guess]
    #[arg(long, value_name = "NAME", value_parser = encoding)]
    encoding: Option<NameEncoding>,
    /// The other cabinets of a set [default: those beside the first that it names]
    #[arg(long = "part", value_name = "FILE")]
    parts: Vec<PathBuf>,
    /// For a .psf: its index (.cix.xml, .psm), or the package that holds it [default: looked for beside it, and in it]
    #[arg(long, value_name = "FILE")]
    index: Option<PathBuf>,
    /// For a compressed manifest (DCM): the base manifest of the image that it is from
    #[arg(long, value_name = "FILE", conflicts_with = "source")]
    base: Option<PathBuf>,
    /// For a delta, or a compressed file (DCD): the file that it is against [default: nothing]
    #[arg(long, value_name = "FILE")]
    source: Option<PathBuf>,
}

fn encoding(label: &str) -> Result<NameEncoding, String> {
    NameEncoding::from_label(label).ok_or_else(|| "expected a code page such as windows-1252 or shift_jis".into())
}

/// Refuses what Windows takes for a switch, and everything else for a path: with a directory of that name something else would be
/// done than was meant.
fn no_switch(path: PathBuf) -> Result<PathBuf, String> {
    match switch_hint(&path) {
        Some(hint) => Err(format!("{hint}. If a directory of that name is meant: --to {}", path.display())),
        None => Ok(path),
    }
}

/// What to write in place of a switch with a slash, if this is one.
pub(super) fn switch_hint(argument: &Path) -> Option<&'static str> {
    let switch = argument.to_str()?.strip_prefix('/')?.to_ascii_lowercase();
    let hint = match &*switch {
        "d" | "r" | "i" => "write the switch with a hyphen: -D, -R, -I",
        "y" => "leave it out: files that exist are replaced, unless --no-overwrite is given",
        switch if switch.starts_with("f:") => "write the switch with a hyphen: -F:PATTERN",
        _ => return None,
    };
    (!argument.exists()).then_some(hint)
}

impl Expand {
    /// Opens the package; `source` is what its address leads to, where that was opened already.
    fn open(&self, source: Option<Box<dyn ReadAt>>, context: &Context) -> Result<Package, Failure> {
        let cab = cab::OpenOptions {
            no_mmap: context.global.no_mmap,
            parts: self.parts.clone(),
            encoding: self.encoding.unwrap_or_default(),
            salvage: self.keep_going || self.list,
        };
        let container = ContainerOptions { cab, memory: context.memory() };
        let is_psf = self.pkg.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("psf"));
        if is_psf || self.index.is_some() {
            return Ok(Package::of_payload(Payload::open_psf(&self.pkg, self.index.as_deref(), &container)?));
        }
        let mut outermost = match (source, self.pkg.to_str()) {
            (Some(source), _) => Container::from_source(source, &self.pkg, &container)?,
            (None, Some("-")) => Container::from_source(standard_input()?, Path::new("standard input"), &container)?,
            (None, _) => Container::open(&self.pkg, &container)?,
        };
        if let Some((_, name)) = self.single_file(&outermost) {
            outermost.rename_single_file(name);
        }
        let defaults = package::Options::default();
        let max_inner = self.max_size.map_or(defaults.max_inner, |size| size.0.min(defaults.max_inner));
        let options = package::Options { container, recursive: self.recursive, max_inner };
        Ok(Package::new(outermost, &options))
    }

    /// The directory to extract to.
    fn target(&self) -> &Path {
        self.to.as_deref().or(self.dest.as_deref()).unwrap_or(Path::new("."))
    }

    /// Whether what is given goes with a delta. Standard input can be read once only, and that is for packages.
    fn may_be_delta(&self) -> bool {
        self.index.is_none() && self.parts.is_empty() && self.pkg != Path::new("-")
    }

    /// The directory and the name of the file that is to be made of a compressed one, if DIR is such.
    fn single_file(&self, container: &Container) -> Option<(&Path, &str)> {
        let dest = self.dest.as_deref().filter(|_| matches!(container.content(), Content::SingleFile(_)))?;
        let is_directory = dest.is_dir() || dest.to_str()?.ends_with(std::path::is_separator);
        let name = dest.file_name().filter(|_| !is_directory)?.to_str()?;
        let directory = dest.parent().filter(|parent| !parent.as_os_str().is_empty());
        Some((directory.unwrap_or(Path::new(".")), name))
    }

    pub(crate) fn run(&self, context: &Context) -> Result<Outcome, Failure> {
        let begun = Instant::now();
        // To be opened once: what an address leads to may have to be decoded for that.
        let mut opened = None;
        if self.may_be_delta() {
            let source = open_address(&self.pkg, context)?;
            if let Some(kind) = DeltaFile::of(&*source) {
                return self.expand_delta(kind, &*source, context);
            }
            if self.base.is_some() || self.source.is_some() {
                let message = format!("{}: neither a delta nor a compressed manifest", self.pkg.display());
                return Err(Failure::message(message).with_hint("leave --base and --source out"));
            }
            opened = Some(source);
        }
        let package = self.open(opened, context)?;
        let warnings = package.warnings();
        for warning in warnings {
            warn(visible(warning));
        }
        let chosen = Matcher::new(&self.patterns)?.choose(package.files().iter().map(|file| &*file.path))?;
        if self.strict {
            package.check_strictly(&chosen, self.flatten)?;
        }
        if self.list {
            list(&package, &chosen, context)?;
            return Ok(Outcome::Done);
        }
        let single = package.containers().next().and_then(|container| self.single_file(container));
        let target = single.map_or(self.target(), |(directory, _)| directory);
        let options = extract::Options {
            overwrite: !self.no_overwrite,
            flatten: self.flatten,
            keep_going: self.keep_going,
            max_bytes: self.max_size.map(|size| size.0),
            memory: context.memory(),
        };
        let result = package.extract(&chosen, target, &options, context.control());
        context.bars.clear();
        let done = result?;
        for (path, problem) in &done.missing {
            warn(format_args!("not extracted: {}: {}", visible(path), visible(problem)));
        }
        let is_complete = done.missing.is_empty() && package.lists_all();
        if context.global.json {
            printer::json(&Extracted::new(target, is_complete, done, warnings.to_vec()))?;
        } else {
            let (files, bytes, seconds) =
                (Counted(done.files, "file"), Human(done.bytes), begun.elapsed().as_secs_f64());
            context.say(format_args!("{}: {files} ({bytes}), in {seconds:.1} s", target.display()));
            if let Some(counts) = &done.payload {
                say_payload(counts, context);
            }
        }
        Ok(if is_complete { Outcome::Done } else { Outcome::Partial })
    }
}

/// What came of payloads.
fn say_payload(counts: &PayloadCounts, context: &Context) {
    let refused: u64 = counts.refused.values().sum();
    context.say(format_args!("payload: {} decoded, {refused} refused, {} failed", counts.decoded, counts.failed));
    for (kind, count) in &counts.refused {
        context.say(format_args!("  refused: {count} ({})", visible(kind)));
    }
}

/// Standard input, which may be a pipe: kept, to be read here and there.
fn standard_input() -> Result<Box<dyn ReadAt>, Failure> {
    let mut kept = tempfile::SpooledTempFile::new(1 << 20);
    let read = std::io::copy(&mut std::io::stdin().lock(), &mut kept).and_then(|_| read_at::spooled(kept));
    read.map_err(|error| Failure::message(format!("standard input: {error}")))
}

fn list(package: &Package, chosen: &[usize], context: &Context) -> Result<(), Failure> {
    if context.global.json {
        return printer::json(&Listing::new(package, chosen));
    }
    let mut out = Out::new();
    for file in chosen.iter().map(|index| &package.files()[*index]) {
        let member = package.member(file);
        write!(out, "{:>12}  ", member.size)?;
        match member.time.is_zero() {
            true => write!(out, "{:<20}", "-")?,
            false => write!(out, "{:<20}", member.time)?,
        }
        write!(out, "  {}", visible(&file.path))?;
        match Role::of(&file.path) {
            _ if package.is_of_payload(file) => writeln!(out, "  [{}]", member.compression)?,
            Some(role) => writeln!(out, "  [{role}]")?,
            None => out.write_all(b"\n")?,
        }
    }
    out.finish()
}

impl From<PackageError> for Failure {
    fn from(error: PackageError) -> Self {
        if error.is_interrupt() {
            return Self::Interrupted;
        }
        let hint = error.hint();
        Self::new(error, hint)
    }
}
