//! Changing the inside of images: adding, deleting, renaming, replacing, in one transaction over any number of commands and
//! images.
//!
//! In order: what is added is looked at ▶ the commands are tried on every tree, so that nothing is written unless all of them can be
//! carried out ▶ new contents are compressed, each once, behind those of the file ▶ the trees are changed and
//! written ▶ the tables ▶ last, the header. Until then, the file has its old images. What no image uses any more leaves the
//! blob table; its space comes back with `rebuild`, or the next `optimize`.
//!
//! # What is stated about the Windows in an image
//!
//! Where its kernel, its library or a hive of its registry changes, version, edition, languages and the like are found out
//! anew and stated; what else the image's element says stays.
//!
//! # What a replaced file keeps
//!
//! Its name, as the image spells it, its short name, security descriptor, time of creation, tagged items (extended
//! attributes, object id) and attributes such as HIDDEN. New are the content, and the times of the last write and access; its named
//! streams, which belong to the old content, go. A file that comes from another image brings its own of all these but
//! the names. If it was one of several names of a file, it becomes a file of its own: the other names, perhaps in the
//! component store, keep the old content. A directory that is merged with another one stays what it was.

mod command;
mod edit;
mod error;
mod gather;
mod language;
#[cfg(test)]
mod tests;
mod windows;
mod write;

pub use command::{Command, Source};
pub use edit::Changes;
pub use error::UpdateError;
pub use language::{LanguageError, parse_line, parse_script};

use super::capture::present::Present;
use super::capture::report::Findings;
use super::capture::store::{Target, store};
use super::capture::{Exclusions, LeftOut};
use super::engine::default_memory;
use super::export::{
    Check, Compression, Encodings, ExportError, Transfer, appendable_end, integrity_of, refuse_modification,
};
use super::header::flag;
use super::reader::{ImageIndex, OpenOptions, Wim};
use super::writer::{AppendError, NewFile, WimWriter};
use crate::codec::Format;
use crate::util::progress::Control;
use gather::Gathered;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use write::Task;

/// How images are changed.
#[derive(Clone, Debug)]
pub struct Options {
    /// The images; empty for all.
    pub images: Vec<ImageIndex>,
    /// How new blobs are stored; `None`: the file's way. Only the level and being solid can differ from that.
    pub compression: Option<Compression>,
    /// Write the file anew, without what no image uses, instead of appending to it.
    pub rebuild: bool,
    /// Whether to write an integrity table.
    pub check: Check,
    /// What is left out of directories that are added; paths count from such a directory.
    pub exclusions: Exclusions,
    /// Take names that Windows cannot have, and names that differ in letter case only.
    pub any_names: bool,
    /// Bytes of data and of compressor contexts that may be in memory at once.
    pub memory: u64,
    /// Read the file by position instead of mapping it.
    pub no_mmap: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            images: Vec::new(),
            compression: None,
            rebuild: false,
            check: Check::default(),
            exclusions: Exclusions::none(),
            any_names: false,
            memory: default_memory(),
            no_mmap: false,
        }
    }
}

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The images that were changed, and how.
    pub images: Vec<(ImageIndex, Changes)>,
    /// Blobs that were compressed, from disk or memory.
    pub stored_blobs: u64,
    /// Their uncompressed size in bytes.
    pub stored_bytes: u64,
    /// Blobs from other images whose resources were copied as they are. With `rebuild`, the file's own, too.
    pub copied_blobs: u64,
    /// Bytes of these resources.
    pub copied_bytes: u64,
    /// Blobs from other images that were compressed anew.
    pub encoded_blobs: u64,
    /// Their uncompressed size in bytes.
    pub encoded_bytes: u64,
    /// Uncompressed bytes of the blobs that no image uses any more.
    pub unused_bytes: u64,
    /// Sockets and the like in directories that were added: no part of an image.
    pub left_out: Vec<(PathBuf, LeftOut)>,
    /// Entries that the exclusion list names.
    pub excluded: u64,
    /// What could not be found out about the Windows in the images, where it was to be stated anew.
    pub warnings: Vec<String>,
    /// The file's size in bytes before.
    pub old_size: u64,
    /// The file's size in bytes.
    pub size: u64,
    /// The file's format.
    pub format: Option<Format>,
}

/// Changes images of the WIM at `path`.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use wimkit::util::progress::Control;
/// use wimkit::wim::capture::{self, capture};
/// use wimkit::wim::update::{Command, Options, Source, update};
/// use wimkit::wim::{ImageIndex, Wim};
///
/// # let directory = tempfile::tempdir()?;
/// # std::fs::create_dir(directory.path().join("tree"))?;
/// # let path = directory.path().join("install.wim");
/// # capture(&directory.path().join("tree"), &path, &capture::Options::default(), Control::silent())?;
/// // The same file into every image, stored once.
/// let commands = [Command::add(Source::Bytes(b"hello".to_vec()), "Windows/System32/Recovery/winre.wim")];
/// let done = update(&path, &commands, &Options::default(), Control::silent())?;
/// assert_eq!(done.stored_blobs, 1);
/// let tree = Wim::open(&path, &Default::default())?.metadata(ImageIndex::FIRST)?;
/// assert!(tree.lookup("windows/system32/recovery/WINRE.WIM").is_some());
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`UpdateError`]. The file is then as it was.
pub fn update(
    path: &Path,
    commands: &[Command<Source<'_>>],
    options: &Options,
    control: Control<'_>,
) -> Result<Outcome, UpdateError> {
    update_batches(path, &[Batch { images: &options.images, commands }], options, control)
}

/// Commands, and the images on which they are carried out.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'b, 'a> {
    /// The images; empty for all.
    pub images: &'b [ImageIndex],
    /// The commands.
    pub commands: &'b [Command<Source<'a>>],
}

/// As [`update`], with commands of their own for different images, still in one transaction. [`Options::images`] has no
/// meaning here.
///
/// # Errors
/// [`UpdateError`]. The file is then as it was.
pub fn update_batches(
    path: &Path,
    batches: &[Batch<'_, '_>],
    options: &Options,
    control: Control<'_>,
) -> Result<Outcome, UpdateError> {
    let open = OpenOptions { no_mmap: options.no_mmap, ..OpenOptions::default() };
    let wim = Wim::open(path, &open)?;
    refuse_modification(&wim)?;
    let end = appendable_end(&wim)?;
    let commands: Vec<&Command<Source<'_>>> = batches.iter().flat_map(|batch| batch.commands).collect();
    let selected = selected(&wim, batches)?;
    let old_size = wim.files()[0].source.size();
    let encodings = Encodings::of(&wim, options.compression)?;
    let mut findings = Findings::default();
    let gathered = Gathered::new(&commands, path, options, &mut findings, control)?;

    // Nothing is written unless everything can be done.
    for (image, selected) in &selected {
        let tried = edit::edit(wim.metadata(*image)?, &commands, selected, &gathered, None, options.any_names);
        tried.map_err(|fault| fault_of(&wim, *image, &commands, fault))?;
    }

    let mut writer = if options.rebuild {
        let header = wim.header();
        let kept_flags = header.flags & flag::RP_FIX;
        let new = NewFile { encoding: encodings.plain, flags: kept_flags, replaces: Some(header.clone()) };
        let created = WimWriter::create(path, &new);
        let mut writer = created.map_err(|error| AppendError::Io(error).at(path))?;
        writer.set_boot(wim.boot_index());
        writer
    } else {
        WimWriter::append(&wim, encodings.plain, end).map_err(|error| error.at(path))?
    };
    let mut target = Target {
        writer: &mut writer,
        path,
        present: Present { own: Some(wim.contents()?), ..Present::default() },
        solid: encodings.solid,
        memory: options.memory,
    };
    let stored = store(&gathered.scan, &mut target, &mut findings, control)?;
    writer.drop_nameless();

    let mut xml = wim.xml().clone();
    let transfer = Transfer {
        wims: std::iter::once(&wim).chain(gathered.trees.iter().map(|tree| tree.wim)).collect(),
        solid: encodings.solid,
        recompress: false,
        memory: options.memory,
        destination: path,
        control,
    };
    let task = Task {
        wim: &wim,
        selected: &selected,
        commands: &commands,
        gathered: &gathered,
        stored: &stored,
        transfer,
        options,
    };
    let written = task.write(&mut writer, &mut xml)?;

    let integrity = integrity_of(&wim, options.check);
    if integrity.is_some() {
        control.progress.begin("Writing the integrity table", writer.position());
    }
    let finished = writer.finish(&mut xml, integrity, control).map_err(|error| error.at(path))?;
    drop(wim); // some systems replace no open file
    let size = finished.commit(path)?;
    Ok(Outcome {
        images: written.changes,
        stored_blobs: stored.blobs,
        stored_bytes: stored.bytes,
        copied_blobs: written.transferred.copied_blobs,
        copied_bytes: written.transferred.copied_bytes,
        encoded_blobs: written.transferred.encoded_blobs,
        encoded_bytes: written.transferred.encoded_bytes,
        unused_bytes: written.unused_bytes,
        left_out: findings.left_out,
        excluded: findings.excluded,
        warnings: [findings.warnings, written.warnings].concat(),
        old_size,
        size,
        format: encodings.format,
    })
}

/// For each image that is changed, which of all commands are carried out on it.
type Selected = BTreeMap<ImageIndex, Vec<usize>>;

fn selected(wim: &Wim, batches: &[Batch<'_, '_>]) -> Result<Selected, UpdateError> {
    let mut selected = Selected::new();
    let mut first = 0;
    for Batch { images, commands } in batches {
        let all: Vec<ImageIndex> = wim.images().collect();
        for image in if images.is_empty() { &all } else { *images } {
            wim.metadata_entry(*image)?;
            let list = selected.entry(*image).or_default();
            // An image may be named twice.
            list.extend((first..first + commands.len()).filter(|index| !list.contains(index)).collect::<Vec<_>>());
        }
        first += commands.len();
    }
    if selected.is_empty() {
        return Err(ExportError::NothingSelected.into());
    }
    Ok(selected)
}

fn fault_of(wim: &Wim, image: ImageIndex, commands: &[&Command<Source<'_>>], fault: edit::Fault) -> UpdateError {
    let (index, problem) = fault;
    let command = commands[index].to_string();
    UpdateError::Command { path: wim.path().to_owned(), image, command, problem: problem.into() }
}
